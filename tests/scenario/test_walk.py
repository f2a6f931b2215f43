"""One person's way through everything, in order: an account, the gateway found and registered with, a
contact with a mail address, messages both ways, presence, log-out and log-in, and out again.

It is the walk of the Jabber protocol overview of 2001 (§7.1 to §7.7), with a real client.
"""

import sqlite3

import pytest

import world as w
from jabber import JabberClient, error_of, has, new_id, open_account, quote, text_of
from mail import body_of
from servers.base import wait_until

ACCOUNT, PASSWORD = "viola", "patience on a monument"
DISCO = "http://jabber.org/protocol/disco"
REGISTER = "jabber:iq:register"
FORM = "{jabber:x:data}"
FOR_LATE_REPORTS = {"link"}  # which mail was which message: her last mail may still fail


class Person:
    """Viola, who does one thing after the other in her client."""

    def __init__(self, world):
        self.world = world
        self.jid = f"{ACCOUNT}@{w.JABBER_DOMAIN}"
        self.client = None

    # ---- what she does at her server ----

    def open_account(self):
        open_account(self.jid, PASSWORD, self.world.host.c2s_port)

    def log_in(self):
        self.client = JabberClient(f"{self.jid}/cesario", PASSWORD, self.world.host.c2s_port).start()

    def log_out(self):
        self.client.send_xml("<presence xmlns='jabber:client' type='unavailable'/>")
        self.client.stop()

    def close_account(self):
        self.client.send_xml(f"<iq xmlns='jabber:client' type='set' id='end'><query xmlns='{REGISTER}'>"
                             "<remove/></query></iq>")
        self.client.stop()

    def ask(self, to, query, kind="get"):
        answer = self.client.ask(to, query, kind)
        assert answer.get("type") == "result", error_of(answer)
        return answer[0] if len(answer) else None

    def services(self):
        """What "Browse services" lists, as {JID: its identities}."""
        items = self.ask(w.JABBER_DOMAIN, f"<query xmlns='{DISCO}#items'/>")
        found = {}
        for jid in [item.get("jid") for item in items]:
            answer = self.client.ask(jid, f"<query xmlns='{DISCO}#info'/>")
            found[jid] = [(i.get("category"), i.get("type"))
                          for i in answer.iter(f"{{{DISCO}#info}}identity")]
        return found

    def roster(self):
        """{JID: (name, subscription)}"""
        items = self.ask(None, "<query xmlns='jabber:iq:roster'/>")
        return {i.get("jid"): (i.get("name"), i.get("subscription")) for i in items}

    # ---- what she does at the gateway ----

    def registration_form(self, gateway):
        """{field: (label, value)}, and whether she has registered."""
        query = self.ask(gateway, f"<query xmlns='{REGISTER}'/>")
        fields = {f.get("var"): (f.get("label"), f.findtext(f"{FORM}value"))
                  for f in query.iter(f"{FORM}field")}
        return fields, query.find(f"{{{REGISTER}}}registered") is not None

    def register(self, gateway, **answers):
        fields = "".join(f"<field var='{var}'><value>{value}</value></field>"
                         for var, value in {"FORM_TYPE": REGISTER, **answers}.items())
        self.ask(gateway, f"<query xmlns='{REGISTER}'><x xmlns='jabber:x:data' type='submit'>{fields}"
                 "</x></query>", "set")

    def unregister(self, gateway):
        self.ask(gateway, f"<query xmlns='{REGISTER}'><remove/></query>", "set")

    def jid_of(self, gateway, mail_address):
        """The dialog "Add a contact" of a client that knows gateways: a prompt, an answer, a JID."""
        question = self.ask(gateway, "<query xmlns='jabber:iq:gateway'/>")
        assert question.findtext("{jabber:iq:gateway}prompt")
        answer = self.ask(gateway, "<query xmlns='jabber:iq:gateway'><prompt>"
                          f"{mail_address}</prompt></query>", "set")
        return answer.findtext("{jabber:iq:gateway}jid")

    def add(self, jid, name):
        self.ask(None, f"<query xmlns='jabber:iq:roster'><item jid={quote(jid)} name='{name}'/></query>", "set")
        self.present(jid, "subscribe")

    def present(self, to=None, kind=None, show=None):
        attributes = (f" to={quote(to)}" if to else "") + (f" type='{kind}'" if kind else "")
        self.client.send_xml(f"<presence xmlns='jabber:client'{attributes}>"
                             + (f"<show>{show}</show>" if show else "") + "</presence>")

    def presences(self, jid):
        """What has come from a contact since she logged in: types of presence, None for available."""
        return [p.get("type") for p in self.client.stanzas(
            lambda s: s.tag == "{jabber:client}presence" and s.get("from", "").partition("/")[0] == jid)]

    def sees(self, jid, kind=None):
        wait_until(f"{kind or 'available'} of {jid}", lambda: kind in self.presences(jid))

    def sees_last(self, jid, kind):
        wait_until(f"{kind or 'available'} of {jid} last", lambda: self.presences(jid)[-1:] == [kind])

    def has_subscription(self, jid, subscription):
        wait_until(f"{subscription} for {jid}, has {self.roster()}",
                   lambda: self.roster().get(jid, (None, None))[1] == subscription)


