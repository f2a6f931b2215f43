"""A user's own mailbox: registered with its passwords, watched, answered from its own address."""

import os
import sqlite3
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest

from jabber import error_of, has, new_id, quote
from mail import MailUser, make_mail
from servers import postfix
from servers.base import PATIENCE_S, free_port, wait_until
from servers.dovecot import Dovecot
from test_commands import Command, names
import world as w

DOMAIN = "verona.example"
PASSWORD, OTHER = "the rest is silence", "a rose by any other name"
PEOPLE = {"juliet": PASSWORD, "capulet": OTHER, "romeo": w.MAIL_PASSWORD}
OWNER = (5000, 5000)
JULIET = f"juliet@{DOMAIN}"
FORM = "{jabber:x:data}"
KEY = "a key of the tests, as long as keys have to be"

SUBMISSION = """
127.0.0.1:{port} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
tlsmgr unix - - n 1000? 1 tlsmgr
"""


class Provider:
    """Somebody's mail provider: IMAP and submission, both by TLS and with a password."""

    def __init__(self, folder):
        folder.chmod(0o711)
        self.maildirs = folder / "vmail"
        self.maildirs.mkdir()
        os.chown(self.maildirs, *OWNER)
        certificates = w.Certificates(folder)
        self.ca = certificates.ca
        self.dovecot = Dovecot(folder, PEOPLE, self.maildirs, OWNER, certificates)
        self.users = self.dovecot.folder / "postern.users"
        socket = folder / "sasl"
        with open(self.dovecot.folder / "dovecot.conf", "a", encoding="ascii") as conf:
            conf.write(f"service auth {{\n  unix_listener {socket} {{\n    mode = 0666\n  }}\n}}\n"
                       "namespace inbox {\n  inbox = yes\n  mailbox Sent {\n    auto = create\n"
                       "    special_use = \\Sent\n  }\n}\n")
        self.postfix = postfix.Postfix(folder, DOMAIN, tuple(PEOPLE), w.GATEWAY, self.maildirs,
                                       OWNER, late_bounces=("tybalt",))
        self.submission = free_port()
        config = self.postfix.folder / "config"
        with open(config / "main.cf", "a", encoding="ascii") as main:
            main.write(f"smtpd_tls_cert_file = {certificates.cert}\n"
                       f"smtpd_tls_key_file = {certificates.key}\n"
                       "smtpd_sasl_type = dovecot\n"
                       f"smtpd_sasl_path = {socket}\nsmtpd_sasl_authenticated_header = yes\n")
        with open(config / "master.cf", "a", encoding="ascii") as master:
            master.write(SUBMISSION.format(port=self.submission))

    def start(self):
        self.dovecot.start()
        self.postfix.start()
        self.postfix.wait_for_ports([self.submission])
        return self

    def stop(self):
        self.postfix.stop()
        self.dovecot.stop()

    def user(self, name):
        return MailUser(f"{name}@{DOMAIN}", PEOPLE[name], self.postfix.port,
                        self.dovecot.imap_port)

    def flags(self, name, token):
        """The flags of the mail with token in it, in INBOX."""
        return self._look(name, "INBOX", token)[0]

    def sent(self, name, token):
        """The mails with token in Sent."""
        return self._look(name, "Sent", token)[1]

    def _look(self, name, folder, token):
        imap = self.user(name)._imap()  # pylint: disable=protected-access
        try:
            imap.select(folder, readonly=True)
            _, found = imap.search(None, "TEXT", f'"{token}"')
            flags, mails = "", []
            for number in found[0].split():
                _, answer = imap.fetch(number, "(FLAGS BODY.PEEK[])")
                parts = [p for p in answer if isinstance(p, tuple)]
                rest = b" ".join(p if isinstance(p, bytes) else p[0] for p in answer)
                flags += rest.decode(errors="replace")
                mails += [p[1] for p in parts]
            return flags, mails
        finally:
            imap.logout()

    def show_logs(self):
        return f"{self.postfix.show_log()}\n{self.dovecot.show_log()}"


@pytest.fixture(scope="module")
def provider(folder):
    why = postfix.missing_right()
    if why:
        pytest.skip(why)
    side = Provider(Path(tempfile.mkdtemp(prefix="own", dir=folder)))
    try:
        yield side.start()
    finally:
        side.stop()


