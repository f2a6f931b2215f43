"""Mail through each mail server, with the lines of etc/, by LMTP to the gateway and to Jabber; and
what its sender hears when that fails.
"""

import os
import re
import smtplib

import pytest

from jabber import has, new_id
from mail import make_mail
from servers import exim, opensmtpd, postfix
from servers.base import PATIENCE_S, free_port, snippet, wait_until
import world as w

READY = (r"stream .*state=up", r"inbound .*event=listening")
ROMEO = f"romeo@{w.MAIL_DOMAIN}"
JULIET = f"juliet@{w.GATEWAY}"
NOBODY = f"nobody@{w.GATEWAY}"  # the Jabber server knows no such user
NO_ADDRESS = f"h-0123456789abcdef01234567@{w.GATEWAY}"  # the gateway knows no such address


class ByPostfix:
    """Romeo's server, whose relay the gateway uses, too."""

    asks_first = True
    missing_right = staticmethod(postfix.missing_right)

    def __init__(self, folder, port):
        self.maildirs = folder / "lmtp-vmail"
        self.maildirs.mkdir()
        os.chown(self.maildirs, 5000, 5000)
        self.server = postfix.Postfix(folder, w.MAIL_DOMAIN, ("romeo",), w.GATEWAY, self.maildirs,
                                      (5000, 5000), lmtp_port=port, name="postfix-lmtp")

    def mails(self):
        return b"".join(path.read_bytes()
                        for path in (self.maildirs / "romeo" / "Maildir" / "new").glob("*"))

    def retry(self):
        pass  # it tries each few seconds


def exim_sections():
    """The parts of the file for Exim by their names."""
    text = snippet("exim/postern.conf", {"mail.example.org": w.GATEWAY})
    parts = re.split(r"^# ---- (\w+):.*$", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


class ByExim:
    asks_first = True
    missing_right = staticmethod(exim.missing_right)

    def __init__(self, folder, port):
        parts = exim_sections()
        assert set(parts) == {"main", "acl", "routers", "transports"}
        assert "port = 2424" in parts["transports"]
        self.server = exim.Exim(
            folder, w.MAIL_DOMAIN, boxes=("romeo",), main=parts["main"], rcpt_acl=parts["acl"],
            routers=parts["routers"],
            transports=parts["transports"].replace("port = 2424", f"port = {port}"),
            name="exim-lmtp")

    def mails(self):
        return self.server.mailbox("romeo")

    def retry(self):
        pass  # it tries each second


class ByOpenSmtpd:
    asks_first = False
    missing_right = staticmethod(opensmtpd.missing_right)

    def __init__(self, folder, port):
        lines = snippet("opensmtpd/postern.conf", {
            "mail.example.org": w.GATEWAY,
            'host "lmtp://127.0.0.1:2424"': f'host "lmtp://127.0.0.1:{port}"'})
        self.server = opensmtpd.OpenSmtpd(folder, w.MAIL_DOMAIN, matches=lines,
                                          name="opensmtpd-lmtp")

    def mails(self):
        return b"".join(self.server.mails("romeo"))

    def retry(self):
        self.server.retry()


@pytest.fixture(scope="module", params=[ByPostfix, ByExim, ByOpenSmtpd],
                ids=["postfix", "exim", "opensmtpd"])
def romeos(request, folder):
    """A mail server with the gateway's port, running."""
    why = request.param.missing_right()
    if why:
        pytest.skip(why)
    port = free_port()
    side = request.param(folder, port)
    side.lmtp_port = port
    side.show_logs = side.server.show_log
    try:
        side.server.start()
        yield side
    finally:
        side.server.stop()


@pytest.fixture
def bridged(romeos, make_world):
    """The gateway behind that mail server."""
    world = make_world({"mailbox": None, "lmtp": {"listen": f"127.0.0.1:{romeos.lmtp_port}"},
                        "smtp": {"port": romeos.server.port}})
    world.start(ready=READY)
    world.romeos = romeos
    return world


def send(world, to, body, headers=None):
    mail = make_mail(f"Romeo <{ROMEO}>", to, "across the wall", body + "\n", headers)
    with smtplib.SMTP("127.0.0.1", world.romeos.server.port, timeout=PATIENCE_S) as smtp:
        smtp.sendmail(ROMEO, [to], mail.as_bytes())


def wait_retrying(world, what, predicate, timeout_s=PATIENCE_S):
    """The mail server may have met the gateway of the test before as it stopped."""
    def is_there():
        found = predicate()
        if not found:
            world.romeos.retry()
        return found
    try:
        return wait_until(what, is_there, timeout_s, 0.3)
    except TimeoutError as e:
        raise TimeoutError(f"{e}\n{world.romeos.mails()!r}\n{world.romeos.server.show_log()}") from e


def wait_mail(world, *tokens):
    """Until all of tokens have come to Romeo's mailbox."""
    wait_retrying(world, f"{tokens} in Romeo's mailbox",
                  lambda: all(token in world.romeos.mails() for token in tokens))


def wait_message(world, token):
    juliet = world.juliet
    return wait_retrying(world, f"{token} at Juliet's", lambda: juliet.stanzas(has(token)))[0]


def test_a_mail_and_its_answer(bridged):
    token, answer = new_id("love"), new_id("hither")
    send(bridged, JULIET, token)
    message = wait_message(bridged, token)
    bridged.juliet.send_message(message.get("from"), answer)
    wait_mail(bridged, answer.encode())


def test_who_writes_to_nobody_hears_of_it(bridged):
    send(bridged, NOBODY, "is anybody there")
    wait_mail(bridged, b"Subject: Your message could not be delivered", NOBODY.encode())


def test_an_address_of_nobody_is_refused(bridged):
    """While its sender is still there, where the mail server can ask; else by a bounce."""
    if bridged.romeos.asks_first:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            send(bridged, NO_ADDRESS, "to nobody")
        code, words = refused.value.recipients[NO_ADDRESS]
        assert code == 550, words
    else:
        send(bridged, NO_ADDRESS, "to nobody")
        wait_mail(bridged, NO_ADDRESS.encode(), b"5.1.1")


def test_mail_waits_for_the_gateway(bridged):
    first, second = new_id("first"), new_id("second")
    bridged.juliet  # is online before
    bridged.gateway.stop()
    if bridged.romeos.asks_first:
        bridged.gateway.start(ready=READY)  # so that the recipient is known to the mail server
        send(bridged, JULIET, first)
        wait_message(bridged, first)
        bridged.gateway.stop()
    send(bridged, JULIET, second)
    bridged.gateway.start(ready=READY)
    wait_message(bridged, second)


def test_bodies_survive(bridged):
    """Dots, long lines and bytes over 127."""
    token = new_id("end-of-the-first-part")
    lines = [".", "..", ".x", f"{token}.", "x" * 990, "æøå", "From here", "last"]
    send(bridged, JULIET, "\n".join(lines), {"Content-Type": "text/plain; charset=utf-8"})
    body = wait_message(bridged, token)
    text = body.find("{jabber:client}body").text
    assert [line for line in lines if line not in text] == []


SMUGGLERS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r", b"\r\n.\r\r\n",
             b"\r\n\x00.\r\n"]


