"""Who a message goes to: XEP-0033, blind copies, replies to all, the map, and addresses of every kind."""

import signal
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


def answer_all(world, client, message, body, thread=None):
    """What a client without XEP-0033 sends to the resource "all" of the contact."""
    return client.send_message(message.get("from").partition("/")[0] + "/all", body,
                               thread=thread or text_of(message, "c:thread"))


def test_a_reply_to_all_goes_to_everybody_but_oneself(world):
    token = new_id("council")
    benvolio, mercutio = world.user("benvolio"), world.user("mercutio")
    nurse = world.jabber_side.client("nurse")
    mail = make_mail(world.romeo.address, f"Juliet <{world.mail_of('juliet')}>, Benvolio <{benvolio.address}>",
                     "Council", token, {"Cc": f"{mercutio.address}, {world.mail_of('nurse')}"})
    world.romeo.send(mail, [world.mail_of("juliet"), world.mail_of("nurse")])
    message = world.juliet.wait_message(has(token))
    nurse.wait_message(has(token))

    reply = new_id("all")
    answer_all(world, world.juliet, message, reply)
    for user in (world.romeo, benvolio, mercutio):
        got = user.wait_body(reply)
        assert [a.addr_spec for a in got["To"].addresses] == [world.romeo.address, benvolio.address]
        assert [a.addr_spec for a in got["Cc"].addresses] == [mercutio.address, world.mail_of("nurse")]
        assert got["In-Reply-To"] == mail["Message-ID"]
    assert nurse.wait_message(has(reply)).get("from") == w.GATEWAY
    assert not [s for s in world.juliet.stanzas() if has(reply)(s)]

    again = new_id("again")  # the last mail of the thread is one's own now
    answer_all(world, world.juliet, message, again)
    for user in (world.romeo, benvolio, mercutio):
        assert [a.addr_spec for a in user.wait_body(again)["To"].addresses] == [
            world.romeo.address, benvolio.address]


def test_a_reply_to_all_of_nothing_known_is_refused_with_advice(prosody_world):
    world = prosody_world
    sent = world.juliet.send_message(world.contact(world.romeo.address) + "/all", "Whom?", thread="never seen")
    code, condition, _, text = error_of(world.juliet.wait_error(sent))
    assert (code, condition) == ("404", "item-not-found")
    assert "/all" in text


def test_the_case_of_a_local_part_is_remembered(make_world, relay):
    world = make_world(relay=relay).start()
    token, first, second = new_id("case"), new_id("before"), new_id("after")
    contact = world.contact("friar.john@cell.example")
    world.juliet.send_message(contact, first)
    assert relay.wait_mail(lambda m: first.encode() in m.data).recipients == ["friar.john@cell.example"]
    world.romeo.send(make_mail("Friar <Friar.John@CELL.example>", world.mail_of("juliet"), "Case", token),
                     world.mail_of("juliet"), sender=world.romeo.address)
    assert world.juliet.wait_message(has(token)).get("from").partition("/")[0] == contact
    world.juliet.send_message(contact, second)
    mail = relay.wait_mail(lambda m: second.encode() in m.data)
    assert mail.recipients == ["Friar.John@cell.example"]
    assert b"To: Friar.John@cell.example\r\n" in mail.data


LONG = "a-nurse-with-a-name-that-is-much-too-long-to-stand-before-the-at-of-a-mail-address"


def test_a_user_whose_address_would_be_too_long_has_an_alias(make_world, relay):
    world = make_world(relay=relay).start()
    asked = world.gateway.command("map", f"{LONG}@{w.JABBER_DOMAIN}")
    alias = asked.stdout.split(" -> ")[1].split()[0]
    assert alias.startswith("h-") and len(alias.partition("@")[0]) <= 64 and "stored alias" in asked.stdout
    assert "nobody has" in world.gateway.command("map", alias).stdout

    token = new_id("long")  # the alias stands in a header, and from then on it is known
    world.juliet.send_message(world.contact(world.romeo.address), token, extra=addresses(
        ("replyto", f"{LONG}@{w.JABBER_DOMAIN}")))
    mail = relay.wait_mail(lambda m: token.encode() in m.data)
    assert f"Reply-To: {alias}".encode() in mail.data
    told = world.gateway.command("map", alias.upper())
    assert f"-> {LONG}@{w.JABBER_DOMAIN}" in told.stdout and "stored alias" in told.stdout

    world.romeo.write(alias, "To the long one", new_id())
    world.gateway.wait_log(rf"to={LONG}@{w.JABBER_DOMAIN}")
    world.romeo.write("h-0123456789abcdef01234567@" + w.GATEWAY, "To nobody", new_id())
    world.gateway.wait_log(r"event=failed .*no such Jabber user")