def accounts(folder, provider, key=KEY, **more):
    file = Path(tempfile.mkdtemp(prefix="key", dir=folder)) / "key"
    file.touch(mode=0o600)
    file.write_text(key + "\n")
    return {"accounts": {"key_file": file, "private": "true", "ca_file": provider.ca, **more}}


@pytest.fixture(params=["prosody", "ejabberd"])
def home(request, make_world, folder, provider):
    world = make_world(accounts(folder, provider), host=request.param).start()
    yield world
    leave(world)


@pytest.fixture
def prosody(make_world, folder, provider):
    world = make_world(accounts(folder, provider)).start()
    yield world
    leave(world)


def leave(world):
    if world.gateway.process:
        world.juliet.ask(w.GATEWAY, "<query xmlns='jabber:iq:register'><remove/></query>", "set")
    world.jabber_side.leave_all()


def fields_of(provider, **changes):
    return {"email": JULIET, "imap_host": "localhost", "imap_port": provider.dovecot.imaps_port,
            "imap_user": "juliet", "imap_password": PASSWORD, "smtp_host": "localhost",
            "smtp_port": provider.submission, **changes}


def submit(client, **fields):
    xml = "".join(f"<field var='{var}'><value>{value}</value></field>"
                  for var, value in {"FORM_TYPE": "jabber:iq:register", **fields}.items())
    return client.ask(w.GATEWAY, "<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' "
                      f"type='submit'>{xml}</x></query>", "set", timeout_s=60)


def look(client):
    answer = client.ask(w.GATEWAY, "<query xmlns='jabber:iq:register'/>")
    return {f.get("var"): f.findtext(f"{FORM}value") for f in answer.iter(f"{FORM}field")}


def register(world, provider, **changes):
    answer = submit(world.juliet, **fields_of(provider, **changes))
    assert answer.get("type") == "result", error_of(answer)
    world.gateway.wait_log(r"own: .*event=watching|own .*event=watching")


def database(world):
    """All bytes of the database, the log of it included."""
    return b"".join(path.read_bytes()
                    for path in world.gateway.folder.glob(world.gateway.database.name + "*")
                    if path.is_file())


def rows(world, sql):
    with sqlite3.connect(world.gateway.database) as db:
        return db.execute(sql).fetchall()


def writes(world, provider, to=JULIET, headers=None, body=None, send_to=None):
    """Romeo writes; it comes to Juliet as a chat of his contact."""
    token = new_id()
    romeo = provider.user("romeo")
    mail = make_mail(romeo.address, to, "Wherefore", body or token, headers)
    mail["X-Token"] = token
    romeo.send(mail, send_to or [JULIET])
    message = world.juliet.wait_message(has(body or token))
    assert message.get("from").startswith(world.contact(romeo.address))
    return token, message


def test_registered_only_when_both_servers_let_us_in(prosody, provider):
    juliet = prosody.juliet
    assert look(juliet)["email"] == ""
    for changes, server, condition in (
            ({"imap_password": "wrong", "smtp_password": PASSWORD}, "IMAP", "not-acceptable"),
            ({"smtp_password": "wrong"}, "SMTP", "not-acceptable"),
            ({"imap_port": free_port()}, "IMAP", "service-unavailable"),
            ({"folder": "Nowhere"}, "IMAP", "not-acceptable")):
        answer = submit(juliet, **fields_of(provider, **changes))
        code, got, text = error_of(answer)[0], error_of(answer)[1], "".join(answer.itertext())
        assert got == condition and f"The {server} server localhost" in text, (changes, text)
        assert code == ("406" if condition == "not-acceptable" else "503")
        assert "wrong" not in text or "wrong" not in changes.values()
    assert rows(prosody, "SELECT count(*) FROM own_box") == [(0,)]
    assert look(juliet)["email"] == ""

    register(prosody, provider)
    shown = look(juliet)
    assert (shown["email"], shown["imap_host"], shown["imap_user"]) == (JULIET, "localhost", "juliet")
    assert shown["imap_password"] == shown["smtp_password"] == ""
    assert rows(prosody, "SELECT count(*) FROM own_box") == [(1,)]
    for secret in (PASSWORD, "localhost"):
        assert secret.encode() not in database(prosody)
    assert PASSWORD not in prosody.gateway.log.read_text()

    # As it was shown it may come back; elsewhere the password does not go by itself.
    assert submit(juliet, **{k: v or "" for k, v in shown.items() if k and k != "FORM_TYPE"},
                  ).get("type") == "result"
    answer = submit(juliet, imap_host="127.0.0.1")
    assert error_of(answer)[1] == "not-acceptable" and "password" in "".join(answer.itertext())


