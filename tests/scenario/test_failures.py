"""What goes wrong reaches the one who can act, once, as an error on the original stanza's id."""

import re
import sqlite3
import time

import pytest

import world as w
from fake.smtp_relay import DROP, SILENCE
from jabber import error_of, has, new_id
from servers.base import free_port, wait_until


def test_an_unknown_recipient_is_404(world):
    contact = world.contact(f"rosaline@{w.MAIL_DOMAIN}")
    stanza_id = world.juliet.send_message(contact, "Art thou there?")
    error = world.juliet.wait_error(stanza_id)
    code, condition, kind, text = error_of(error)
    assert (code, condition, kind) == ("404", "item-not-found", "cancel")
    assert "User unknown" in text, "the relay's own words are in it"
    assert error.get("from").partition("/")[0] == contact


def test_a_bounce_that_comes_later_is_404_on_the_original_id(world):
    token = new_id("later")
    contact = world.contact(f"{w.LATE_BOUNCES[0]}@{w.MAIL_DOMAIN}")
    stanza_id = world.juliet.send_message(contact, token)
    code, condition, _, _ = error_of(world.juliet.wait_error(stanza_id))
    assert (code, condition) == ("404", "item-not-found")
    time.sleep(0.5)
    assert len(world.juliet.stanzas(lambda s: s.get("id") == stanza_id)) == 1, "told once"
    assert not world.juliet.stanzas(lambda s: s.get("type") != "error" and token in (
        s.findtext("{jabber:client}body") or "")), "a report is no message"


def test_a_relay_that_is_down_is_waited_for(make_world, relay):
    relay.stop()
    world = make_world(relay=relay).start()
    token = new_id("patience")
    stanza_id = world.juliet.send_message(world.contact(world.romeo.address), token)
    world.gateway.wait_log("event=accepted")
    time.sleep(1.5)
    assert not world.juliet.stanzas(lambda s: s.get("id") == stanza_id), "the queue waits first"
    relay.start()
    assert relay.wait_mail().recipients == [world.romeo.address]


def test_a_relay_that_stays_down_is_502_when_the_queue_gives_up(make_world):
    world = make_world({"smtp": {"port": free_port()}, "queue": {"lifetime": 3}}).start()
    stanza_id = world.juliet.send_message(world.contact(world.romeo.address), "Is anybody there?")
    code, condition, kind, text = error_of(world.juliet.wait_error(stanza_id))
    assert (code, condition, kind) == ("502", "service-unavailable", "wait")
    assert text


def test_an_error_that_cannot_be_written_down_is_set_aside_and_told_in_the_end(make_world, relay):
    """A bug or a broken table in the way of one outcome: nothing spins, nothing is forgotten."""
    admin = {"jids": [f"nurse@{w.JABBER_DOMAIN}"]}
    relay.script("RCPT", "550 5.1.1 no such user", "250 2.1.5 ok", "550 5.1.1 no such user")
    world = make_world({"admin": admin}, relay=relay).start()
    nurse = world.jabber_side.client("nurse")
    with sqlite3.connect(world.gateway.database) as database:
        database.execute("CREATE TRIGGER in_the_way BEFORE INSERT ON message WHEN NEW.origin = 'report'"
                         " BEGIN SELECT RAISE(ABORT, 'in the way'); END")
    stanza_id = world.juliet.send_message(world.contact(world.romeo.address), "A lost word")
    world.gateway.wait_log("event=never-written", "event=set-aside")
    nurse.wait_message(has("in the way"), what="word to the administrator")
    wait_until("the word to have left", lambda: len(world.gateway.queue()) == 1)
    [item] = world.gateway.queue()
    [state] = item["recipients"]
    assert state["state"] == "set-aside" and "in the way" in state["last_error"]
    assert world.gateway.log_text().count("in the way") < 10
    other = new_id("other")
    world.juliet.send_message(world.contact(world.romeo.address), other)
    assert other.encode() in relay.wait_mail().data
    with sqlite3.connect(world.gateway.database) as database:
        database.execute("DROP TRIGGER in_the_way")
    assert world.gateway.command("queue", "retry", item["id"]).returncode == 0
    assert error_of(world.juliet.wait_error(stanza_id))[0] == "404"


