"""Receipts: what a Jabber user asks of mail, and what mail answers."""

import time

import pytest

import world as w
from jabber import is_message, new_id, text_of

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


def wait_notices(client, stanza_id, expected, timeout_s=15):
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
    deadline = time.monotonic() + 15
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
    world.juliet.wait_error(stanza_id, timeout_s=30)
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