def test_mail_comes_and_the_answer_leaves_from_the_own_address(home, provider):
    register(home, provider)
    romeo = provider.user("romeo")
    token, message = writes(home, provider)
    home.juliet.send_xml(f"<message to={quote(message.get('from'))} id='s{token}'>"
                         f"<displayed xmlns='urn:xmpp:chat-markers:0' id='{message.get('id')}'/></message>")
    wait_until("seen", lambda: "\\Seen" in provider.flags("juliet", token))

    answer = new_id()
    home.juliet.send_message(home.contact(romeo.address), answer, thread=message.findtext("{*}thread"))
    mail = romeo.wait_body(answer)
    assert mail["From"].addresses[0].addr_spec == JULIET
    assert mail["Return-Path"].strip("<>") == JULIET
    assert w.GATEWAY not in str(mail["From"]) and "Authenticated sender: juliet" in str(mail["Received"])
    assert "Wherefore" in mail["Subject"] and mail["In-Reply-To"]
    wait_until("answered", lambda: "\\Answered" in provider.flags("juliet", token))
    wait_until("the copy", lambda: len(provider.sent("juliet", answer)) == 1)
    assert mail["Message-ID"].encode() in provider.sent("juliet", answer)[0]

    # A new mail of hers to somebody she never heard of.
    fresh = new_id()
    home.juliet.send_message(home.contact(f"capulet@{DOMAIN}"), fresh)
    mail = provider.user("capulet").wait_body(fresh)
    assert mail["From"].addresses[0].addr_spec == JULIET


def test_whoever_the_header_names(prosody, provider):
    register(prosody, provider)
    writes(prosody, provider, to=f"everybody@{DOMAIN}")
    writes(prosody, provider, to=f"nurse@{w.GATEWAY}")


def test_a_reply_to_all_brings_no_copy_to_the_sender(prosody, provider):
    register(prosody, provider)
    romeo, capulet, token, answer = provider.user("romeo"), provider.user("capulet"), new_id(), new_id()
    romeo.send(make_mail(romeo.address, f"{JULIET}, {capulet.address}", "To all", token), [JULIET])
    message = prosody.juliet.wait_message(has(token))
    prosody.juliet.send_message(f"{prosody.contact(romeo.address)}/all", answer,
                                thread=message.findtext("{*}thread"))
    for user in (romeo, capulet):
        mail = user.wait_body(answer)
        assert mail["From"].addresses[0].addr_spec == JULIET
        assert JULIET not in f"{mail['To']} {mail['Cc']}"
    wait_until("the copy", lambda: provider.sent("juliet", answer))
    assert provider.flags("juliet", answer) == ""


def test_what_is_too_large_is_announced_and_left(make_world, folder, provider):
    world = make_world({**accounts(folder, provider), "limit": {"mail_size": 65536}}).start()
    register(world, provider)
    token = new_id()
    provider.user("romeo").write(JULIET, f"Large {token}", f"{token}\n" * 8000)
    message = world.juliet.wait_message(has("too large to come here"))
    assert message.get("from").startswith(world.contact(f"romeo@{DOMAIN}"))
    assert token in message.findtext("{*}subject")
    writes(world, provider)  # and the next one comes
    leave(world)


def test_nobody_else_sends_from_it(prosody, provider):
    register(prosody, provider)
    token = new_id()
    prosody.jabber_side.client("nurse").send_message(prosody.contact(f"benvolio@{w.MAIL_DOMAIN}"), token)
    mail = prosody.user("benvolio").wait_body(token)
    assert mail["From"].addresses[0].addr_spec == prosody.mail_of("nurse")


def test_a_report_on_what_left_becomes_an_error(prosody, provider):
    register(prosody, provider)
    sent = prosody.juliet.send_message(prosody.contact(f"tybalt@{DOMAIN}"), new_id())
    error = prosody.juliet.wait_error(sent)
    assert error_of(error)[1] == "item-not-found"


