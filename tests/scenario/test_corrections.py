"""Corrections (XEP-0308): a mail that has not left is replaced, one that has is followed by another."""


from jabber import new_id


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
    assert world.gateway.command("queue", "list").stdout == ""
    assert len(relay.mails) == 1


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
