"""What users, strangers and other services send to the gateway that they should not: each gets the
standard's error with the old code beside it, or nothing, and the next message flows.
"""

import re
import time
from pathlib import Path

import pytest

import world as w
from fake.jabber_host import NS, FakeHost
from jabber import NS as PATHS
from jabber import JabberClient, error_of, new_id, open_account, quote
from servers.base import wait_until
from test_names import FakeSide
from test_presence import kept
from test_registration import end, look, values

JULIET, NURSE = (f"{name}@{w.JABBER_DOMAIN}/balcony" for name in ("juliet", "nurse"))
STRANGER = f"spy@other.{w.JABBER_DOMAIN}/x"  # of another component on the same host
MANY = 5000


class Host(FakeHost):
    """Keeps all that the gateway says."""

    def __init__(self):
        super().__init__()
        self.said = []
        self.answer = lambda iq: []

    def _take(self, peer, stanza):
        if not stanza.get("to", "").startswith(w.JABBER_DOMAIN) or stanza.tag.endswith("presence"):
            self.said.append(stanza)
        return super()._take(peer, stanza)

    def tell(self, name, who, to, inside="", **attributes):
        """Sends a stanza; returns its id."""
        attributes = {"from": who, "to": to, "id": new_id(), **attributes}
        self.send(f"<{name}" + "".join(f" {key}={quote(value)}" for key, value in attributes.items())
                  + f">{inside}</{name}>")
        return attributes["id"]

    def answers(self, stanza_id):
        return [s for s in self.said if s.get("id") == stanza_id]

    def error(self, stanza_id):
        """(code, condition) of the one answer."""
        wait_until("an answer", lambda: self.answers(stanza_id))
        answer, = self.answers(stanza_id)
        assert answer.get("type") == "error"
        error = answer.find(f"{{{NS}}}error")
        condition, = [e.tag.partition("}")[2] for e in error if not e.tag.endswith("}text")]
        assert error.findtext(f"{{{PATHS['stanzas']}}}text"), "words for a person"
        return error.get("code"), condition

    def presences(self, contact):
        return [s.get("type") for s in self.said
                if s.tag.endswith("}presence") and s.get("from") == contact]

    def wait_all(self):
        """Until what was sent before is answered."""
        stanza_id = self.tell("iq", JULIET, w.GATEWAY, "<ping xmlns='urn:xmpp:ping'/>", type="get")
        wait_until("the ping's answer", lambda: self.answers(stanza_id), 60)


@pytest.fixture
def faked(folder, mail_side):
    host = Host().start()
    world = w.World(folder, FakeSide(host), mail_side).start()
    yield world
    assert world.stop() == 0
    host.stop()


def test_a_forged_from_is_the_hosts_to_refuse(prosody_world):
    """A client's word for who it is does not reach the gateway."""
    world, token = prosody_world, new_id("forged")
    world.juliet.send_xml(f"<message xmlns='jabber:client' from='nurse@{w.JABBER_DOMAIN}/x' "
                          f"to={quote(world.contact(world.romeo.address))}><body>{token}</body></message>")
    assert world.romeo.wait_body(token)["From"].addresses[0].addr_spec == world.mail_of("juliet")


STRANGE = {
    "a mail": ("message", "CONTACT", "<body>x</body>", {}, "forbidden"),
    "a mail to many": ("message", w.GATEWAY, "<body>x</body><x xmlns='jabber:x:envelope'><to jid='a@b.example'/></x>",
                       {}, "forbidden"),
    "a subscription": ("presence", "CONTACT", "", {"type": "subscribe"}, "forbidden"),
    "a registration": ("iq", w.GATEWAY, "<query xmlns='jabber:iq:register'><name>N</name></query>",
                       {"type": "set"}, "forbidden"),
    "a command": ("iq", w.GATEWAY, "<command xmlns='http://jabber.org/protocol/commands' "
                  "node='postern/settings' action='execute'/>", {"type": "set"}, "forbidden"),
    "an administrator's command": ("iq", w.GATEWAY, "<command xmlns='http://jabber.org/protocol/commands' "
                                   "node='postern/admin/queue' action='execute'/>", {"type": "set"},
                                   "forbidden"),
}


@pytest.mark.parametrize("who", [STRANGER, f"other.{w.JABBER_DOMAIN}", f"juliet@{w.JABBER_DOMAIN}.evil/x"])
def test_others_on_the_same_host_are_strangers(faked, who):
    host, contact = faked.host, faked.contact(faked.romeo.address)
    for what, (name, to, inside, attributes, condition) in STRANGE.items():
        stanza_id = host.tell(name, who, contact if to == "CONTACT" else to, inside, **attributes)
        assert host.error(stanza_id) == ("403", condition), what
    assert not kept(faked) and "accepted" not in faked.gateway.log_text()


