"""The main job, on each host server: a message becomes a mail, the answer becomes a message."""

import re
import time
import urllib.request
from email.utils import parseaddr, parsedate_to_datetime

import pytest

import world as w
from jabber import NS, has, new_id, text_of
from mail import body_of, make_mail
from servers.base import PATIENCE_S


def test_a_message_becomes_a_mail_and_its_answer_a_message(world):
    token = new_id("balcony")
    world.juliet.send_message(world.contact(world.romeo.address),
                              f"O Romeo, Romeo! {token}\nWherefore art thou Röméo?",
                              subject="At the window – late", thread="thread-1 &<x>", kind="chat")
    mail = world.romeo.wait_body(token)

    assert parseaddr(mail["From"])[1] == world.mail_of("juliet")
    assert parseaddr(mail["To"])[1] == world.romeo.address
    assert mail["Subject"] == "At the window – late"
    assert "Wherefore art thou Röméo?" in body_of(mail)
    assert mail["Content-Type"].params["format"] == "flowed"
    assert re.fullmatch(rf"<[^<>@\s]+@{re.escape(w.GATEWAY)}>", mail["Message-ID"])
    assert abs(parsedate_to_datetime(mail["Date"]).timestamp() - time.time()) < 600
    assert re.fullmatch(rf"<b\+[a-z0-9.]+@{re.escape(w.GATEWAY)}>", mail["Return-Path"]), "keyed"
    for name in ("From", "Date", "Message-ID", "To", "Subject", "MIME-Version"):
        assert len(mail.get_all(name)) == 1, name

    answer = new_id("orchard")
    world.romeo.answer(mail, f"Shall I hear more? {answer}\n\nOn some day, Juliet wrote:\n"
                             "> O Romeo, Romeo!\n-- \nRomeo, of the house of Montague\n")
    message = world.juliet.wait_message(has(answer))

    assert message.get("from").partition("/")[0] == world.contact(world.romeo.address)
    assert text_of(message, "c:thread") == "thread-1 &<x>"
    assert text_of(message, "c:subject") == "Re: At the window – late"
    body = text_of(message, "c:body")
    assert "O Romeo" not in body and "house of Montague" not in body, "quotes and signature are cut"
    assert message.get("id")


def test_a_conversation_keeps_its_thread_in_both_directions(world):
    first = world.romeo.write(world.mail_of("juliet"), "Tonight", f"I come. {new_id('tonight')}")
    message = world.juliet.wait_message(lambda m: text_of(m, "c:subject") == "Tonight")
    thread = text_of(message, "c:thread")
    assert thread

    token = new_id("stay")
    world.juliet.send_message(message.get("from"), f"Stay. {token}", thread=thread, kind="chat")
    mail = world.romeo.wait_body(token)
    assert mail["In-Reply-To"] == first
    assert first in mail["References"].split()

    again = new_id("again")
    world.romeo.answer(mail, f"I stay. {again}")
    assert text_of(world.juliet.wait_message(has(again)), "c:thread") == thread


def test_the_legacy_form_of_a_contact_works(world):
    token = new_id("legacy")
    world.juliet.send_message(f"romeo%{w.MAIL_DOMAIN}@{w.GATEWAY}", token)
    assert parseaddr(world.romeo.wait_body(token)["To"])[1] == world.romeo.address


def test_an_attachment_becomes_a_link_that_can_be_fetched(world):
    token = new_id("ring")
    content = bytes(range(256)) * 20
    mail = make_mail(world.romeo.address, world.mail_of("juliet"), "A ring", f"My gift. {token}")
    mail.add_attachment(content, maintype="image", subtype="png", filename="Bräutigams ring.png")
    mail.add_attachment("plain words\n", filename="words.txt")
    world.romeo.send(mail, world.mail_of("juliet"))
    message = world.juliet.wait_message(has(token))

    links = [(text_of(x, "oob:url"), text_of(x, "oob:desc")) for x in message.findall("oob:x", NS)]
    assert len(links) == 2
    assert all(url.startswith(world.gateway.options["web"]["url"] + "/") for url, _ in links)
    with urllib.request.urlopen(links[0][0], timeout=PATIENCE_S) as answer:
        assert answer.read() == content
        assert answer.headers["Content-Type"].startswith("image/png")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    with urllib.request.urlopen(links[1][0], timeout=PATIENCE_S) as answer:
        assert answer.read().split() == [b"plain", b"words"]
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["Content-Disposition"].startswith("inline;")


def test_links_of_a_message_stand_in_the_mail(world):
    token = new_id("links")
    world.juliet.send_message(world.contact(world.romeo.address), token, extra=(
        "<x xmlns='jabber:x:oob'><url>http://capulet.example/a%20b?c&amp;d</url>"
        "<desc>The map</desc></x>"
        "<x xmlns='jabber:x:oob'><url>http://capulet.example/second</url></x>"))
    body = body_of(world.romeo.wait_body(token))
    assert "The map: http://capulet.example/a%20b?c&d" in body
    assert "http://capulet.example/second" in body