def test_temporary_refusals_wait_in_the_queue(make_world, relay):
    relay.script("RCPT", "450 4.2.0 come back", "451 4.3.0 and again", "250 2.1.5 welcome")
    world = make_world(relay=relay).start()
    token = new_id("greylist")
    stanza_id = world.juliet.send_message(world.contact(world.romeo.address), token)
    assert token.encode() in relay.wait_mail().data
    assert not world.juliet.stanzas(lambda s: s.get("id") == stanza_id)


def test_one_refused_recipient_does_not_spoil_the_others(make_world, relay):
    relay.script("RCPT", "550 5.2.1 mailbox disabled", match="mercutio@")
    world = make_world(relay=relay).start()
    stanza_id = world.juliet.send_message(w.GATEWAY, "to all", extra=(
        "<x xmlns='jabber:x:envelope'>"
        f"<to jid='romeo@{w.MAIL_DOMAIN}'/><to jid='mercutio@{w.MAIL_DOMAIN}'/></x>"))
    assert relay.wait_mail().recipients == [world.romeo.address]
    code, condition, kind, _ = error_of(world.juliet.wait_error(stanza_id))
    assert (code, condition, kind) == ("503", "service-unavailable", "cancel")


def test_replies_become_the_errors_that_fit(make_world, relay):
    cases = {
        "policy": ("550 5.7.1 not from you", ("403", "forbidden", "auth")),
        "size": ("552 5.3.4 too big", ("406", "not-acceptable", "modify")),
        "syntax": ("553 5.1.3 strange", ("400", "jid-malformed", "modify")),
        "domain": ("550 5.1.2 no such host", ("504", "remote-server-not-found", "cancel")),
        "words": ("550 no such user here", ("404", "item-not-found", "cancel")),
    }
    for name, (reply, _) in cases.items():
        relay.script("RCPT", reply, match=f"{name}@")
    world = make_world(relay=relay).start()
    ids = {name: world.juliet.send_message(world.contact(f"{name}@{w.MAIL_DOMAIN}"), "?")
           for name in cases}
    for name, (_, expected) in cases.items():
        assert error_of(world.juliet.wait_error(ids[name]))[:3] == expected, name


def test_temporary_failures_at_queue_end_keep_their_meaning(make_world, relay):
    relay.script("RCPT", "451 4.4.1 the host beyond does not answer", match="far@")
    relay.script("RCPT", "452 4.2.2 mailbox full", match="full@")
    world = make_world({"queue": {"lifetime": 2}}, relay=relay).start()
    far = world.juliet.send_message(world.contact(f"far@{w.MAIL_DOMAIN}"), "?")
    full = world.juliet.send_message(world.contact(f"full@{w.MAIL_DOMAIN}"), "?")
    assert error_of(world.juliet.wait_error(far))[:3] == ("504", "remote-server-timeout", "wait")
    assert error_of(world.juliet.wait_error(full))[:3] == ("500", "resource-constraint", "wait")


@pytest.mark.parametrize("command", ["GREETING", "RCPT"])
def test_a_relay_that_says_nothing_is_504_when_the_queue_gives_up(make_world, relay, command):
    relay.script(command, SILENCE)
    short = {"smtp": {"reply_timeout": 1}, "queue": {"lifetime": 3}}
    world = make_world(short, relay=relay).start()
    stanza_id = world.juliet.send_message(world.contact(world.romeo.address), "Speak!")
    code, condition, kind, text = error_of(world.juliet.wait_error(stanza_id))
    assert (code, condition, kind) == ("504", "remote-server-timeout", "wait")
    assert text


def test_a_relay_that_closes_at_the_greeting_is_502(make_world, relay):
    relay.script("GREETING", "554 5.3.2 not today")
    world = make_world({"queue": {"lifetime": 2}}, relay=relay).start()
    stanza_id = world.juliet.send_message(world.contact(world.romeo.address), "?")
    assert error_of(world.juliet.wait_error(stanza_id))[0] in ("502", "503")