def test_subscriptions_that_make_no_sense(faked):
    host = faked.host
    never, nobody = faked.contact("never@montague.example"), f"nobody@{w.GATEWAY}"
    host.tell("presence", JULIET, never, type="unsubscribe")
    for kind in ("unsubscribed", "subscribed", "unavailable", "error", "invisible"):
        host.tell("presence", JULIET, never, type=kind)
        host.tell("presence", JULIET, nobody, type=kind)
    host.wait_all()
    assert host.presences(never) == ["unsubscribed", "unavailable"]  # it may be left over at the host
    assert not host.presences(nobody) and not kept(faked)

    assert host.error(host.tell("presence", JULIET, nobody, type="subscribe")) == ("400", "jid-malformed")
    assert host.error(host.tell("presence", JULIET, nobody, type="probe")) == ("400", "jid-malformed")
    unknown = faked.contact("unknown@montague.example")
    host.tell("presence", STRANGER, unknown, type="probe")
    host.wait_all()
    assert host.presences(unknown) == ["unavailable"] and not kept(faked)
    host.tell("presence", JULIET, unknown, type="probe")  # the host knows a subscription that we do not
    wait_until("both presences", lambda: host.presences(unknown) == ["unavailable", None])
    wait_until("it to be kept", lambda: kept(faked) == {unknown})


def test_a_burst_of_subscriptions_delays_nobody(faked):
    """The figures are printed: they are the machine's."""
    host, status = faked.host, Path(f"/proc/{faked.gateway.process.pid}/status")

    def resident():
        return int(re.search(r"VmRSS:\s+(\d+)", status.read_text())[1]) / 1024

    before, started, token = resident(), time.monotonic(), new_id("nurse")
    contacts = [faked.contact(f"friend{i}@montague.example") for i in range(MANY)]
    host.send("".join(f"<presence from='{JULIET}' to={quote(jid)} id='burst-{i}' type='subscribe'/>"
                      for i, jid in enumerate(contacts)))
    sent = time.monotonic()
    host.tell("message", NURSE, faked.contact(faked.romeo.address), f"<body>{token}</body>")
    faked.romeo.wait_body(token, 60)
    delay = time.monotonic() - sent

    def answered():
        return len({s.get("from") for s in host.said if s.get("type") == "subscribed"}
                   | {s.get("id") for s in host.said if s.get("type") == "error"})
    wait_until("an answer to each", lambda: answered() >= MANY, 60)
    took, after = time.monotonic() - started, resident()
    refused = [s for s in host.said if s.get("type") == "error"]
    for stanza in refused:
        assert host.error(stanza.get("id")) == ("500", "resource-constraint")
    wait_until("all to be kept", lambda: len(kept(faked)) == MANY - len(refused))
    print(f"\n{MANY} subscriptions at once: answered in {took:.1f} s, {len(refused)} of them refused; "
          f"another user's mail after {delay:.1f} s; memory {before:.1f} MB, then {after:.1f} MB")
    assert after < before + 64


def write(client, xml):
    return client.ask(w.GATEWAY, f"<query xmlns='jabber:iq:register'>{xml}</query>", "set")


def form(kind="submit", **fields):
    return f"<x xmlns='jabber:x:data' type='{kind}'>" + "".join(
        f"<field var='{var}'><value>{value}</value></field>" for var, value in fields.items()) + "</x>"


def test_a_form_counts_and_the_old_fields_beside_it_do_not(prosody_world):
    """XEP-0077 §4: whoever sends a form means the form."""
    juliet = prosody_world.juliet
    answer = write(juliet, "<username>old</username><name>Old Name</name>"
                   + form(FORM_TYPE="jabber:iq:register", name="New Name"))
    assert answer.get("type") == "result"
    assert values(look(juliet))["name"] == "New Name" and values(look(juliet))["username"] == ""
    for xml, expected in (
            ("<remove/>" + form(FORM_TYPE="jabber:iq:register", name="A"), ("400", "bad-request")),
            ("<username>old</username>" + form("form", name="A"), ("400", "bad-request")),
            ("<username>old</username>" + form(colour="blue"), ("406", "not-acceptable")),
            ("<username>old</username>" + form(), ("406", "not-acceptable"))):
        code, condition, _, text = error_of(write(juliet, xml))
        assert (code, condition) == expected and text, xml
    assert values(look(juliet))["name"] == "New Name"
    end(juliet)
    prosody_world.jabber_side.leave_all()


def test_an_account_that_ends_takes_its_contacts_along(make_world):
    """The host tells each contact, and the gateway keeps nothing for nobody."""
    world = make_world().start()
    jid, password = f"paris@{w.JABBER_DOMAIN}", "county"
    open_account(jid, password, world.host.c2s_port)
    with JabberClient(f"{jid}/x", password, world.host.c2s_port) as paris:
        paris.send_xml(f"<presence xmlns='jabber:client' to={quote(world.contact(world.romeo.address))} "
                       "type='subscribe'/>")
        wait_until("it to be kept", lambda: kept(world))
        paris.send_xml("<iq xmlns='jabber:client' type='set' id='end'><query xmlns='jabber:iq:register'>"
                       "<remove/></query></iq>")
        wait_until("it to be forgotten", lambda: not kept(world))
