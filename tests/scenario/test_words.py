"""What a user says to the gateway itself, and whether senders are told that their mail was seen."""

import time

import pytest

import world as w
from jabber import error_of, is_message, new_id, text_of
from servers.base import PATIENCE_S
from test_receipts import flags, is_disposition_for, say_displayed, wait_flag

MARKABLE = "{urn:xmpp:chat-markers:0}markable"


@pytest.fixture(params=["prosody", "ejabberd"])
def fresh(request, make_world):
    """A gateway that leaves receipts to its users, and knows none of them yet."""
    return make_world(host=request.param).start()


class Listener:
    """What the gateway itself says to a client from now on; an error carries what it is about."""

    def __init__(self, client):
        self.client = client
        self.before = len(self._all())

    def _all(self):
        return self.client.stanzas(lambda s: is_message(s) and s.get("from") == w.GATEWAY
                                   and s.get("type") != "error")

    def said(self):
        return [text_of(m, "c:body") for m in self._all()[self.before:]]

    def wait(self, count):
        deadline = time.monotonic() + PATIENCE_S
        while len(self.said()) < count:
            assert time.monotonic() < deadline, f"{count} awaited, said: {self.said()}"
            time.sleep(0.05)
        assert len(self.said()) == count
        return self.said()[-1]


def ask_to_be_told(world, headers=None):
    """A mail whose sender wants to know when it is seen, as it comes to Juliet."""
    token = new_id()
    message_id = world.romeo.write(world.mail_of("juliet"), "Hast thou read it?", token, {
        "Disposition-Notification-To": world.romeo.address, **(headers or {})})
    return message_id, world.juliet.wait_message(lambda m: token in (text_of(m, "c:body") or ""))


def say(world, words, **how):
    world.juliet.send_message(w.GATEWAY, words, **how)


def dispositions(world, message_id):
    return [m for m in world.romeo.mails() if is_disposition_for(message_id)(m)]


def test_who_says_yes_lets_senders_know(fresh):
    world, gateway = fresh, Listener(fresh.juliet)
    message_id, message = ask_to_be_told(world)
    question = gateway.wait(1)
    assert world.romeo.address in question and "receipts on" in question and "receipts off" in question
    say_displayed(world, message)
    world.gateway.wait_log("event=displayed .*told=no")

    say(world, "receipts on", kind="chat", thread="t1")
    assert "are on" in gateway.wait(2)
    reply = world.juliet.wait_message(lambda m: text_of(m, "c:thread") == "t1" and m.get("from") == w.GATEWAY)
    assert reply.get("type") == "chat"
    second_id, message = ask_to_be_told(world)
    say_displayed(world, message)
    report = world.romeo.wait_mail(is_disposition_for(second_id))
    assert report["Return-Path"].strip("<> ") == ""
    assert "; displayed" in " ".join(report.get_payload()[1].as_string().split())
    wait_flag(world.bridge, second_id, "$MDNSent")
    assert not dispositions(world, message_id)
    gateway.wait(2)  # not asked again

    world.gateway.kill9()
    world.gateway.start()
    say(world, "receipts off", kind="chat")
    assert "are off" in gateway.wait(3)
    third_id, message = ask_to_be_told(world)
    say_displayed(world, message)
    world.gateway.wait_log("event=displayed .*told=no")
    assert not dispositions(world, third_id) and "$MDNSent" not in flags(world.bridge, third_id)
    gateway.wait(3)


def test_who_says_no_is_not_asked(fresh):
    world, gateway = fresh, Listener(fresh.juliet)
    say(world, " Receipts  OFF! ")
    assert "are off" in gateway.wait(1)
    message_id, message = ask_to_be_told(world)
    say_displayed(world, message)
    world.gateway.wait_log("event=displayed .*told=no")
    time.sleep(0.5)
    gateway.wait(1)
    assert not dispositions(world, message_id)