def test_a_relay_that_drops_at_data_is_tried_again(make_world, relay):
    relay.script("DATA", DROP, "354 go on")
    world = make_world(relay=relay).start()
    token = new_id("drop")
    world.juliet.send_message(world.contact(world.romeo.address), token)
    assert token.encode() in relay.wait_mail().data


def test_what_expires_in_the_queue_is_not_sent(make_world, relay):
    relay.stop()
    world = make_world(relay=relay).start()
    token = new_id("stale")
    stanza_id = world.juliet.send_message(world.contact(world.romeo.address), token,
                                          extra="<x xmlns='jabber:x:expire' seconds='2'/>")
    told = world.juliet.wait_stanza(
        lambda s: s.findtext("{jabber:x:event}x/{jabber:x:event}id") == stanza_id)
    assert told.get("type") != "error" and told.findtext("{jabber:client}body") is None
    relay.start()
    marker = new_id("fresh")
    world.juliet.send_message(world.contact(world.romeo.address), marker)
    relay.wait_mail(lambda m: marker.encode() in m.data)
    assert not [m for m in relay.mails if token.encode() in m.data]


def test_what_expires_while_the_relay_is_silent_is_told_then(make_world, relay):
    relay.script("RCPT", SILENCE)
    world = make_world({"smtp": {"reply_timeout": 3},
                        "queue": {"retry_first": 3600, "retry_max": 3600}}, relay=relay).start()
    stanza_id = world.juliet.send_message(world.contact(world.romeo.address), new_id("silence"),
                                          extra="<x xmlns='jabber:x:expire' seconds='2'/>")
    told = world.juliet.wait_stanza(
        lambda s: s.findtext("{jabber:x:event}x/{jabber:x:event}id") == stanza_id)
    assert told.get("type") != "error" and told.findtext("{jabber:client}body") is None


def test_an_error_is_never_answered(world):
    token = new_id("silent")
    contact = world.contact(f"rosaline@{w.MAIL_DOMAIN}")
    world.juliet.send_xml(
        f"<message xmlns='jabber:client' to='{contact}' id='{token}' type='error'><body>x</body>"
        "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
        "</message>")
    marker = new_id("marker")
    world.juliet.send_message(world.contact(world.romeo.address), marker)
    world.romeo.wait_body(marker)
    assert not world.juliet.stanzas(lambda s: s.get("id") == token)


def test_a_contact_that_is_no_address_is_refused_at_once(world):
    for contact in (f"nobody@{w.GATEWAY}", f"a\\40@{w.GATEWAY}"):
        stanza_id = world.juliet.send_message(contact, "?")
        code, condition, kind, text = error_of(world.juliet.wait_error(stanza_id))
        assert (code, condition) in (("400", "jid-malformed"), ("404", "item-not-found")), contact
        assert text


def test_a_mail_to_nobody_is_reported_to_its_sender(world):
    token = new_id("nobody")
    message_id = world.romeo.write(world.mail_of("rosaline"), "To nobody", token)
    report = world.romeo.wait_report(message_id)
    assert report["Return-Path"] == "<>"
    assert report["Auto-Submitted"] == "auto-replied"
    status = next(part.as_string() for part in report.walk()
                  if part.get_content_type() == "message/delivery-status")
    # All three hosts answer service-unavailable, so that nobody can find out who has an account
    # (RFC 6121 §8.5.1).
    assert "Status: 5.2.1" in status and "service-unavailable" in status
    assert f"rfc822; {world.mail_of('rosaline')}" in status
    assert f"DSN-Gateway: smtp; {w.GATEWAY}" in status
    for name in ("From", "To", "Subject", "Date", "Message-ID"):
        assert len(report.get_all(name)) == 1, name
    marker = new_id("marker")
    world.romeo.write(world.mail_of("juliet"), None, marker)
    world.juliet.wait_message(has(marker))