def test_a_forged_report_is_a_mail_as_any_other(prosody, provider):
    """Romeo, who has got the mail and quotes its Message-ID, says that it failed; with the header that
    Postfix returns he would be believed."""
    register(prosody, provider)
    token = new_id()
    sent = prosody.juliet.send_message(prosody.contact(f"romeo@{DOMAIN}"), token)
    mail = provider.user("romeo").wait_body(token)

    def report(words, *fields):
        return (f"From: MAILER-DAEMON@{DOMAIN}\r\nTo: {JULIET}\r\nSubject: Undelivered\r\n"
                f"Message-ID: <{new_id()}@{DOMAIN}>\r\nMIME-Version: 1.0\r\n"
                "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
                f"--b\r\nContent-Type: text/plain\r\n\r\n{words}\r\n"
                "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
                f"Reporting-MTA: dns; mx.{DOMAIN}\r\nOriginal-Envelope-Id: {mail['Message-ID'][1:].split('@')[0]}\r\n\r\n"
                f"Final-Recipient: rfc822; romeo@{DOMAIN}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
                "--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
                + "".join(f"{name}: {mail[name]}\r\n" for name in fields) + "\r\n--b--\r\n").encode()

    words = new_id()
    provider.user("romeo").send(report(words, "From", "To", "Date", "Message-ID"), JULIET, "")
    prosody.juliet.wait_message(has(words))
    assert not prosody.juliet.stanzas(lambda s: s.get("id") == sent and s.get("type") == "error")
    provider.user("romeo").send(report(new_id(), "From", "X-Loop", "Message-ID"), JULIET, "")
    assert error_of(prosody.juliet.wait_error(sent))[1] == "item-not-found"


def test_restarts_and_removal(prosody, provider):
    register(prosody, provider)
    writes(prosody, provider)
    prosody.gateway.kill9()
    token = new_id()
    provider.user("romeo").write(JULIET, "To thee", token)
    prosody.gateway.start()
    prosody.juliet.wait_message(has(token))
    writes(prosody, provider)
    prosody.gateway.restart()
    writes(prosody, provider)

    assert rows(prosody, "SELECT count(*) FROM cursor WHERE mailbox LIKE 'own:%'") == [(1,)]
    prosody.juliet.ask(w.GATEWAY, "<query xmlns='jabber:iq:register'><remove/></query>", "set")
    for table in ("own_box", "chore", "cursor WHERE mailbox LIKE 'own:%'",
                  "fetched WHERE mailbox LIKE 'own:%'"):
        assert rows(prosody, f"SELECT count(*) FROM {table}") == [(0,)], table
    silent = new_id()
    provider.user("romeo").write(JULIET, "To nobody", silent)
    provider.user("juliet").wait_body(silent)
    fresh = new_id()
    prosody.juliet.send_message(prosody.contact(f"benvolio@{w.MAIL_DOMAIN}"), fresh)
    mail = prosody.user("benvolio").wait_body(fresh)
    assert mail["From"].addresses[0].addr_spec == prosody.mail_of("juliet")
    assert not prosody.juliet.stanzas(lambda s: silent in "".join(s.itertext()))


def sends_from(world, provider, to="romeo", **how):
    token = new_id()
    world.juliet.send_message(world.contact(f"{to}@{DOMAIN}"), token, **how)
    return provider.user(to).wait_body(token)["From"].addresses[0].addr_spec


def choose(world, address, action):
    command = Command(world.juliet, "postern/mailboxes")
    options = {o.get("label"): o.findtext(f"{FORM}value") for o in command.command.iter(f"{FORM}option")}
    return command.submit("next", mailbox=options[address], action=action)


