"""Corrections (XEP-0308): a mail that has not left is replaced, one that has is followed by another."""

import world as w
from jabber import new_id
from servers.base import wait_until


def correction_of(stanza_id):
    return f"<replace id='{stanza_id}' xmlns='urn:xmpp:message-correct:0'/>"


def test_a_correction_replaces_the_mail_that_waits(make_world, relay):
    relay.script("RCPT", "450 4.2.0 come back", "250 2.1.5 welcome")
    world = make_world({"queue": {"retry_first": 6, "retry_max": 6}}, relay=relay).start()
    wrong, right = new_id("wrong"), new_id("right")
    first = world.juliet.send_message(world.contact(world.romeo.address), wrong, subject="Tonight")
    world.gateway.wait_log(r"smtp event=later")
    world.juliet.send_message(world.contact(world.romeo.address), right,
                              extra=correction_of(first))
    mail = relay.wait_mail()
    assert right.encode() in mail.data and wrong.encode() not in mail.data
    assert b"Subject: Tonight" in mail.data
    wait_until("an empty queue", lambda: world.gateway.queue() == [])
    assert len(relay.mails) == 1


def test_a_correction_for_one_of_two_takes_nothing_from_the_other(make_world, relay):
    relay.script("RCPT", *["450 4.2.0 come back"] * 2, "250 2.1.5 welcome")
    world = make_world({"queue": {"retry_first": 6, "retry_max": 6}}, relay=relay).start()
    wrong, right = new_id("wrong"), new_id("right")
    first = world.juliet.send_message(w.GATEWAY, wrong, extra=(
        "<x xmlns='jabber:x:envelope'><to jid='romeo@montague.example'/>"
        "<to jid='benvolio@montague.example'/></x>"))
    world.gateway.wait_log(r"smtp event=later .*n=1")
    world.juliet.send_message(world.contact(world.romeo.address), right,
                              extra=correction_of(first))
    wait_until("the mail to the other", lambda: any(
        wrong.encode() in m.data and "benvolio@montague.example" in str(m.recipients)
        for m in relay.mails))
    wait_until("the correction", lambda: any(right.encode() in m.data for m in relay.mails))


def test_a_correction_of_a_sent_mail_answers_it(prosody_world):
    world = prosody_world
    wrong, right = new_id("wrong"), new_id("right")
    first = world.juliet.send_message(world.contact(world.romeo.address), wrong, subject="Tonight")
    original = world.romeo.wait_body(wrong)
    world.juliet.send_message(world.contact(world.romeo.address), right,
                              extra=correction_of(first))
    mail = world.romeo.wait_body(right)
    assert mail["In-Reply-To"] == original["Message-ID"]
    assert mail["Subject"] == "Correction: Tonight"


def test_headers_both_sides_know_pass(prosody_world):
    world = prosody_world
    token = new_id("shim")
    world.juliet.send_message(world.contact(world.romeo.address), token, extra=(
        "<headers xmlns='http://jabber.org/protocol/shim'>"
        "<header name='Keywords'>rope</header><header name='Urgency'>high</header></headers>"))
    mail = world.romeo.wait_body(token)
    assert (mail["Keywords"], mail["Importance"]) == ("rope", "high")