def test_a_report_to_nobody_is_not_answered(prosody_world):
    world = prosody_world
    token = new_id("void")
    mail = (f"From: x@y.example\r\nTo: {world.mail_of('rosaline')}\r\nSubject: {token}\r\n"
            f"Message-ID: <{token}@y.example>\r\n\r\n{token}\r\n")
    world.romeo.send(mail.encode(), world.mail_of("rosaline"), sender="")
    marker = new_id("marker")
    world.romeo.write(world.mail_of("juliet"), None, marker)
    world.juliet.wait_message(has(marker))
    time.sleep(0.5)
    assert not [m for m in world.romeo.mails() + world.bridge.mails()
                if m.get_content_type() == "multipart/report" and token in m.as_string()]


def test_more_than_an_hours_share_is_refused_for_now(make_world, relay):
    world = make_world({"limit": {"user_rate": 3, "recipient_rate": 2}}, relay=relay).start()
    to = world.contact(world.romeo.address)
    for _ in range(2):
        token = new_id("share")
        world.juliet.send_message(to, token)
        relay.wait_mail(lambda m, token=token: token.encode() in m.data)
    error = world.juliet.wait_error(world.juliet.send_message(to, "one too many for him"))
    *kind, text = error_of(error)
    assert kind == ["500", "resource-constraint", "wait"] and "minutes" in text
    error = world.juliet.wait_error(world.juliet.send_message(
        world.contact(f"mercutio@{w.MAIL_DOMAIN}"), "one too many of her own"))
    assert error_of(error)[1] == "resource-constraint"
    assert len(relay.mails) == 2


def test_a_mail_that_waits_is_reported_as_delayed_once(make_world, relay):
    world = make_world({"queue": {"delay_notice": 1}}, relay=relay).start()
    world.jabber_side.stop()
    try:
        world.gateway.wait_log("stream .*state=lost")
        token = new_id("late")
        world.romeo.write(world.mail_of("juliet"), token, f"text {token}")
        report = relay.wait_mail(lambda m: token.encode() in m.data)
        assert report.sender == "" and report.recipients == [world.romeo.address]
        assert b"\r\nAction: delayed\r\n" in report.data and b"\r\nStatus: 4." in report.data
    finally:
        world.jabber_side.start()
    world.juliet.wait_message(lambda m: token in "".join(m.itertext()))
    assert len([m for m in relay.mails if token.encode() in m.data]) == 1


def test_a_mail_behind_one_for_very_many_is_reported_as_delayed(make_world, relay):
    world = make_world({"queue": {"delay_notice": 1}}, relay=relay).start()
    world.jabber_side.stop()
    try:
        world.gateway.wait_log("stream .*state=lost")
        many = ",\r\n ".join(f"user{i}@{w.GATEWAY}" for i in range(1000))
        world.bridge.put(f"Return-Path: <>\r\nFrom: all@{w.MAIL_DOMAIN}\r\nBcc: {many}\r\n"
                         "Subject: all\r\n\r\nall\r\n".encode())
        world.gateway.wait_log("event=accepted")
        token = new_id("behind")
        world.romeo.write(world.mail_of("juliet"), token, token)
        relay.wait_mail(lambda m: token.encode() in m.data)
    finally:
        world.jabber_side.start()


def test_more_than_a_recipient_shall_have_waits_and_others_go_on(make_world):
    world = make_world({"mailbox": {"bridge": {"rate": 3}}}).start()
    tokens = [new_id("flood") for _ in range(6)]
    for token in tokens:
        world.romeo.send(f"From: romeo@{w.MAIL_DOMAIN}\r\nTo: {world.mail_of('juliet')}\r\n"
                         f"Subject: {token}\r\n\r\n{token}\r\n".encode(),
                         to=world.mail_of("juliet"))
    last = new_id("other")
    world.romeo.write(world.mail_of("nurse"), last, last)
    world.jabber_side.client("nurse").wait_message(lambda m: last in "".join(m.itertext()))
    wait_until("the six of them", lambda: world.gateway.log_text().count("event=accepted") == 7)

    def arrived():
        return sum(bool(world.juliet.stanzas(lambda s, t=t: t in "".join(s.itertext())))
                   for t in tokens)

    wait_until("the first three", lambda: arrived() == 3)
    wait_until("the other three in the queue", lambda: len(world.gateway.queue()) == 3)
    world.gateway.restart()
    time.sleep(2)  # what looks for traces of a clock that was set back has run
    assert arrived() == 3
    assert world.gateway.command("queue", "retry", "all").returncode == 0
    wait_until("the rest", lambda: arrived() == 6)