def test_expiry_goes_to_mail(world):
    token = new_id("expire")
    world.juliet.send_message(world.contact(world.romeo.address), token,
                              extra="<x xmlns='jabber:x:expire' seconds='1800'/>")
    expires = parsedate_to_datetime(world.romeo.wait_body(token)["Expires"]).timestamp()
    assert 1200 < expires - time.time() <= 1801


def test_expiry_comes_from_mail(world):
    token = new_id("expire")
    at = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(time.time() + 1800))
    world.romeo.write(world.mail_of("juliet"), "Quick", token, {"Expires": at})
    expire = world.juliet.wait_message(has(token)).find("expire:x", NS)
    assert 1200 < int(expire.get("seconds")) <= 1801


def test_multicast_reaches_to_and_cc(world):
    token = new_id("feast")
    benvolio, mercutio = world.user("benvolio"), world.user("mercutio")
    world.juliet.send_message(w.GATEWAY, f"Come to the feast. {token}", subject="The feast", extra=(
        "<x xmlns='jabber:x:envelope'>"
        f"<to jid='{world.contact(world.romeo.address)}'>Romeo Montague</to>"
        f"<to jid='{benvolio.address}'>Benvolio</to>"
        f"<cc jid='{world.contact(mercutio.address)}'/>"
        f"<replyto jid='nurse@{w.JABBER_DOMAIN}'/></x>"))
    for user in (world.romeo, benvolio, mercutio):
        mail = user.wait_body(token)
        to = {a.addr_spec for a in mail["To"].addresses}
        assert to == {world.romeo.address, benvolio.address}
        assert [a.addr_spec for a in mail["Cc"].addresses] == [mercutio.address]
        assert [a.addr_spec for a in mail["Reply-To"].addresses] == [world.mail_of("nurse")]
        assert parseaddr(mail["From"])[1] == world.mail_of("juliet")
    assert mail["To"].addresses[0].display_name == "Romeo Montague"


def test_addresses_in_a_message_to_one_contact_are_header_text_only(world):
    token = new_id("header")
    benvolio = world.user("benvolio")
    world.juliet.send_message(world.contact(world.romeo.address), token, extra=(
        f"<x xmlns='jabber:x:envelope'><to jid='{world.contact(world.romeo.address)}'/>"
        f"<cc jid='{world.contact(benvolio.address)}'/></x>"))
    mail = world.romeo.wait_body(token)
    assert [a.addr_spec for a in mail["Cc"].addresses] == [benvolio.address]
    time.sleep(0.5)
    assert not [m for m in benvolio.mails() if token in body_of(m)]


def test_a_mail_to_two_jabber_users_reaches_both_with_the_envelope(world):
    token = new_id("both")
    nurse = world.jabber_side.client("nurse")
    to = [world.mail_of("juliet"), world.mail_of("nurse")]
    world.romeo.send(make_mail(world.romeo.address, ", ".join(to), "Both", token), to)
    for client in (world.juliet, nurse):
        message = client.wait_message(has(token))
        envelope = message.find("envelope:x", NS)
        assert {e.get("jid") for e in envelope.findall("envelope:to", NS)} >= {
            f"juliet@{w.JABBER_DOMAIN}", f"nurse@{w.JABBER_DOMAIN}"}
        time.sleep(0.3)
        assert len(client.stanzas(has(token))) == 1, "each gets it once"


def test_the_gateway_describes_itself(world):
    answer = world.juliet.ask(w.GATEWAY, "<query xmlns='http://jabber.org/protocol/disco#info'/>")
    identities = {(i.get("category"), i.get("type"))
                  for i in answer.iter(f"{{{NS['disco']}}}identity")}
    features = {f.get("var") for f in answer.iter(f"{{{NS['disco']}}}feature")}
    assert ("gateway", "smtp") in identities
    assert {"http://jabber.org/protocol/disco#info", "urn:xmpp:ping", "jid\\20escaping"} <= features

    prompt = "<query xmlns='jabber:iq:gateway'><prompt>romeo@montague.example</prompt></query>"
    answer = world.juliet.ask(w.GATEWAY, prompt, kind="set")
    jid = next(iter(answer.iter("{jabber:iq:gateway}jid")), None)
    if jid is None:
        jid = next(answer.iter("{jabber:iq:gateway}prompt"))
    assert jid.text == world.contact("romeo@montague.example")


@pytest.mark.parametrize("kind", ["chat", "normal", None])
def test_a_chat_state_alone_is_no_mail(prosody_world, kind):
    world = prosody_world
    token = new_id("typing")
    contact = world.contact(world.romeo.address)
    world.juliet.send_message(contact, None, kind=kind,
                              extra="<composing xmlns='http://jabber.org/protocol/chatstates'/>")
    world.juliet.send_message(contact, token, kind=kind)
    world.romeo.wait_body(token)
    assert world.gateway.log_text().count("event=accepted") == 1
