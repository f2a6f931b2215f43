"""A stanza over which the host closes the stream is set aside, and the rest flows."""

import re
import signal
import sqlite3
import xml.etree.ElementTree as ET

import pytest

import world as w
from fake.jabber_host import FakeHost
from fake.smtp_relay import SILENCE
from jabber import new_id
from servers.base import wait_until

POISON = "POISON"
WATCHING = (r"inbound .*event=watching",)


class FakeSide:
    """The Jabber side with the fake host."""

    def __init__(self, host):
        self.server = host

    def show_logs(self):
        return self.server.show_log()


@pytest.fixture
def bad_host():
    host = FakeHost(POISON)
    yield host
    host.stop()


@pytest.fixture
def poisoned(folder, mail_side, relay, bad_host):
    """A gateway that is ready for mail while its host is not there yet."""
    made = w.World(folder, FakeSide(bad_host), mail_side, relay=relay)
    made.start(ready=WATCHING)
    yield made
    assert not made.stop()


def is_taken(host, token):
    """Once, or twice with the same id: what was under way when the stream was lost is sent again."""
    copies = [ET.fromstring(text).get("id") for text in host.messages if token in text]
    return 1 <= len(copies) <= 2 and len(set(copies)) == 1


def set_aside(world):
    """The queue, when all that is left was set aside."""
    items = world.gateway.queue()
    states = {recipient["state"] for item in items for recipient in item["recipients"]}
    return items if states == {"set-aside"} else None


def test_a_mail_that_closes_the_stream_is_set_aside_and_the_rest_flows(poisoned, bad_host):
    good, bad = [new_id("good") for _ in range(2)], new_id(POISON)
    for token in (good[0], bad, good[1]):
        poisoned.romeo.write(poisoned.mail_of("juliet"), token, f"text {token}")
    wait_until("three mails in the queue", lambda: len(poisoned.gateway.queue()) == 3)

    bad_host.start()
    wait_until("the good mails", lambda: all(is_taken(bad_host, t) for t in good))
    wait_until("the bad mail set aside", lambda: set_aside(poisoned))
    (item,) = set_aside(poisoned)
    assert "not-well-formed" in item["recipients"][0]["last_error"]
    assert re.search(rf'event=set-aside id={item["id"]} .*see="postern queue"',
                     poisoned.gateway.log_text())

    # Nothing closes the stream any more, and what comes later arrives.
    closed, later = len(bad_host.closed_over), new_id("later")
    assert closed <= 3
    poisoned.romeo.write(poisoned.mail_of("juliet"), later, f"text {later}")
    wait_until("the later mail", lambda: is_taken(bad_host, later))
    assert len(bad_host.closed_over) == closed

    # An administrator may try again once the host can read it.
    bad_host.poison = None
    assert poisoned.gateway.command("queue", "retry", item["id"]).returncode == 0
    wait_until("the mail set aside before", lambda: is_taken(bad_host, bad))
    wait_until("an empty queue", lambda: poisoned.gateway.queue() == [])


def test_a_ready_stanza_that_closes_the_stream_is_set_aside(poisoned, bad_host, relay):
    relay.script("RCPT", f"550 5.1.1 {POISON}", match="rosaline@")
    bad_host.start()
    poisoned.gateway.wait_log(r"stream .*state=up")
    to = poisoned.contact(f"rosaline@{w.MAIL_DOMAIN}")
    bad_host.send(f"<message from='juliet@{w.JABBER_DOMAIN}/test' to='{to}' id='m1' type='chat'>"
                  "<body>art thou there</body></message>")
    wait_until("the error set aside", lambda: set_aside(poisoned))
    (item,) = set_aside(poisoned)
    assert item["kind"].startswith("stanza")
    assert len(bad_host.closed_over) == 2

    token = new_id("after")
    poisoned.romeo.write(poisoned.mail_of("juliet"), token, f"text {token}")
    wait_until("a mail afterwards", lambda: is_taken(bad_host, token))


def test_a_mail_that_is_lost_again_and_again_is_reported_in_the_end(poisoned, bad_host, relay):
    bad_host.hang_up = token = new_id("HANGUP")
    poisoned.gateway.configure({"queue": {"lifetime": 2}})
    poisoned.gateway.restart(ready=WATCHING)
    bad_host.start()
    poisoned.romeo.write(poisoned.mail_of("juliet"), token, f"text {token}")
    report = relay.wait_mail()
    assert report.recipients == [poisoned.romeo.address]
    assert b"4.4.2" in report.data and token.encode() in report.data
    wait_until("an empty queue", lambda: poisoned.gateway.queue() == [])
    assert len(bad_host.closed_over) >= 2


