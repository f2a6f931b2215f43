"""Receipts: what a Jabber user asks of mail, and what mail answers."""

import re
import time

import pytest

import world as w
from fake.smtp_relay import SILENCE
from jabber import is_message, new_id, text_of
from servers.base import PATIENCE_S, free_port, wait_until

EVENT = "{jabber:x:event}"
RECEIVED = "{urn:xmpp:receipts}received"
DISPLAYED = "{urn:xmpp:chat-markers:0}displayed"
ASK_EVENTS = "<x xmlns='jabber:x:event'>{}</x>"
ASK_RECEIPT = "<request xmlns='urn:xmpp:receipts'/>"
ASK_MARKER = "<markable xmlns='urn:xmpp:chat-markers:0'/>"


def event_of(stanza):
    """(event, id) of an x:event notification; None when there is none."""
    x = stanza.find(EVENT + "x")
    if x is None or x.find(EVENT + "id") is None:
        return None
    names = [e.tag[len(EVENT):] for e in x if e.tag != EVENT + "id"]
    assert len(names) <= 1, "one event in each notification"
    return (names[0] if names else None, x.findtext(EVENT + "id"))


def notices(client, stanza_id):
    """What came for a message, as a set of words; each must come once."""
    found = []
    for m in client.stanzas(is_message):
        event = event_of(m)
        if event and event[1] == stanza_id:
            found.append(event[0])
        found += ["received" for r in m.findall(RECEIVED) if r.get("id") == stanza_id]
        found += ["marker" for r in m.findall(DISPLAYED) if r.get("id") == stanza_id]
    assert len(found) == len(set(found)), f"told twice: {found}"
    return set(found)


def wait_notices(client, stanza_id, expected, timeout_s=PATIENCE_S):
    deadline = time.monotonic() + timeout_s
    while notices(client, stanza_id) != expected:
        assert time.monotonic() < deadline, f"{notices(client, stanza_id)}, expected {expected}\n{client.show()}"
        time.sleep(0.1)


def test_a_delivered_mail_is_told_in_the_forms_asked_for(world):
    to = world.contact(world.romeo.address)
    both = world.juliet.send_message(to, new_id(), ASK_EVENTS.format("<delivered/>") + ASK_RECEIPT)
    old = world.juliet.send_message(to, new_id(), ASK_EVENTS.format("<delivered/><composing/>"))
    new = world.juliet.send_message(to, new_id(), ASK_RECEIPT)
    nothing = world.juliet.send_message(to, new_id())
    wait_notices(world.juliet, both, {"delivered", "received"})
    wait_notices(world.juliet, old, {"delivered"})
    wait_notices(world.juliet, new, {"received"})
    assert notices(world.juliet, nothing) == set()
    told = world.juliet.wait_message(lambda m: event_of(m) == ("delivered", both))
    assert told.get("from").partition("/")[0] == to
    assert text_of(told, "c:body") is None


def test_each_of_several_recipients_is_told_of(world):
    people = [world.romeo.address, world.user("benvolio").address]
    extra = "<x xmlns='jabber:x:envelope'>" + "".join(f"<to jid='{p}'/>" for p in people) + "</x>" + ASK_RECEIPT
    stanza_id = world.juliet.send_message(w.GATEWAY, new_id(), extra)
    world.juliet.wait_message(lambda m: m.find(RECEIVED) is not None and m.find(RECEIVED).get("id") == stanza_id)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        got = [m.get("from") for m in world.juliet.stanzas(is_message)
               if m.find(RECEIVED) is not None and m.find(RECEIVED).get("id") == stanza_id]
        if len(got) >= 2 or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert len(got) == 2


def test_a_failure_is_an_error_and_no_receipt(world):
    stanza_id = world.juliet.send_message(world.contact(f"tybalt@{w.MAIL_DOMAIN}"), new_id(),
                                          ASK_EVENTS.format("<delivered/><offline/>") + ASK_RECEIPT)
    world.juliet.wait_error(stanza_id)
    assert notices(world.juliet, stanza_id) <= {"offline"}


def mdn(mail, disposition):
    to = mail["Disposition-Notification-To"]
    return (f"From: romeo@montague.example\r\nTo: {to}\r\nSubject: Read\r\nDate: {mail['Date']}\r\n"
            f"Message-ID: <{new_id('mdn')}@montague.example>\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n"
            "--b\r\nContent-Type: text/plain\r\n\r\nIt was displayed.\r\n"
            "--b\r\nContent-Type: message/disposition-notification\r\n\r\n"
            "Final-Recipient: rfc822;romeo@montague.example\r\n"
            f"Original-Message-ID: {mail['Message-ID']}\r\n"
            f"Disposition: manual-action/MDN-sent-manually; {disposition}\r\n--b--\r\n").encode()