def test_who_is_not_asked_says_nothing(make_world):
    """Mail that asks for nothing; and mail that nobody wrote, whatever it asks for."""
    world = make_world().start()
    gateway = Listener(world.juliet)
    say(world, "receipts on")
    gateway.wait(1)
    token = new_id()
    plain_id = world.romeo.write(world.mail_of("juliet"), "Plain", token)
    plain = world.juliet.wait_message(lambda m: token in (text_of(m, "c:body") or ""))
    say_displayed(world, plain)
    world.gateway.wait_log("event=displayed .*told=no")
    ids = [plain_id]
    for headers in ({"List-Id": "<verona.example>"}, {"Precedence": "bulk"},
                    {"Auto-Submitted": "auto-generated"}):
        message_id, message = ask_to_be_told(world, headers)
        assert message.find(MARKABLE) is None
        say_displayed(world, message)
        ids.append(message_id)
    last_id, message = ask_to_be_told(world)
    say_displayed(world, message)
    world.romeo.wait_mail(is_disposition_for(last_id))
    assert not [i for i in ids if dispositions(world, i)]
    gateway.wait(1)


def test_the_question_is_asked_once_however_many_ask(make_world):
    world = make_world().start()
    gateway = Listener(world.juliet)
    for _ in range(3):
        ask_to_be_told(world)
    gateway.wait(1)
    time.sleep(0.5)
    gateway.wait(1)


def test_administrators_decide_first(make_world):
    world = make_world({"receipts": "never"}).start()
    gateway = Listener(world.juliet)
    message_id, message = ask_to_be_told(world)
    say(world, "receipts on")
    assert "off for everybody" in gateway.wait(1)
    say_displayed(world, message)
    world.gateway.wait_log("event=displayed .*told=no")
    assert not dispositions(world, message_id)


def test_a_user_s_no_holds_where_all_are_told(make_world):
    world = make_world({"receipts": "always"}).start()
    gateway = Listener(world.juliet)
    say(world, "receipts")
    assert "are on" in gateway.wait(1)
    say(world, "settings")
    told = "Senders who ask are told that you have seen their mail"
    assert f"{told}: as usual here (yes)." in gateway.wait(2).splitlines()
    say(world, "receipts off")
    assert "are off" in gateway.wait(3)
    say(world, "settings")
    assert f"{told}: no." in gateway.wait(4).splitlines()
    message_id, message = ask_to_be_told(world)
    say_displayed(world, message)
    world.gateway.wait_log("event=displayed .*told=no")
    assert not dispositions(world, message_id)


def test_the_help_lists_the_words(fresh):
    world, gateway = fresh, Listener(fresh.juliet)
    say(world, "Help", kind="chat")
    text = gateway.wait(1)
    assert "\\40example.org@" in text
    for word in ("help", "block romeo@example.net", "receipts on | off", "subject always | new | never"):
        assert f"\n{word} - " in text
    for first in ("senders - ", "mail - ", "receipts on | off - ", "when chat "):
        assert f"\n\n{first}" in text, "what belongs together stands together"
    say(world, "Wherefore art thou?", kind="chat")
    assert "\nreceipts on | off - " in gateway.wait(2)


def test_no_circle_of_machines(make_world):
    """What is no word is answered once and then not for a while; alerts and errors never are."""
    world = make_world().start()
    gateway = Listener(world.juliet)
    for kind in ("headline", "error"):
        say(world, "I am away", kind=kind)
    say(world, "I am away", kind="chat")
    gateway.wait(1)
    for text in gateway.said() * 5:
        say(world, text, kind="chat")
    say(world, "help", kind="chat")  # a word always is answered
    gateway.wait(2)
    time.sleep(0.5)
    gateway.wait(2)


def test_a_message_to_the_gateway_with_addresses_is_multicast(fresh):
    world, gateway, token = fresh, Listener(fresh.juliet), new_id()
    say(world, f"receipts on {token}",
        extra=f"<x xmlns='jabber:x:envelope'><to jid='{world.romeo.address}'/></x>")
    world.romeo.wait_body(token)
    empty = world.juliet.send_message(w.GATEWAY, "receipts on", "<x xmlns='jabber:x:envelope'/>")
    assert error_of(world.juliet.wait_error(empty))[1] == "bad-request"
    assert gateway.said() == []
