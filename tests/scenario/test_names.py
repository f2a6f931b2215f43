"""Names: vCards of the gateway and its contacts, and a user's own name before their address."""

import base64
import textwrap

import pytest

import world as w
from fake.jabber_host import FakeHost
from jabber import error_of, new_id, quote
from mail import make_mail

VCARD = "{vcard-temp}"
HOSTS = ("prosody", "ejabberd", "jabberd2")
ASK = "<vCard xmlns='vcard-temp'/>"


class FakeSide:
    """The Jabber side with the fake host."""

    def __init__(self, host):
        self.server = host

    def show_logs(self):
        return self.server.show_log()


@pytest.fixture(params=HOSTS)
def fresh(request, make_world):
    """A gateway that knows nobody yet; its host forgets the name that the test gave Juliet."""
    world = make_world(host=request.param)
    yield world
    name_user(world.juliet, "")


def card_of(client, jid):
    answer = client.ask(jid, ASK)
    assert answer.get("type") == "result"
    return answer.find(f"{VCARD}vCard")


def name_user(client, xml):
    stanza_id = new_id("card")
    client.send_xml(f"<iq xmlns='jabber:client' type='set' id='{stanza_id}'>"
                    f"<vCard xmlns='vcard-temp'>{xml}</vCard></iq>")
    answer = client.wait_stanza(lambda s: s.tag.endswith("}iq") and s.get("id") == stanza_id)
    assert answer.get("type") == "result"


def subscribe(world, address):
    world.juliet.send_xml(f"<presence xmlns='jabber:client' type='subscribe' "
                          f"to={quote(world.contact(address))}/>")


def from_of_next(world, extra=""):
    token = new_id()
    world.juliet.send_message(world.contact(world.romeo.address), token, extra)
    sender, = world.romeo.wait_body(token)["From"].addresses
    assert sender.addr_spec == world.mail_of("juliet")
    return sender.display_name


def test_the_cards_of_the_gateway_and_of_a_contact(fresh):
    world = fresh.start()
    card = card_of(world.juliet, w.GATEWAY)
    assert card.findtext(f"{VCARD}FN")
    assert card.findtext(f"{VCARD}JABBERID") == w.GATEWAY
    assert "40example.org" in card.findtext(f"{VCARD}DESC")

    contact = world.contact(world.romeo.address)
    card = card_of(world.juliet, contact)
    assert card.findtext(f"{VCARD}FN") == world.romeo.address
    assert card.findtext(f"{VCARD}EMAIL/{VCARD}USERID") == world.romeo.address
    assert card.find(f"{VCARD}EMAIL/{VCARD}INTERNET") is not None
    assert card.findtext(f"{VCARD}JABBERID") == contact

    token = new_id()
    world.romeo.send(make_mail(f"Romeo Montague <{world.romeo.address}>", world.mail_of("juliet"),
                               "Name", token), world.mail_of("juliet"), world.romeo.address)
    world.juliet.wait_message(lambda m: token in (m.findtext("{jabber:client}body") or ""))
    assert card_of(world.juliet, contact).findtext(f"{VCARD}FN") == "Romeo Montague"
    # who did not get the mail does not learn of it
    assert card_of(world.jabber_side.client("nurse"), contact).findtext(f"{VCARD}FN") == world.romeo.address

    for jid in (w.GATEWAY, contact):
        refused = world.juliet.ask(jid, "<vCard xmlns='vcard-temp'><FN>Mine</FN></vCard>", kind="set")
        assert error_of(refused)[:3] == ("403", "forbidden", "auth")
    features = world.juliet.ask(contact, "<query xmlns='http://jabber.org/protocol/disco#info'/>")
    assert "vcard-temp" in [f.get("var") for f in features.iter("{http://jabber.org/protocol/disco#info}feature")]


def send_card(world, picture):
    """A mail of Romeo's with his card, and the picture in it."""
    token = new_id()
    mail = make_mail(world.romeo.address, world.mail_of("juliet"), "My card", token)
    encoded = "\r\n ".join(textwrap.wrap(base64.b64encode(picture).decode(), 70))
    mail.add_attachment(f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Romeo\r\nEMAIL:{world.romeo.address}\r\n"
                        f"PHOTO;ENCODING=b;TYPE=PNG:{encoded}\r\nEND:VCARD\r\n",
                        subtype="vcard", filename="romeo.vcf")
    world.romeo.send(mail, world.mail_of("juliet"))
    world.juliet.wait_message(lambda m: token in (m.findtext("{jabber:client}body") or ""))
    contact = world.contact(world.romeo.address)
    return contact