def test_several_mailboxes_by_command(make_world, folder, provider):
    port = free_port()
    world = make_world({**accounts(folder, provider, per_user=2),
                        "admin": {"listen": f"127.0.0.1:{port}"}}, host="ejabberd").start()
    register(world, provider)
    second = f"capulet@{DOMAIN}"
    fields = {k: str(v) for k, v in fields_of(provider, email=second, imap_user="capulet").items()}
    assert {"postern/mailbox-add", "postern/mailboxes"} <= set(names(world.juliet))
    adding = Command(world.juliet, "postern/mailbox-add").submit(**fields)
    assert "bad-payload" in adding.specific() and "does not let" in "".join(adding.answer.itertext())
    adding.submit(**{**fields, "imap_password": OTHER})
    assert second in adding.note()
    world.gateway.wait_log(r"(?s)event=watching.*own event=watching")
    full = Command(world.juliet, "postern/mailbox-add").submit(**{**fields, "imap_password": OTHER})
    assert "as many" in full.note() and rows(world, "SELECT count(*) FROM own_box") == [(2,)]

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
        assert b'postern_own_mailboxes{state="watching"} 2' in answer.read()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE_S) as answer:
        assert b"2 watched, 0 failing" in answer.read()

    # Each conversation stays with its mailbox; a new one begins from the first.
    _, message = writes(world, provider, to=second, send_to=[second])
    assert sends_from(world, provider) == second
    assert sends_from(world, provider, "capulet") == JULIET
    assert second in choose(world, second, "first").note()
    assert sends_from(world, provider, "juliet") == second
    writes(world, provider)
    assert sends_from(world, provider) == JULIET

    change = choose(world, second, "change")
    shown = {k: v[0] or "" for k, v in change.values().items() if k}
    assert shown["imap_user"] == "capulet" and shown["imap_password"] == ""
    assert second in change.submit(**{**shown, "sent_copies": "false"}).note()
    world.gateway.restart()
    assert rows(world, "SELECT address, first, copies FROM own_box ORDER BY id") == [
        (JULIET, 0, 1), (second, 1, 0)]
    assert second in choose(world, second, "remove").note()
    assert rows(world, "SELECT address, first FROM own_box") == [(JULIET, 1)]
    assert sends_from(world, provider, "capulet") == JULIET
    leave(world)


def test_another_key(prosody, provider, folder):
    register(prosody, provider)
    old = prosody.gateway.options["accounts"]["key_file"]
    prosody.gateway.stop()
    other = accounts(folder, provider, key=KEY[::-1])["accounts"]["key_file"]
    prosody.gateway.configure({"accounts": {"key_file": other}})
    prosody.gateway.start()
    prosody.gateway.wait_log("event=locked mailboxes=1")
    prosody.juliet.wait_message(has(JULIET))  # she is told, and nothing is deleted
    prosody.gateway.stop()
    prosody.gateway.configure({"accounts": {"old_key_file": old}})
    prosody.gateway.start()
    prosody.gateway.wait_log("own .*event=watching")
    prosody.gateway.stop()
    prosody.gateway.configure({"accounts": {"old_key_file": None}})
    prosody.gateway.start()
    prosody.gateway.wait_log("own .*event=watching")
    writes(prosody, provider)

    # Switched off: mail leaves by the gateway, and what is kept is kept.
    with_key = prosody.gateway.options["accounts"]
    prosody.gateway.stop()
    prosody.gateway.configure({"accounts": None})
    prosody.gateway.start()
    token = new_id()
    prosody.juliet.send_message(prosody.contact(prosody.user("benvolio").address), token)
    mail = prosody.user("benvolio").wait_body(token)
    assert mail["From"].addresses[0].addr_spec == prosody.mail_of("juliet")
    prosody.gateway.stop()
    prosody.gateway.configure({"accounts": with_key})
    prosody.gateway.start()
    writes(prosody, provider)


def test_a_copy_waits_over_a_lower_limit(prosody, provider):
    """What left under the old limit is laid down, and does not keep back what comes behind it."""
    register(prosody, provider)
    prosody.gateway.stop()
    token, later = new_id(), new_id()
    mail = f"Message-ID: <{token}@x.example>\r\nSubject: long\r\n\r\n{token}\r\n"
    mail += ("x" * 70 + "\r\n") * 4000
    with sqlite3.connect(prosody.gateway.database) as db:
        db.execute("INSERT INTO chore SELECT 1, id, 1, 1, 0, 0, ?, ?, ? FROM own_box",
                   (f"<{token}@x.example>", int(time.time()), mail.encode()))
    prosody.gateway.configure({"limit": {"mail_size": 64 << 10}})
    prosody.gateway.start()
    prosody.juliet.send_message(prosody.contact(f"romeo@{DOMAIN}"), later)
    wait_until("the copy behind it", lambda: provider.sent("juliet", later))
    assert len(provider.sent("juliet", token)) == 1


