"""The test bed itself: every private server does what the scenarios take for granted, without a
gateway.

When one of these fails, look there first: the scenarios cannot pass.
"""

import asyncio
import imaplib
import smtplib
import ssl
import subprocess
import threading

import pytest
import slixmpp

import world as w
from fake.smtp_relay import DROP
from jabber import end_of_loop, has
from mail import body_of, make_mail
from servers import exim, opensmtpd
from servers.base import PATIENCE_S, ROOT, wait_until


class EchoComponent:
    """The smallest component: sends every message back."""

    def __init__(self, server, secret=None):
        self._ready = threading.Event()
        self._server = server
        self._secret = secret or server.secret
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(PATIENCE_S), "the component is not connected"
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(end_of_loop(self._component), self._loop)
        self._thread.join(PATIENCE_S)

    def _run(self):
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        component = self._component = slixmpp.ComponentXMPP(
            self._server.component, self._secret, "127.0.0.1", self._server.component_port,
            use_jc_ns=self._server.sends_client_namespace)
        component.loop = self._loop
        component.add_event_handler("session_start", lambda _: self._ready.set())
        component.add_event_handler("message", lambda m: m.reply(m["body"]).send())
        component.connect()
        self._loop.run_forever()
        self._loop.close()


def test_host_routes_between_user_and_component(jabber_side):
    with EchoComponent(jabber_side.server):
        juliet = jabber_side.client("juliet")
        juliet.send_message(f"romeo\\40montague.example@{w.GATEWAY}", "art thou not Romeo")
        answer = juliet.wait_message(has("art thou not Romeo"))
        assert answer.get("from").startswith(f"romeo\\40montague.example@{w.GATEWAY}")


def test_host_says_when_the_component_is_away(jabber_side):
    juliet = jabber_side.client("juliet")
    stanza_id = juliet.send_message(f"romeo\\40montague.example@{w.GATEWAY}", "nobody there")
    assert juliet.wait_error(stanza_id) is not None


def test_relay_delivers_with_the_envelope_in_headers(mail_side):
    romeo, bridge = mail_side.user("romeo"), mail_side.user("bridge")
    romeo.send(make_mail(romeo.address, "whoever@elsewhere.example", "Envelope", "bed-envelope"),
               to=f"Any.Body+x@{w.GATEWAY}", sender=f"bounce+1@{w.MAIL_DOMAIN}")
    mail = bridge.wait_body("bed-envelope")
    assert mail["Return-Path"] == f"<bounce+1@{w.MAIL_DOMAIN}>"
    assert mail["X-Original-To"].lower() == f"any.body+x@{w.GATEWAY}"
    assert mail["Delivered-To"].lower() == f"any.body+x@{w.GATEWAY}"


def test_relay_delivers_to_mail_users(mail_side):
    romeo, benvolio = mail_side.user("romeo"), mail_side.user("benvolio")
    romeo.write(benvolio.address, "Cousin", "good morrow bed-users")
    assert "good morrow" in body_of(benvolio.wait_body("bed-users"))


def test_relay_refuses_an_unknown_user_at_once(mail_side):
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        mail_side.user("romeo").write(f"rosaline@{w.MAIL_DOMAIN}", "x", "y")
    code, text = refused.value.recipients[f"rosaline@{w.MAIL_DOMAIN}"]
    assert code == 550 and text.startswith(b"5.1.1")


def test_relay_bounces_later(mail_side):
    romeo = mail_side.user("romeo")
    romeo.write(f"tybalt@{w.MAIL_DOMAIN}", "Prince of cats", "bed-bounce")
    assert "5.1.1" in romeo.wait_report("bed-bounce").as_string()


def test_imap_in_the_clear_by_starttls_and_by_tls(mail_side):
    trust = ssl.create_default_context(cafile=mail_side.certificates.ca)
    dovecot = mail_side.dovecot

    plain = imaplib.IMAP4("127.0.0.1", dovecot.imap_port, timeout=PATIENCE_S)
    starttls = imaplib.IMAP4("localhost", dovecot.imap_port, timeout=PATIENCE_S)
    starttls.starttls(trust)
    implicit = imaplib.IMAP4_SSL("localhost", dovecot.imaps_port, ssl_context=trust, timeout=PATIENCE_S)
    for imap in (plain, starttls, implicit):
        imap.login("bridge", w.MAIL_PASSWORD)
        assert imap.select()[0] == "OK"
        assert "IDLE" in imap.capabilities
        imap.logout()


def test_imap_refuses_a_wrong_password(mail_side):
    imap = imaplib.IMAP4("127.0.0.1", mail_side.dovecot.imap_port, timeout=PATIENCE_S)
    with pytest.raises(imaplib.IMAP4.error):
        imap.login("bridge", "wrong")
    imap.shutdown()


def test_fake_relay_follows_its_script(relay):
    relay.script("RCPT", "450 4.2.0 later", "250 2.1.5 ok", match="romeo@")
    relay.script("RCPT", "550 5.1.1 nobody", match="rosaline@")
    to, text = ["romeo@c.example", "rosaline@c.example"], b"x: y\r\n\r\n.dot\r\n"
    with smtplib.SMTP("127.0.0.1", relay.port, timeout=PATIENCE_S) as smtp:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            smtp.sendmail("a@b.example", to, text)
        refused = smtp.sendmail("a@b.example", to, text)
    assert refused == {"rosaline@c.example": (550, b"5.1.1 nobody")}
    mail = relay.wait_mail()
    assert (mail.sender, mail.recipients, mail.data) == ("a@b.example", to[:1], text)

    relay.script("GREETING", DROP, "220 back")
    with pytest.raises(smtplib.SMTPServerDisconnected):
        smtplib.SMTP("127.0.0.1", relay.port, timeout=PATIENCE_S)
    relay.stop()
    with pytest.raises(ConnectionRefusedError):
        smtplib.SMTP("127.0.0.1", relay.port, timeout=PATIENCE_S)
    relay.start()
    smtplib.SMTP("127.0.0.1", relay.port, timeout=PATIENCE_S).quit()


def test_installing_what_is_there_does_nothing():
    done = subprocess.run([ROOT / "tests" / "deps.sh"], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0 and "installing" not in done.stdout, done.stdout + done.stderr


def is_delivered(port, address, mailbox):
    """Sends a mail with a token to address through port; waits until mailbox() has it."""
    with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE_S) as smtp:
        smtp.send_message(make_mail("romeo@montague.example", address, "to the bed", "by yonder"))
    return wait_until(f"a mail for {address}", lambda: b"by yonder" in mailbox())


def test_unpacked_exim_delivers(folder):
    why = exim.missing_right()
    if why:
        pytest.skip(why)
    server = exim.Exim(folder, "exim.example", boxes=("juliet",), name="exim-bed")
    try:
        server.start()
        assert is_delivered(server.port, "juliet@exim.example", lambda: server.mailbox("juliet"))
    finally:
        server.stop()


def test_unpacked_opensmtpd_delivers_also_after_a_restart(folder):
    why = opensmtpd.missing_right()
    if why:
        pytest.skip(why)
    server = opensmtpd.OpenSmtpd(folder, "smtpd.example", name="opensmtpd-bed")
    try:
        server.start()
        server.restart()
        assert is_delivered(server.port, "juliet@smtpd.example",
                            lambda: b"".join(server.mails("juliet")))
    finally:
        server.stop()
