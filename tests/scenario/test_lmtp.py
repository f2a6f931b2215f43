"""Mail by LMTP: the protocol as a mail server speaks it, and what becomes of the mail."""

import re
import socket
import sqlite3

import pytest

from jabber import has, new_id
from mail import make_mail
from servers.base import PATIENCE_S, free_port
import world as w

JULIET = f"juliet@{w.GATEWAY}"
READY = (r"stream .*state=up", r"inbound .*event=listening")


class Lmtp:
    """A client of the listener, a line at a time."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.lines = self.socket.makefile("rb")
        assert self.reply().startswith("220 ")

    def reply(self):
        lines = []
        while not lines or lines[-1][3:4] == "-":
            lines.append(self.lines.readline().decode().rstrip("\r\n"))
            assert lines[-1], "the connection is closed"
        return "\n".join(lines)

    def say(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.reply()

    def hello(self):
        assert self.say("LHLO mta.montague.example").startswith("250")
        return self

    def send(self, mail, *recipients, sender="romeo@montague.example", parameters=""):
        """Sends a whole mail; recipients may carry parameters.  Returns a reply for each."""
        assert self.say(f"MAIL FROM:<{sender}>{parameters}").startswith("250")
        for recipient in recipients:
            address, _, asked = recipient.partition(" ")
            answer = self.say(f"RCPT TO:<{address}>{' ' + asked if asked else ''}")
            assert answer.startswith("250"), answer
        assert self.say("DATA").startswith("354")
        self.socket.sendall(mail + b".\r\n")
        return [self.reply() for _ in recipients]

    def close(self):
        self.socket.close()


def letter(body, headers=None):
    return make_mail("Romeo <romeo@montague.example>", JULIET, "by lmtp", body + "\n",
                     headers).as_bytes()


@pytest.fixture
def lmtp_world(make_world):
    """A gateway without a mailbox, with a listener; .client() is a session there."""
    port = free_port()
    world = make_world({"mailbox": None, "lmtp": {"listen": f"127.0.0.1:{port}"}})
    world.start(ready=READY)
    clients = []

    def client():
        clients.append(Lmtp(port).hello())
        return clients[-1]

    world.lmtp_port = port
    world.client = client
    yield world
    for one in clients:
        one.close()


def test_a_mail_arrives(lmtp_world):
    replies = lmtp_world.client().send(letter("shall I hear more"), JULIET)
    assert replies == ["250 2.0.0 taken, and safe on disk"]
    message = lmtp_world.juliet.wait_message(has("shall I hear more"))
    assert message.get("from").startswith("romeo\\40montague.example@")


def test_only_users_of_the_gateway_are_taken(lmtp_world):
    """The answer is that of `postern map`."""
    client = lmtp_world.client()
    client.say("MAIL FROM:<romeo@montague.example>")
    for address, code in ((JULIET, "250 2.1.5"),
                          (f"juliet={w.JABBER_DOMAIN}@{w.GATEWAY}", "250 2.1.5"),
                          (f"postmaster@{w.GATEWAY}", "250 2.1.5"),
                          ("postmaster", "250 2.1.5"),
                          ("romeo@montague.example", "550 5.7.1"),
                          (f"juliet@{w.JABBER_DOMAIN}", "550 5.7.1"),
                          (f"romeo=elsewhere.example@{w.GATEWAY}", "550 5.7.1"),
                          (f"romeo%montague.example@{w.GATEWAY}", "550 5.7.1"),
                          (f"montague.example!romeo@{w.GATEWAY}", "550 5.7.1"),
                          (f"@{w.GATEWAY}:romeo@montague.example", "550 5.7.1"),
                          (f"h-0123456789abcdef01234567@{w.GATEWAY}", "550 5.1.1"),
                          (f"b+1k82a4oc4gph1.1k8.0123456789abcdef@{w.GATEWAY}", "550 5.1.1"),
                          (f'"a b"@{w.GATEWAY}', "550 5.1.1")):
        assert client.say(f"RCPT TO:<{address}>").startswith(code), address


def test_reports_find_their_message(lmtp_world, relay):
    """A reverse-path of ours is an address here, as long as its key is right."""
    world = lmtp_world
    world.gateway.stop()
    world.gateway.configure({"smtp": {"port": relay.port}})
    world.gateway.start(ready=READY)
    world.juliet.send_message(world.contact("romeo@montague.example"), "art thou not Romeo")
    sent = relay.wait_mail()
    client = world.client()
    client.say("MAIL FROM:<>")
    assert client.say(f"RCPT TO:<{sent.sender}>").startswith("250")
    forged = sent.sender.replace("@", "0@")
    assert client.say(f"RCPT TO:<{forged}>").startswith("550 5.1.1")


def test_nothing_is_smuggled(lmtp_world):
    client = lmtp_world.client()
    for end in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r\n\0.\r\n",
                b"\r\n.\r\r\n"):
        second = (f"MAIL FROM:<admin@{w.JABBER_DOMAIN}>\r\nRCPT TO:<{JULIET}>\r\nDATA\r\n"
                  "From: admin\r\n\r\nsmuggled\r\n").encode()
        replies = client.send(b"Subject: x\r\n\r\nfirst" + end + second, JULIET)
        assert [r[:9] for r in replies] == ["554 5.6.0"], end
    client.send(letter("and this is the last"), JULIET)
    lmtp_world.juliet.wait_message(has("and this is the last"))
    assert "smuggled" not in lmtp_world.gateway.command("queue", "list").stdout
    assert lmtp_world.gateway.log_text().count("event=accepted") == 1


def test_a_kill_after_the_answer_loses_nothing(lmtp_world):
    """250 is a promise: it holds when the power goes."""
    client = lmtp_world.client()
    bodies = [f"promise number {i}." for i in range(20)]
    for body in bodies:
        client.send(letter(body), JULIET)
    lmtp_world.gateway.kill9()
    lmtp_world.gateway.start(ready=READY)
    for body in bodies:
        lmtp_world.juliet.wait_message(has(body))


def report_to_romeo(world, token):
    return world.romeo.wait_report(token)


def field(report, name):
    """A field of the part for programs."""
    status = next(part for part in report.walk()
                  if part.get_content_type() == "message/delivery-status")
    found = re.search(rf"^{name}: (.*)$", status.as_string(), re.M | re.I)
    return found[1].strip() if found else None


ASKS = " RET=HDRS ENVID=QQ+2B314159"
ORIGINAL = "ORCPT=rfc822;ju@old.montague.example"


def test_success_is_told_when_the_client_says_so(lmtp_world):
    lmtp_world.romeo.empty()
    lmtp_world.client().send(letter("wilt thou say so"), f"{JULIET} NOTIFY=SUCCESS {ORIGINAL}",
                             parameters=ASKS)
    message = lmtp_world.juliet.wait_message(has("wilt thou say so"))
    assert message.find("{urn:xmpp:receipts}request") is not None
    event = message.find("{jabber:x:event}x")
    assert {child.tag.partition("}")[2] for child in event} == {"delivered", "offline"}
    lmtp_world.juliet.send_xml(
        f"<message to='{message.get('from')}'><received xmlns='urn:xmpp:receipts' "
        f"id='{message.get('id')}'/></message>")
    report = report_to_romeo(lmtp_world, "QQ+314159")
    assert field(report, "Action") == "delivered"
    assert field(report, "Original-Envelope-Id") == "QQ+314159"
    assert field(report, "Original-Recipient") == "rfc822; ju@old.montague.example"
    assert report["Return-Path"] == "<>"


def test_success_is_relayed_when_nobody_says_so(lmtp_world):
    lmtp_world.romeo.empty()
    lmtp_world.gateway.configure({"lmtp": {"receipt_wait": 1}})
    lmtp_world.gateway.restart(ready=READY)
    lmtp_world.client().send(letter("say nothing"), f"{JULIET} NOTIFY=SUCCESS", parameters=ASKS)
    lmtp_world.juliet.wait_message(has("say nothing"))
    assert field(report_to_romeo(lmtp_world, "QQ+314159"), "Action") == "relayed"


def test_a_report_that_cannot_be_written_keeps_no_other_back(lmtp_world):
    lmtp_world.romeo.empty()
    lmtp_world.gateway.configure({"lmtp": {"receipt_wait": 1}})
    lmtp_world.gateway.restart(ready=READY)
    with sqlite3.connect(lmtp_world.gateway.database) as database:
        database.execute("CREATE TRIGGER in_the_way BEFORE INSERT ON message WHEN NEW.origin = 'report'"
                         " AND CAST(NEW.content AS TEXT) LIKE '%QQ271828%'"
                         " BEGIN SELECT RAISE(ABORT, 'in the way'); END")
    for envelope_id in ("QQ271828", "QQ314159"):
        lmtp_world.client().send(letter(f"owed {envelope_id}"), f"{JULIET} NOTIFY=SUCCESS",
                                 parameters=f" RET=HDRS ENVID={envelope_id}")
        lmtp_world.juliet.wait_message(has(f"owed {envelope_id}"))
    assert field(report_to_romeo(lmtp_world, "QQ314159"), "Action") == "relayed"
    lmtp_world.gateway.wait_log("event=never-told .*in the way")
    assert lmtp_world.gateway.log_text().count("event=never-told") == 1, "and it is not tried for ever"


def test_failure_is_told_as_notify_says(lmtp_world):
    """Nobody lives there: the sender hears of it, unless they asked not to."""
    lmtp_world.romeo.empty()
    client = lmtp_world.client()
    nobody = f"nobody@{w.GATEWAY}"
    failure, default = new_id("failure"), new_id("default")
    for asked, token in (("NOTIFY=NEVER", "never"), ("NOTIFY=SUCCESS,DELAY", "success"),
                         ("NOTIFY=FAILURE", failure), ("", default)):
        client.send(letter("art thou there"), f"{nobody} {asked}".strip(),
                    parameters=f" ENVID={token}")
    for token in (failure, default):
        report = report_to_romeo(lmtp_world, token)
        assert field(report, "Action") == "failed"
        assert field(report, "Original-Envelope-Id") == token
    told = {field(mail, "Original-Envelope-Id") for mail in lmtp_world.romeo.mails()
            if mail.get_content_type() == "multipart/report"}
    assert told == {failure, default}


def test_all_of_a_failed_mail_comes_back_when_asked(lmtp_world):
    lmtp_world.romeo.empty()
    client = lmtp_world.client()
    for ret in ("FULL", "HDRS"):
        client.send(letter("the very words"), f"nobody@{w.GATEWAY}",
                    parameters=f" RET={ret} ENVID={ret}")
    full = report_to_romeo(lmtp_world, "Original-Envelope-Id: FULL")
    assert "the very words" in full.as_string()
    assert "the very words" not in report_to_romeo(
        lmtp_world, "Original-Envelope-Id: HDRS").as_string()


def test_what_remains_of_the_time_is_told(lmtp_world):
    client = lmtp_world.client()
    client.send(letter("in time"), JULIET, parameters=" BY=600;R")
    message = lmtp_world.juliet.wait_message(has("in time"))
    seconds = int(message.find("{jabber:x:expire}x").get("seconds"))
    assert 300 < seconds <= 600
    client.send(letter("whenever"), JULIET, parameters=" BY=600;N")
    assert lmtp_world.juliet.wait_message(has("whenever")).find("{jabber:x:expire}x") is None


def test_a_time_that_is_over_is_told_while_the_host_is_away(lmtp_world):
    """BY=n;R: failed with 5.4.7 and never delivered; BY=n;N: delayed, once, and delivered in the
    end.
    """
    world = lmtp_world
    world.romeo.empty()
    right = world.gateway.options["jabber"]["port"]
    world.gateway.configure({"jabber": {"port": free_port()}})
    world.gateway.restart(ready=(READY[1],))
    client = world.client()
    client.send(letter("too late"), JULIET, parameters=" BY=10;R ENVID=returned")
    client.send(letter("late, yet welcome"), JULIET, parameters=" BY=1;N ENVID=notified")
    world.gateway.stop()
    with sqlite3.connect(world.gateway.database) as db:
        db.execute("UPDATE message SET deadline = deadline - 60")
    db.close()
    world.gateway.start(ready=(READY[1],))
    report = report_to_romeo(world, "Original-Envelope-Id: returned")
    assert (field(report, "Action"), field(report, "Status")) == ("failed", "5.4.7")
    report = report_to_romeo(world, "Original-Envelope-Id: notified")
    assert (field(report, "Action"), field(report, "Status")) == ("delayed", "4.4.7")
    world.gateway.configure({"jabber": {"port": right}})
    world.gateway.restart(ready=READY)
    world.juliet.wait_message(has("late, yet welcome"))
    assert not world.juliet.stanzas(has("too late"))
    told = [field(mail, "Original-Envelope-Id") for mail in world.romeo.mails()
            if mail.get_content_type() == "multipart/report"]
    assert sorted(told) == ["notified", "returned"]


def test_too_much_for_one_user_comes_later(lmtp_world):
    lmtp_world.gateway.configure({"lmtp": {"rate": 3}})
    lmtp_world.gateway.restart(ready=READY)
    client = lmtp_world.client()
    for _ in range(3):
        client.send(letter("one of many"), JULIET)
    client.say("MAIL FROM:<romeo@montague.example>")
    assert client.say(f"RCPT TO:<{JULIET}>").startswith("450 4.2.1")
    assert client.say(f"RCPT TO:<nurse@{w.GATEWAY}>").startswith("250")


def test_check_knows_the_place(lmtp_world):
    told = lmtp_world.gateway.command("check").stdout
    assert re.search(r"^ok +lmtp +127.0.0.1:\d+, not tried: a running gateway has it", told, re.M)
    lmtp_world.gateway.stop()
    assert re.search(r"^ok +lmtp +127.0.0.1:\d+ is free", lmtp_world.gateway.command("check").stdout,
                     re.M)
    with socket.create_server(("127.0.0.1", lmtp_world.lmtp_port)):
        assert re.search(r"^FAIL lmtp ", lmtp_world.gateway.command("check").stdout, re.M)