def test_the_map_has_patterns_and_a_file_that_is_read_again(make_world, relay):
    world = make_world({"map_file": "people"}, relay=relay)
    people = world.gateway.folder / "people"
    people.write_text(f"# who is who\njul*@{w.JABBER_DOMAIN}  {w.MAIL_DOMAIN[:8]}-*@shop.example\n")
    world.start()
    asked = world.gateway.command("map", f"juliet@{w.JABBER_DOMAIN}").stdout
    assert "montague-iet@shop.example" in asked and "people:2" in asked
    token = new_id("map")
    world.juliet.send_message(world.contact(world.romeo.address), token)
    assert b"From: montague-iet@shop.example\r\n" in relay.wait_mail(lambda m: token.encode() in m.data).data

    people.write_text(f"juliet@{w.JABBER_DOMAIN}\n")
    world.gateway.process.popen.send_signal(signal.SIGHUP)
    world.gateway.wait_log(r"event=reload-refused .*people:1: the mail address is missing")
    token = new_id("map")
    world.juliet.send_message(world.contact(world.romeo.address), token)
    assert b"From: montague-iet@shop.example\r\n" in relay.wait_mail(lambda m: token.encode() in m.data).data

    people.write_text(f"juliet@{w.JABBER_DOMAIN} j@shop.example # now\n")
    world.gateway.process.popen.send_signal(signal.SIGHUP)
    world.gateway.wait_log(r"event=reloaded")
    token = new_id("map")
    world.juliet.send_message(world.contact(world.romeo.address), token)
    assert b"From: j@shop.example\r\n" in relay.wait_mail(lambda m: token.encode() in m.data).data


def test_a_mailbox_and_no_domain_is_enough(make_world):
    """The gateway lives on sub-addresses of one plain mailbox: no mail domain is its own."""
    address = f"benvolio@{w.MAIL_DOMAIN}"
    world = make_world({"mailbox": {"bridge": {"user": "benvolio", "address": address, "sub_addresses": "yes"}}})
    world.user("benvolio").empty()
    world.start()
    juliet = f"benvolio+juliet={w.JABBER_DOMAIN}@{w.MAIL_DOMAIN}"

    token = new_id("sub")
    world.juliet.send_message(world.contact(world.romeo.address), token, thread="balcony")
    mail = world.romeo.wait_body(token)
    assert parseaddr(mail["From"])[1] == juliet
    assert mail["Return-Path"].startswith("<benvolio+b+")
    answer = new_id("answer")
    world.romeo.answer(mail, answer)
    message = world.juliet.wait_message(has(answer))
    assert message.get("from").partition("/")[0] == world.contact(world.romeo.address)
    assert text_of(message, "c:thread") == "balcony"

    sent = world.juliet.send_message(world.contact(f"tybalt@{w.MAIL_DOMAIN}"), "accepted and bounced")
    code, condition, _, _ = error_of(world.juliet.wait_error(sent))
    assert (code, condition) == ("404", "item-not-found"), "the bounce came to the mailbox"


def test_an_author_who_failed_the_servers_checks_is_marked_or_refused(make_world, relay):
    """A report goes to a reverse-path that is proven, and to no other."""
    world = make_world({"verdicts": {"server": "mx.example.org"}}, relay=relay).start()

    def put(token, results, path):
        head = (f"Return-Path: <{path}>\r\nAuthentication-Results: mx.example.org; {results}\r\n"
                f"From: romeo@montague.example\r\nTo: {world.mail_of('juliet')}\r\n"
                f"Message-ID: <{token}@montague.example>\r\n\r\n{token}\r\n")
        world.user("bridge").put(head.encode())

    marked, honest, proven, unproven = (new_id(x) for x in ("marked", "honest", "proven", "forged"))
    put(marked, "dmarc=fail", "tybalt@capulet.example")
    assert "may be forged" in text_of(world.juliet.wait_message(has(marked)), "c:body")

    world.gateway.configure({"verdicts": {"server": "mx.example.org", "refuse": "true"}})
    world.gateway.restart()
    put(unproven, "spf=softfail; dmarc=fail", "victim@capulet.example")
    put(proven, "spf=pass; dmarc=fail", "tybalt@capulet.example")
    put(honest, "spf=pass; dmarc=pass", "romeo@montague.example")
    assert "may be forged" not in text_of(world.juliet.wait_message(has(honest)), "c:body")
    report = relay.wait_mail(lambda m: m.recipients == ["tybalt@capulet.example"])
    assert b"5.7.1" in report.data and proven.encode() in report.data
    assert [m.recipients for m in relay.mails] == [["tybalt@capulet.example"]]
    assert not world.juliet.stanzas(lambda m: has(proven)(m) or has(unproven)(m))
