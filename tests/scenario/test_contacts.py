"""Contacts passed on between a Jabber user and a mail user."""

import time

import world as w
from jabber import has, new_id, text_of
from mail import body_of, make_mail

ROSTER = "{jabber:x:roster}"
ROSTERX = "{http://jabber.org/protocol/rosterx}"


def items(message, ns):
    return {item.get("jid"): (item.get("name"), [g.text for g in item.iter(f"{ns}group")])
            for item in message.iter(f"{ns}item")}


def test_contacts_of_a_message_come_as_vcards(prosody_world):
    world, token = prosody_world, new_id("friends")
    world.juliet.send_message(world.contact(world.romeo.address), token, extra=(
        "<x xmlns='jabber:x:roster'>"
        f"<item jid='nurse@{w.JABBER_DOMAIN}' name='Angelica, of course'><group>Home</group></item>"
        f"<item jid='{world.contact('friar@cell.example')}' name='Lorenzo'/></x>"))
    mail = world.romeo.wait_body(token)

    assert f"Angelica, of course: xmpp:nurse@{w.JABBER_DOMAIN} (Home)" in body_of(mail)
    assert "Lorenzo: friar@cell.example" in body_of(mail)
    card, = [p for p in mail.iter_attachments() if p.get_content_type() == "text/vcard"]
    lines = card.get_content().splitlines()
    assert lines.count("BEGIN:VCARD") == lines.count("END:VCARD") == 2
    for line in ("VERSION:4.0", "FN:Angelica\\, of course", f"IMPP:xmpp:nurse@{w.JABBER_DOMAIN}",
                 "CATEGORIES:Home", "EMAIL:friar@cell.example"):
        assert line in lines


def test_vcards_of_a_mail_are_offered_once_in_a_stanza_of_their_own(prosody_world):
    world, token = prosody_world, new_id("cards")
    mail = make_mail(world.romeo.address, world.mail_of("juliet"), "Friends", token)
    mail.add_attachment("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Benvolio\r\n"
                        f"EMAIL:benvolio@{w.MAIL_DOMAIN}\r\nCATEGORIES:Verona,{token}\r\n"
                        "END:VCARD\r\n", subtype="vcard", filename="benvolio.vcf")
    world.romeo.send(mail, world.mail_of("juliet"))

    message = world.juliet.wait_message(lambda m: has(token)(m) and m.find(f"{ROSTER}x") is None)
    offer = world.juliet.wait_message(lambda m: has(token)(m) and m.find(f"{ROSTER}x") is not None)
    assert offer.get("from") == message.get("from").partition("/")[0]
    assert text_of(offer, "c:thread") == text_of(message, "c:thread")
    contact = world.contact(f"benvolio@{w.MAIL_DOMAIN}")
    for ns in (ROSTER, ROSTERX):
        assert items(offer, ns) == {contact: ("Benvolio", ["Verona", token])}
    assert {item.get("action") for item in offer.iter(f"{ROSTERX}item")} == {"add"}

    time.sleep(1.5)
    assert len(world.juliet.stanzas(lambda m: m.find(f"{ROSTER}x") is not None
                                    and has(token)(m))) == 1


def test_contacts_to_be_removed_are_told_in_words(prosody_world):
    world = prosody_world
    name = new_id("Tybalt")
    world.juliet.send_message(world.contact(world.romeo.address), None, extra=(
        "<x xmlns='http://jabber.org/protocol/rosterx'>"
        f"<item action='delete' jid='tybalt@{w.JABBER_DOMAIN}' name='{name}'/></x>"))
    mail = world.romeo.wait_body(name)
    assert f"removed from your contacts:\r\n{name}: xmpp:tybalt@{w.JABBER_DOMAIN}" in body_of(mail)
    assert not list(mail.iter_attachments())