def picture_of(client, contact):
    photo = card_of(client, contact).find(f"{VCARD}PHOTO")
    return None if photo is None else base64.b64decode(photo.findtext(f"{VCARD}BINVAL"))


def test_a_contact_has_the_face_of_their_own_card(fresh):
    world = fresh.start()
    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100
    contact = send_card(world, picture)
    photo = card_of(world.juliet, contact).find(f"{VCARD}PHOTO")
    assert photo.findtext(f"{VCARD}TYPE") == "image/png"
    assert base64.b64decode(photo.findtext(f"{VCARD}BINVAL")) == picture
    assert card_of(world.jabber_side.client("nurse"), contact).find(f"{VCARD}PHOTO") is None


def test_a_user_s_own_name_stands_before_their_address(fresh):
    world = fresh
    name_user(world.juliet, "<FN>Juliet Capulet</FN><NICKNAME>Jule</NICKNAME>")
    world.start()
    subscribe(world, world.romeo.address)
    world.gateway.wait_log("event=fetched from=juliet@capulet.example named=yes")
    assert from_of_next(world) == "Juliet Capulet"
    assert from_of_next(world, "<nick xmlns='http://jabber.org/protocol/nick'>J\u00fcle</nick>") == "J\u00fcle"
    # it is known after a restart, and not asked for again
    world.gateway.kill9()
    world.gateway.start()
    assert from_of_next(world) == "Juliet Capulet"
    subscribe(world, world.user("benvolio").address)
    assert from_of_next(world) == "Juliet Capulet"
    assert "event=fetched" not in world.gateway.log_text()


def test_a_first_mail_does_not_wait_and_the_next_has_the_name(fresh):
    world = fresh
    name_user(world.juliet, "<FN>boss@bank.example</FN><NICKNAME>Ju\u202eliet</NICKNAME>")
    world.start()
    assert from_of_next(world) == ""
    world.gateway.wait_log("event=fetched from=juliet@capulet.example named=yes")
    assert from_of_next(world) == "Juliet"


def test_who_has_no_name_is_asked_once(fresh):
    world = fresh
    name_user(world.juliet, "<FN>\u202e=?utf-8?Q?Boss?= &lt;boss@bank.example&gt;</FN>")
    world.start()
    subscribe(world, world.romeo.address)
    world.gateway.wait_log("event=fetched from=juliet@capulet.example named=no")
    for _ in range(2):
        assert from_of_next(world) == ""
    assert world.gateway.log_text().count("event=fetched") == 1


def test_only_a_user_s_own_account_says_their_name(folder, mail_side):
    """Others answer in Juliet's place, with the id of the question, and her own client does."""
    host = FakeHost()
    world = w.World(folder, FakeSide(host), mail_side)

    def answer(iq):
        head = f"id='{iq.get('id')}' to='{iq.get('from')}'"
        card = "<vCard xmlns='vcard-temp'><FN>{}</FN></vCard></iq>"
        return [f"<iq type='result' {head} from='{jid}'>" + card.format(jid.partition("@")[0])
                for jid in ("nurse@capulet.example", "capulet.example", "juliet@capulet.example/r")] + [
                f"<iq type='error' {head} from='capulet.example'/>",
                f"<iq type='result' {head} from='{iq.get('to')}'>" + card.format("Juliet")]
    host.answer = answer
    host.start()
    world.start()
    try:
        host.send("<presence type='subscribe' from='juliet@capulet.example' "
                  f"to='{world.contact(world.romeo.address)}'/>")
        world.gateway.wait_log("event=fetched from=juliet@capulet.example named=yes")
        token = new_id()
        host.send("<message id='m' from='juliet@capulet.example/r' "
                  f"to='{world.contact(world.romeo.address)}'><body>{token}</body></message>")
        assert world.romeo.wait_body(token)["From"].addresses[0].display_name == "Juliet"
    finally:
        assert not world.stop()
        host.stop()
