"""Two gateways, each the other's mail system, and on both sides a program that answers whatever it
gets: it comes to rest, and nobody is left without an answer."""

import smtplib
import threading
import time
import xml.etree.ElementTree as ET
from xml.sax.saxutils import quoteattr

import pytest

import gateway as gw
from fake.jabber_host import NS, FakeHost
from fake.smtp_relay import FakeRelay
from jabber import new_id
from servers.base import free_port, wait_until

READY = (r"stream .*state=up", r"inbound .*event=listening")
QUIET_S = 4


class Responder(FakeHost):
    """A host whose one user's client answers each message at once, as when its owner is away."""

    def __init__(self, user):
        super().__init__()
        self.user = user
        self.answers = 0
        self.errors = []

    def _take(self, peer, stanza):
        if stanza.tag == f"{{{NS}}}message" and stanza.find(f"{{{NS}}}body") is not None:
            if stanza.get("type") == "error":
                self.errors.append(stanza)
            else:
                self.answers += 1
                peer.sendall(f"<message from={quoteattr(self.user + '/away')} id='{new_id()}'"
                             f" to={quoteattr(stanza.get('from'))} type='chat'>"
                             f"<body>I am away, answer {self.answers}</body></message>".encode())
        elif stanza.tag == f"{{{NS}}}message" and stanza.get("type") == "error":
            self.errors.append(stanza)
        return super()._take(peer, stanza)


class Side:
    def __init__(self, folder, domain, user):
        self.domain = domain
        self.mail_domain = f"mail.{domain}"
        self.host = Responder(f"{user}@{domain}").start()
        self.relay = FakeRelay().start()
        self.lmtp_port = free_port()
        folder.mkdir()
        self.gateway = gw.Gateway(folder, {
            "jid": self.mail_domain, "home": [domain],
            "jabber": {"host": "127.0.0.1", "port": self.host.component_port, "secret": "x"},
            "smtp": {"host": "127.0.0.1", "port": self.relay.port, "tls": "none"},
            "lmtp": {"listen": f"127.0.0.1:{self.lmtp_port}"},
        })

    def carry(self, other, stopped):
        """What this side's relay takes goes to the other side, or comes back to this one."""
        seen = 0
        while not stopped.is_set():
            mails = self.relay.mails[seen:]
            seen += len(mails)
            for mail in mails:
                to = other if mail.recipients[0].endswith(other.mail_domain) else self
                with smtplib.LMTP("127.0.0.1", to.lmtp_port) as lmtp:
                    lmtp.sendmail(mail.sender, mail.recipients, mail.data)
            time.sleep(0.02)

    def stop(self):
        self.gateway.stop()
        self.relay.stop()
        self.host.stop()


@pytest.fixture
def sides(folder):
    both = (Side(folder / "a", "capulet.example", "juliet"),
            Side(folder / "b", "verona.example", "escalus"))
    stopped = threading.Event()
    for side in both:
        side.gateway.start(ready=READY)
    carriers = [threading.Thread(target=a.carry, args=(b, stopped))
                for a, b in (both, reversed(both))]
    for carrier in carriers:
        carrier.start()
    yield both
    stopped.set()
    for carrier in carriers:
        carrier.join()
    for side in both:
        side.stop()


def count(sides):
    return sum(len(side.relay.mails) for side in sides)


def test_two_gateways_with_responders_come_to_rest(sides):
    a, b = sides
    a.host.send(f"<message from='juliet@{a.domain}/balcony' id='{new_id()}' type='chat'"
                f" to='escalus\\40{b.mail_domain}@{a.mail_domain}'><body>Hello</body></message>")
    wait_until("somebody to be told", lambda: a.host.errors + b.host.errors)
    last, since = count(sides), time.monotonic()
    while time.monotonic() - since < QUIET_S:
        if count(sides) != last:
            last, since = count(sides), time.monotonic()
        assert last < 30, "it does not end"
        time.sleep(0.05)
    # Who was cut off was told, and nothing is left lying.
    assert len(a.host.errors) + len(b.host.errors) == 1
    (error,) = a.host.errors + b.host.errors
    assert "automatic" in "".join(error.itertext())
    for side in sides:
        assert side.gateway.command("queue", "list").stdout == ""
    marked = [m for s in sides for m in s.relay.mails if b"\r\nAuto-Submitted:" in m.data]
    assert len(marked) == 1
    assert a.host.answers + b.host.answers == count(sides), "each answer but the last was sent"
    assert ET.tostring(error)