def test_a_server_may_have_a_name_in_letters_of_its_own(prosody, provider):
    refused = submit(prosody.juliet, **fields_of(provider, imap_host="imap.\u00fc\u2028.example"))
    assert "A server is a name such as" in error_of(refused)[3]
    # wide letters stand for plain ones: the one such name that can be reached here
    register(prosody, provider, imap_host="\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54")
    assert look(prosody.juliet)["imap_host"] == "localhost"
    writes(prosody, provider)


def test_hosts_of_the_house_are_not_tried(make_world, folder, provider):
    world = make_world(accounts(folder, provider, private="false")).start()
    for host in ("localhost", "127.0.0.1", "10.0.0.1"):
        answer = submit(world.juliet, **fields_of(provider, imap_host=host))
        assert error_of(answer)[1] == "not-acceptable", host
    leave(world)


def test_not_offered_without_a_key(make_world, provider):
    world = make_world().start()
    assert "email" not in look(world.juliet)
    answer = submit(world.juliet, **fields_of(provider))
    assert error_of(answer)[1] == "not-acceptable"
    leave(world)


def test_a_mailbox_that_vanishes(prosody, provider):
    contact = prosody.contact(f"romeo@{DOMAIN}")
    juliet = prosody.juliet
    juliet.send_xml(f"<presence to={quote(contact)} type='subscribe'/>")
    register(prosody, provider)

    def shows(show):
        return lambda s: (s.tag.endswith("presence") and s.get("from", "").startswith(contact)
                          and s.get("type") is None and s.findtext("{*}show") == show)
    juliet.wait_stanza(shows(None))
    users = provider.users.read_text()
    provider.dovecot.stop()
    is_back = False
    try:
        gone = juliet.wait_stanza(shows("dnd"))
        assert JULIET in gone.findtext("{*}status")
        juliet.wait_message(lambda s: s.get("from") == w.GATEWAY and JULIET in "".join(s.itertext()))
        seen = len(juliet.stanzas(shows(None)))
        # The password was changed at the provider.
        provider.users.write_text(users.replace(PASSWORD, "changed"))
        provider.dovecot.start()
        is_back = True
        token = new_id()
        sent = juliet.send_message(contact, token)
        error = juliet.wait_error(sent)
        assert error_of(error)[:2] == ("401", "not-authorized")
    finally:
        provider.users.write_text(users)
        if not is_back:
            provider.dovecot.start()
    time.sleep(1.1)  # Dovecot looks at its users once a second
    answer = submit(juliet, imap_password=PASSWORD, smtp_password=PASSWORD)
    assert answer.get("type") == "result"
    wait_until("presence", lambda: len(juliet.stanzas(shows(None))) > seen, 60)
    told = juliet.stanzas(lambda s: s.tag.endswith("message") and s.get("from") == w.GATEWAY
                          and "does not work" in "".join(s.itertext()))
    assert len(told) == 1


def test_a_password_changed_at_the_provider(prosody, provider):
    """Contacts see that nothing comes through, until the form has the new password; and one that is
    typed again is tried again."""
    contact = prosody.contact(f"romeo@{DOMAIN}")
    juliet = prosody.juliet
    juliet.send_xml(f"<presence to={quote(contact)} type='subscribe'/>")
    register(prosody, provider)

    def shows(show):
        return lambda s: (s.tag.endswith("presence") and s.get("from", "").startswith(contact)
                          and s.get("type") is None and s.findtext("{*}show") == show)
    juliet.wait_stanza(shows(None))
    users = provider.users.read_text()
    try:
        provider.users.write_text(users.replace(PASSWORD, "changed"))
        provider.dovecot.stop()
        provider.dovecot.start()
        juliet.wait_stanza(shows("dnd"))
        answer = submit(juliet, imap_password=PASSWORD, smtp_password=PASSWORD)
        assert answer.get("type") == "error" and "let the gateway in" in error_of(answer)[3]
        seen = len(juliet.stanzas(shows(None)))
        answer = submit(juliet, imap_password="changed", smtp_password="changed")
        assert answer.get("type") == "result"
        wait_until("presence", lambda: len(juliet.stanzas(shows(None))) > seen)
        writes(prosody, provider)
    finally:
        provider.users.write_text(users)