def kept_of(world, jid):
    """Names of the tables of the gateway's store that say something of a user."""
    with sqlite3.connect(f"file:{world.gateway.database}?mode=ro", uri=True) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {t for t in tables for row in db.execute(f"SELECT * FROM {t}")
                if any(jid in (v.decode(errors="replace") if isinstance(v, bytes) else str(v)) for v in row)}


@pytest.mark.parametrize("host", ["prosody", "ejabberd", "jabberd2"])
def test_the_walk(make_world, host):
    world = make_world(host=host).start()
    viola, romeo = Person(world), world.romeo

    # An account at the server (§7.1), and log-in (§7.2).
    viola.open_account()
    viola.log_in()

    # She looks at what her server has, and finds the gateway to mail.
    gateway, = [jid for jid, identities in viola.services().items() if ("gateway", "smtp") in identities]
    assert gateway == w.GATEWAY

    # She registers in its form, which says what it asks for; gateway and user then see each other.
    fields, is_registered = viola.registration_form(gateway)
    assert not is_registered and fields["username"] == (f"Your address before @{w.GATEWAY}", "")
    assert fields["name"] == ("Your name in mails", "")
    viola.register(gateway, username="viola.m", name="Viola of Messaline")
    viola.sees(gateway, "subscribe")
    viola.present(gateway, "subscribed")
    viola.add(gateway, "Mail")
    viola.sees(gateway)

    # A contact with a mail address (§7.3): she types the address, and sees the contact there.
    contact = viola.jid_of(gateway, romeo.address)
    assert contact == world.contact(romeo.address)
    viola.add(contact, "Romeo")
    viola.sees(contact, "subscribed")
    viola.sees(contact)

    # The roster (§7.4).
    viola.has_subscription(contact, "to")
    viola.has_subscription(gateway, "both")
    assert viola.roster()[contact][0] == "Romeo"

    # A message (§7.5) is a mail from her, by name; the answer comes back in the same conversation.
    token = new_id("hello")
    viola.client.send_message(contact, f"What country, friends, is this? {token}", kind="chat", thread="shore")
    mail = romeo.wait_body(token)
    sender, = mail["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Viola of Messaline", world.mail_of("viola.m"))
    assert body_of(mail).strip() == f"What country, friends, is this? {token}"
    answer = new_id("answer")
    romeo.answer(mail, f"This is Illyria, lady. {answer}")
    message = viola.client.wait_message(has(answer))
    assert message.get("from").partition("/")[0] == contact
    assert text_of(message, "c:body") == f"This is Illyria, lady. {answer}"
    assert text_of(message, "c:thread") == "shore" and message.get("type") == "chat"

    # Presence (§7.6): hers changes, and the gateway does not disturb her, for she has asked for that; when
    # the gateway is away, so are the contacts.
    viola.client.send_message(gateway, "when dnd hold")
    viola.client.wait_message(lambda m: m.get("from") == gateway)
    viola.present(show="dnd")
    world.gateway.wait_log("attendance event=seen .*show=dnd")
    token = new_id("later")
    romeo.write(world.mail_of("viola"), "Where art thou?", token)
    world.gateway.wait_log("jabber event=held ")
    assert not viola.client.stanzas(has(token))
    viola.present()
    viola.client.wait_message(has(token))
    assert world.stop() == 0
    for jid in (contact, gateway):
        viola.sees_last(jid, "unavailable")
    world.start()
    for jid in (contact, gateway):
        viola.sees_last(jid, None)

    # She logs out (§7.7).  What is written meanwhile waits, and is there when she is back, as are contacts.
    viola.log_out()
    token = new_id("meanwhile")
    romeo.write(world.mail_of("viola.m"), "Good night", token)
    world.gateway.wait_log("jabber event=delivered")
    viola.log_in()
    viola.client.wait_message(has(token))
    for jid in (contact, gateway):
        viola.sees(jid)
    fields, is_registered = viola.registration_form(gateway)
    assert is_registered and fields["username"][1] == "viola.m" and fields["name"][1] == "Viola of Messaline"

    # She has enough: nothing is left of her at the gateway, and her contacts are gone.
    viola.unregister(gateway)
    for jid in (contact, gateway):
        viola.sees(jid, "unsubscribed")
        viola.has_subscription(jid, "none")
    _, is_registered = viola.registration_form(gateway)
    assert not is_registered
    wait_until("nothing to be kept", lambda: kept_of(world, viola.jid) <= FOR_LATE_REPORTS)
    viola.close_account()