@pytest.mark.parametrize("ask,expected", [(ASK_MARKER, {"marker"}),
                                          (ASK_EVENTS.format("<displayed/>"), {"displayed"}),
                                          (ASK_MARKER + ASK_EVENTS.format("<displayed/>"), {"marker", "displayed"})])
def test_a_disposition_is_told_once(world, ask, expected):
    token = new_id()
    stanza_id = world.juliet.send_message(world.contact(world.romeo.address), token, ask)
    mail = world.romeo.wait_body(token)
    assert mail["Disposition-Notification-To"].strip("<>") == mail["Return-Path"].strip("<>")
    for _ in range(2):
        world.romeo.send(mdn(mail, "displayed"), to=mail["Disposition-Notification-To"], sender="")
    wait_notices(world.juliet, stanza_id, expected)
    later = new_id()
    world.romeo.write(world.mail_of("juliet"), "later", later)
    world.juliet.wait_message(lambda m: later in (text_of(m, "c:body") or ""))
    assert notices(world.juliet, stanza_id) == expected


def test_a_disposition_nobody_asked_for_is_not_told(world):
    token = new_id()
    stanza_id = world.juliet.send_message(world.contact(world.romeo.address), token)
    mail = world.romeo.wait_body(token)
    assert mail["Disposition-Notification-To"] is None
    mail["Disposition-Notification-To"] = mail["Return-Path"]
    world.romeo.send(mdn(mail, "displayed"), to=mail["Return-Path"].strip("<>"), sender="")
    world.gateway.wait_log("event=answered")
    assert notices(world.juliet, stanza_id) == set()


def flags(user, message_id):
    """The flags of a mail in a mailbox; None while it is not there."""
    imap = user._imap()
    try:
        _, found = imap.uid("search", "HEADER", "Message-ID", f'"{message_id}"')
        if not found[0]:
            return None
        _, answer = imap.uid("fetch", found[0], "(FLAGS)")
        return set(re.search(rb"FLAGS \(([^)]*)\)", answer[0]).group(1).decode().split())
    finally:
        imap.logout()


def wait_flag(user, message_id, flag):
    wait_until(f"{flag} on {message_id}", lambda: flag in (flags(user, message_id) or ()))


def ask_disposition(world, to=None):
    token = new_id()
    message_id = world.romeo.write(world.mail_of("juliet"), "Hast thou read it?", token,
                                   {"Disposition-Notification-To": to or world.romeo.address})
    return message_id, world.juliet.wait_message(lambda m: token in (text_of(m, "c:body") or ""))


def say_displayed(world, message):
    world.juliet.send_message(message.get("from"), None,
                              f"<displayed xmlns='urn:xmpp:chat-markers:0' id='{message.get('id')}'/>")


def is_disposition_for(message_id):
    return lambda m: m.get_content_type() == "multipart/report" and m["In-Reply-To"] == message_id


def test_what_juliet_has_seen_is_told_once_and_marked(make_world):
    world = make_world({"receipts": "always"}).start()
    message_id, message = ask_disposition(world)
    assert message.find("{urn:xmpp:chat-markers:0}markable") is not None
    assert message.find(EVENT + "x").find(EVENT + "displayed") is not None
    say_displayed(world, message)
    mail = world.romeo.wait_mail(is_disposition_for(message_id))
    assert mail["Return-Path"].strip("<> ") == ""
    assert mail["From"].addresses[0].addr_spec == world.mail_of("juliet")
    fields = " ".join(mail.get_payload()[1].as_string().split())  # Python folds long ids
    assert f"Final-Recipient: rfc822; {world.mail_of('juliet')}" in fields
    assert f"Original-Message-ID: {message_id}" in fields
    assert "; displayed" in fields
    wait_flag(world.bridge, message_id, "$MDNSent")
    say_displayed(world, message)
    world.juliet.send_message(message.get("from"), None, "<x xmlns='jabber:x:event'><displayed/>"
                              f"<id>{message.get('id')}</id></x>")
    time.sleep(1.5)
    assert len([m for m in world.romeo.mails() if is_disposition_for(message_id)(m)]) == 1


