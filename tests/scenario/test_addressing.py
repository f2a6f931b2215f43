"""Who a message goes to: XEP-0033, blind copies, replies to all, the map, and addresses of every kind."""

import time
from email.utils import parseaddr

import world as w
from jabber import NS, error_of, new_id, text_of
from mail import body_of, make_mail


def has(token):
    return lambda m: token in (m.findtext("{jabber:client}body") or "")


def addresses(*rows):
    """An addresses element; a row is (type, jid or mailto: URI, more attributes)."""
    inner = "".join(
        f"<address type='{kind}' {'uri' if who.startswith('mailto:') else 'jid'}='{who}' {' '.join(more)}/>"
        for kind, who, *more in rows)
    return f"<addresses xmlns='http://jabber.org/protocol/address'>{inner}</addresses>"


def named(message, kind):
    return {(a.get("jid") or a.get("uri"), a.get("delivered"))
            for a in message.findall("addresses:addresses/addresses:address", NS) if a.get("type") == kind}


def test_blind_copies_know_and_are_known_by_nobody(world):
    token = new_id("blind")
    benvolio, mercutio = world.user("benvolio"), world.user("mercutio")
    nurse = world.jabber_side.client("nurse")
    world.juliet.send_message(w.GATEWAY, f"Come masked. {token}", subject="The masque", extra=addresses(
        ("to", world.contact(world.romeo.address), "desc='Romeo Montague'"),
        ("bcc", f"mailto:{benvolio.address}"),
        ("bcc", world.contact(mercutio.address)),
        ("bcc", f"nurse@{w.JABBER_DOMAIN}")))
    mails = {user.name: user.wait_body(token) for user in (world.romeo, benvolio, mercutio)}
    for mail in mails.values():
        assert [a.addr_spec for a in mail["To"].addresses] == [world.romeo.address]
        assert mail["To"].addresses[0].display_name == "Romeo Montague"
        assert mail["Cc"] is None and mail["Bcc"] is None
    for name, mail in mails.items():
        for other in {"benvolio", "mercutio", "nurse"} - {name}:
            assert other not in mail.as_string(), f"{name} can see {other}"
    assert len({m["Message-ID"] for m in mails.values()}) == 1, "one mail"
    assert len({m["Return-Path"] for m in mails.values()}) == 3, "a transaction for each, which a bounce names"

    stanza = nurse.wait_message(has(token))
    assert named(stanza, "to") == {(world.contact(world.romeo.address), "true")}
    assert named(stanza, "bcc") == {(f"nurse@{w.JABBER_DOMAIN}", "true")}
    assert named(stanza, "ofrom") == {(f"juliet@{w.JABBER_DOMAIN}", None)}


def test_a_blind_copy_that_fails_is_told_alone(make_world, relay):
    relay.script("RCPT", "550 5.1.1 no such user", match="mercutio@")
    world = make_world(relay=relay).start()
    token = new_id("blind")
    sent = world.juliet.send_message(w.GATEWAY, token, extra=addresses(
        ("to", f"mailto:{world.romeo.address}"), ("bcc", "mailto:mercutio@verona.example")))
    assert error_of(world.juliet.wait_error(sent))[1] == "item-not-found"


def test_an_address_that_is_none_keeps_the_message_from_everybody(world):
    token = new_id("nobody")
    sent = world.juliet.send_message(w.GATEWAY, token, extra=addresses(
        ("to", world.contact(world.romeo.address)), ("cc", "mailto:a@b.example,c@d.example")))
    assert error_of(world.juliet.wait_error(sent))[:2] == ("400", "jid-malformed")
    time.sleep(0.5)
    assert not [m for m in world.romeo.mails() if token in body_of(m)]


def test_more_than_fifty_recipients_are_refused(prosody_world):
    world = prosody_world
    sent = world.juliet.send_message(w.GATEWAY, "all", extra=addresses(
        *((("to", "cc", "bcc")[i % 3], f"mailto:u{i}@{w.MAIL_DOMAIN}") for i in range(51))))
    assert error_of(world.juliet.wait_error(sent))[:2] == ("406", "not-acceptable")


def test_what_others_have_delivered_is_not_delivered_again(prosody_world):
    world = prosody_world
    token = new_id("delivered")
    benvolio = world.user("benvolio")
    world.juliet.send_message(w.GATEWAY, token, extra=addresses(
        ("to", f"mailto:{world.romeo.address}", "delivered='true'"), ("cc", f"mailto:{benvolio.address}")))
    mail = benvolio.wait_body(token)
    assert parseaddr(mail["To"])[1] == world.romeo.address
    time.sleep(0.5)
    assert not [m for m in world.romeo.mails() if token in body_of(m)]


def test_a_mail_names_its_people_in_both_generations(world):
    token = new_id("people")
    mail = make_mail(world.romeo.address, world.mail_of("juliet"), "People", token, {
        "Cc": "Friar Laurence <laurence@abbey.example>", "Reply-To": "john@abbey.example"})
    world.romeo.send(mail, world.mail_of("juliet"))
    message = world.juliet.wait_message(has(token))
    assert named(message, "to") == {(f"juliet@{w.JABBER_DOMAIN}", "true")}
    assert named(message, "cc") == {(world.contact("laurence@abbey.example"), "true")}
    assert named(message, "replyto") == {(world.contact("john@abbey.example"), None)}
    assert message.find("envelope:x/envelope:replyto", NS).get("jid") == world.contact("john@abbey.example")
    assert "[Replies go to john@abbey.example]" in text_of(message, "c:body")


def test_a_local_part_beyond_ascii_is_refused(prosody_world):
    world = prosody_world
    sent = world.juliet.send_message(world.contact(f"röméo@{w.MAIL_DOMAIN}"), "utf8")
    code, condition, _, text = error_of(world.juliet.wait_error(sent))
    assert (code, condition) == ("406", "not-acceptable") and "5.6.7" in text


def test_a_domain_beyond_ascii_goes_both_ways(make_world, relay):
    world = make_world(relay=relay).start()
    token = new_id("idn")
    world.juliet.send_message(world.contact("romeo@bücher.example"), token)
    mail = relay.wait_mail(lambda m: token.encode() in m.data)
    assert mail.recipients == ["romeo@xn--bcher-kva.example"]
    assert b"To: romeo@xn--bcher-kva.example\r\n" in mail.data
    world.romeo.send(make_mail("Romeo <romeo@xn--bcher-kva.example>", world.mail_of("juliet"), "IDN", token),
                     world.mail_of("juliet"), sender=world.romeo.address)
    message = world.juliet.wait_message(has(token))
    assert message.get("from").partition("/")[0] == world.contact("romeo@bücher.example"), "the same contact"