def transactions(port, data):
    """Sends data behind DATA; how many mails the server then takes it for."""
    with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE_S) as smtp:
        smtp.ehlo()
        smtp.mail(ROMEO)
        smtp.rcpt(JULIET)
        smtp.putcmd("data")
        assert smtp.getreply()[0] == 354
        smtp.send(data + b"QUIT\r\n")
        heard = b"".join(iter(lambda: smtp.sock.recv(4096), b""))
        smtp.close()
    return 1 + len(re.findall(rb"^354", heard, re.M))


def test_nothing_is_smuggled_through(bridged):
    """What the mail server takes for one mail is one mail here, or none.  Where it is fooled
    itself, both mails are its own.
    """
    fooled, token = [], new_id("smuggled")
    for n, end in enumerate(SMUGGLERS):
        second = (f"MAIL FROM:<admin@{w.MAIL_DOMAIN}>\r\nRCPT TO:<{JULIET}>\r\nDATA\r\n"
                  f"From: admin@{w.MAIL_DOMAIN}\r\nSubject: s\r\n\r\n{token}-{n}-\r\n.\r\n")
        first = f"From: {ROMEO}\r\nTo: {JULIET}\r\nSubject: s\r\n\r\nthe first"
        fooled.append(transactions(bridged.romeos.server.port,
                                   first.encode() + end + second.encode()) > 1)
    after = new_id("after")
    send(bridged, JULIET, after)
    wait_message(bridged, after)
    assert not all(fooled), "nothing was tried"
    for n, end in enumerate(SMUGGLERS):
        senders = [m.get("from") for m in bridged.juliet.stanzas(has(f"{token}-{n}-"))]
        assert fooled[n] or not any(s.startswith("admin") for s in senders), (end, senders)