def test_nobody_is_told_without_consent(make_world):
    world = make_world().start()
    message_id, message = ask_disposition(world)
    say_displayed(world, message)
    world.gateway.wait_log("event=displayed .*told=no")
    time.sleep(0.5)
    assert not [m for m in world.romeo.mails() if is_disposition_for(message_id)(m)]
    assert "$MDNSent" not in flags(world.bridge, message_id)
    assert "\\Seen" in flags(world.bridge, message_id)


def test_a_disposition_for_somebody_else_is_not_offered(make_world):
    world = make_world({"receipts": "always"}).start()
    message_id, message = ask_disposition(world, to=world.user("benvolio").address)
    assert message.find("{urn:xmpp:chat-markers:0}markable") is None
    say_displayed(world, message)
    world.gateway.wait_log("event=displayed .*told=no")


def test_an_answered_mail_is_marked(make_world):
    world = make_world().start()
    message_id, message = ask_disposition(world)
    world.gateway.wait_log(f"event=delivered id={message.get('id').partition('-')[0]}")
    time.sleep(0.5)
    assert "\\Answered" not in flags(world.bridge, message_id)
    world.juliet.send_message(message.get("from"), new_id("answer"), thread=text_of(message, "c:thread"))
    wait_flag(world.bridge, message_id, "\\Answered")


def test_a_message_that_waits_is_told_of_after_two_seconds(make_world, relay):
    relay.script("DATA", SILENCE)
    world = make_world(relay=relay).start()
    juliet, started = world.juliet, time.monotonic()
    asked = juliet.send_message(world.contact(world.romeo.address), new_id(),
                                ASK_EVENTS.format("<offline/><delivered/>"))
    silent = world.juliet.send_message(world.contact(world.romeo.address), new_id(), ASK_RECEIPT)
    wait_notices(juliet, asked, {"offline"})
    assert time.monotonic() - started > 1, "not at once"
    assert notices(world.juliet, silent) == set()


def test_what_is_asked_survives_a_restart(make_world, relay):
    relay.stop()
    world = make_world(relay=relay).start()
    world.juliet.send_message(world.contact(world.romeo.address), new_id(), ASK_EVENTS.format("<delivered/>"))
    world.gateway.wait_log("event=accepted", "event=later")
    world.gateway.kill9()
    relay.start()
    world.gateway.start()
    mail = relay.wait_mail()
    assert "RET=HDRS" in mail.sender_parameters
    assert f"ENVID={mail.sender[2:].partition('.')[0]}" in mail.sender_parameters
    assert "NOTIFY=SUCCESS,FAILURE" in str(mail.recipient_parameters)
    assert f"ORCPT=rfc822;{world.romeo.address}" in str(mail.recipient_parameters)


def test_a_relay_without_reports_is_out_of_sight(make_world, relay):
    relay.script("EHLO", "250-relay.example\r\n250 8BITMIME")
    world = make_world(relay=relay).start()
    asked = world.juliet.send_message(world.contact(world.romeo.address), new_id(),
                                      ASK_EVENTS.format("<offline/><delivered/>") + ASK_RECEIPT)
    wait_notices(world.juliet, asked, {"offline"})
    mail = relay.wait_mail()
    assert mail.recipients == [world.romeo.address]


AMP = ("<amp xmlns='http://jabber.org/protocol/amp'>"
       "<rule condition='expire-at' action='{}' value='{}'/></amp>")


def in_seconds(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


@pytest.mark.parametrize("action", ["drop", "error", "alert", "notify", None])
def test_what_expires_in_the_queue_is_told_as_asked(make_world, action):
    world = make_world({"smtp": {"port": free_port()}}).start()
    extra = AMP.format(action, in_seconds(3)) if action else "<x xmlns='jabber:x:expire' seconds='3'/>"
    stanza_id = world.juliet.send_message(world.contact(world.romeo.address), new_id(), extra)
    world.gateway.wait_log("event=expired")
    if action is None:
        wait_notices(world.juliet, stanza_id, {None})
    elif action == "drop":
        time.sleep(1)
        assert not world.juliet.stanzas(lambda s: s.get("id") == stanza_id)
        assert notices(world.juliet, stanza_id) == set()
    else:
        report = world.juliet.wait_stanza(lambda s: is_message(s) and s.get("id") == stanza_id)
        amp = report.find("{http://jabber.org/protocol/amp}amp")
        assert amp.get("status") == action
        assert amp[0].get("action") == action and amp[0].get("condition") == "expire-at"
        assert (report.get("type") == "error") == (action == "error")
    wait_until("an empty queue", lambda: world.gateway.queue() == [])