def test_what_a_user_wrote_to_another_expires_while_the_stream_is_lost(poisoned, bad_host):
    bad_host.hang_up = token = new_id("HANGUP")
    bad_host.start()
    poisoned.gateway.wait_log(r"stream .*state=up")
    bad_host.send(f"<message from='juliet@{w.JABBER_DOMAIN}/test' to='{w.GATEWAY}' id='m7'>"
                  f"<body>text {token}</body><x xmlns='jabber:x:expire' seconds='3'/>"
                  f"<x xmlns='jabber:x:envelope'><to jid='nurse@{w.JABBER_DOMAIN}'/></x></message>")
    wait_until("the sender told", lambda: [m for m in bad_host.messages if ">m7</" in m])
    (told,) = [ET.fromstring(m) for m in bad_host.messages if ">m7</" in m]
    assert told.get("to") == f"juliet@{w.JABBER_DOMAIN}/test" and told.get("type") != "error"
    assert told.findtext("{jabber:x:event}x/{jabber:x:event}id") == "m7"
    left = [int(ET.fromstring(m).find("{jabber:x:expire}x").get("seconds"))
            for m in bad_host.closed_over]
    assert 0 < min(left) and max(left) <= 3
    assert left == sorted(left, reverse=True) and (len(left) == 1 or left[-1] < left[0])
    wait_until("an empty queue", lambda: poisoned.gateway.queue() == [])


def hangs(relay):
    """The relay has the mail and says nothing: it is in the middle of the work."""
    relay.unanswered.clear()
    relay.script("END", SILENCE)


def die_over_it(world, relay, signo):
    wait_until("the relay to have the mail", lambda: relay.unanswered)
    relay.unanswered.clear()
    world.gateway.process.popen.send_signal(signo)
    world.gateway.process.popen.wait()
    world.gateway.start()


def test_a_message_over_which_the_program_dies_three_times_is_set_aside(make_world, relay):
    world = make_world(relay=relay).start()
    hangs(relay)
    token, later = new_id("fault"), new_id("later")
    sent = world.juliet.send_message(world.contact(world.romeo.address), token)
    for _ in range(3):
        die_over_it(world, relay, signal.SIGSEGV)
    relay.behave()
    error = world.juliet.wait_error(sent)
    assert "set it aside" in "".join(error.itertext())
    world.juliet.send_message(world.contact(world.romeo.address), later)
    relay.wait_mail(lambda m: later.encode() in m.data)
    wait_until("that one to have left", lambda: len(world.gateway.queue()) == 1)
    (item,) = world.gateway.queue()
    assert {r["state"] for r in item["recipients"]} == {"set-aside"}
    assert item["recipients"][0]["attempts"] == 3
    assert not [m for m in relay.mails if token.encode() in m.data]


def test_whoever_kills_the_program_accuses_no_message(make_world, relay):
    world = make_world(relay=relay).start()
    hangs(relay)
    token = new_id("kill")
    world.juliet.send_message(world.contact(world.romeo.address), token)
    for _ in range(4):
        die_over_it(world, relay, signal.SIGKILL)
    relay.behave()
    # What the relay still holds without an answer is given up with the next start.
    world.gateway.kill9()
    world.gateway.start()
    relay.wait_mail(lambda m: token.encode() in m.data)
    wait_until("an empty queue", lambda: world.gateway.queue() == [])


def test_what_is_set_aside_goes_in_the_end(make_world):
    world = make_world({"queue": {"lifetime": 3}, "admin": {"jids": [f"nurse@{w.JABBER_DOMAIN}"]}})
    world.start()
    nurse = world.jabber_side.client("nurse")
    world.gateway.stop()
    with sqlite3.connect(world.gateway.database) as db:
        db.execute("INSERT INTO message(id, kind, sender, origin, created, deadline, content)"
                   " VALUES(77, 2, '', 'imap:bridge', 1, 0, 'x')")
        db.execute("INSERT INTO item(message, n, kind, recipient, attempts, next, error)"
                   " VALUES(77, 0, 2, '', 0, -1, 'it cannot be read')")
    assert [i["recipients"][0]["state"] for i in world.gateway.queue()] == ["set-aside"]
    world.gateway.start()
    wait_until("an empty queue", lambda: world.gateway.queue() == [])
    nurse.wait_message(lambda m: "set aside" in "".join(m.itertext())
                       and "000000000002d" in "".join(m.itertext()), what="a notice that names the message")
    assert "reason=\"set aside for too long\"" in world.gateway.log_text()