def recipients_of(report):
    """Of each recipient in a delivery report: the address and the action."""
    return re.findall(rb"\r\nFinal-Recipient: rfc822; (\S+)\r\nAction: (\w+)", report.data)


def test_one_report_tells_of_all_who_wait(make_world, relay):
    world = make_world({"queue": {"delay_notice": 1}}, relay=relay).start()
    world.jabber_side.stop()
    try:
        world.gateway.wait_log("stream .*state=lost")
        token = new_id("many")
        many = ",\r\n ".join(f"user{i}@{w.GATEWAY}" for i in range(200))
        world.bridge.put(f"Return-Path: <romeo@montague.example>\r\nFrom: romeo@montague.example\r\n"
                         f"Bcc: {many}\r\nSubject: {token}\r\n\r\nall\r\n".encode())
        report = relay.wait_mail(lambda m: token.encode() in m.data)
        told = recipients_of(report)
        assert len(set(told)) == 200 and {action for _, action in told} == {b"delayed"}
        time.sleep(2)
        assert len(relay.mails) == 1, "and nobody hears twice"
    finally:
        world.jabber_side.start()
    # Nobody lives there: they fail at the same time.
    report = relay.wait_mail(lambda m: b"Action: failed" in m.data)
    told = recipients_of(report)
    assert len(set(told)) == 200 and {action for _, action in told} == {b"failed"}
    assert len(relay.mails) == 2


def test_what_goes_in_a_circle_is_stopped(make_world, relay):
    world = make_world(relay=relay).start()
    token, other = new_id("circle"), new_id("other")
    sent = world.juliet.send_message(world.contact(f"rosaline@{w.MAIL_DOMAIN}"), token)
    mail = relay.wait_mail(lambda m: token.encode() in m.data)
    assert b"\r\nX-Loop: b+" in mail.data

    # Forwarded to the one who wrote it, under the reverse-path it had: they hear of it.
    world.romeo.send(mail.data, to=world.mail_of("juliet"), sender=mail.sender)
    report = relay.wait_mail(lambda m: b"5.4.6" in m.data)
    assert report.sender == "" and report.recipients == [mail.sender]
    # By a list: nobody is troubled.  To somebody else: it is their mail.
    world.romeo.send(mail.data, to=world.mail_of("juliet"), sender=f"list-bounces@{w.MAIL_DOMAIN}")
    world.romeo.send(mail.data, to=world.mail_of("nurse"))
    nurse = world.jabber_side.client("nurse")
    nurse.wait_message(lambda m: token in "".join(m.itertext()))
    # Somebody else's mark stops nothing; too many servers do.
    forged = re.sub(rb"X-Loop: b\+[^.]*", b"X-Loop: b+0000000000000", mail.data)
    world.romeo.send(forged.replace(token.encode(), other.encode()), to=world.mail_of("juliet"))
    world.juliet.wait_message(lambda m: other in "".join(m.itertext()))
    world.bridge.put(b"Return-Path: <romeo@montague.example>\r\n" +
                     b"Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n" * 101 +
                     f"From: romeo@montague.example\r\nTo: {world.mail_of('juliet')}\r\n"
                     "Subject: hops\r\n\r\nhops\r\n".encode())
    report = relay.wait_mail(lambda m: b"5.4.6" in m.data and b"hops" in m.data)
    assert report.recipients == [world.romeo.address]
    wait_until("an empty queue", lambda: world.gateway.queue() == [])
    assert not world.juliet.stanzas(lambda m: token in "".join(m.itertext()))
    assert len([m for m in relay.mails if b"5.4.6" in m.data]) == 2
    assert sent
