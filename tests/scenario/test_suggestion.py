"""Who writes for the first time is suggested as a contact (XEP-0144), to users who want that."""

import sqlite3
import xml.etree.ElementTree as ET

import pytest

import world as w
from fake.jabber_host import FakeHost
from jabber import has, new_id, text_of
from mail import make_mail
from servers.base import wait_until
from test_names import FakeSide
from test_words import Listener

ROSTERX = "{http://jabber.org/protocol/rosterx}"
# No other test adds them as contacts: the users and their rosters live longer than a test.
ABRAM, SAMPSON = "abram@montague.example", "sampson@montague.example"


@pytest.fixture(params=["prosody", "ejabberd"])
def fresh(request, make_world):
    world = make_world(host=request.param).start()
    yield world
    world.jabber_side.leave_all()


def write(world, name, address, **more):
    token = new_id()
    world.romeo.send(make_mail(f"{name} <{address}>", world.mail_of("juliet"), "Jest", token, **more),
                     world.mail_of("juliet"), address)
    return token


def comes(world, name, address, **more):
    world.juliet.wait_message(has(write(world, name, address, **more)))


def suggested(world):
    return [(m, item) for m in world.juliet.stanzas() for item in m.iter(f"{ROSTERX}item")]


def names(world):
    return [item.get("jid") for _, item in suggested(world)]


def wait_names(world, *addresses):
    """Suggestions come in the order of the mails: what was wrong before the last would be there."""
    wait_until("the last suggestion", lambda: world.contact(addresses[-1]) in names(world))
    assert names(world) == [world.contact(a) for a in addresses]


def want_suggestions(world, listener, n, how="on"):
    world.juliet.send_xml(f"<message xmlns='jabber:client' to='{w.GATEWAY}' xml:lang='de'>"
                          f"<body>suggest {how}</body></message>")
    listener.wait(n)


def test_who_writes_for_the_first_time_is_suggested_on_demand(fresh):
    world, gateway = fresh, Listener(fresh.juliet)
    benvolio = world.user("benvolio").address

    comes(world, "Romeo", world.romeo.address)
    want_suggestions(world, gateway, 1)
    comes(world, "Romeo", world.romeo.address)  # who has written before
    comes(world, "Benvolio", benvolio, headers={"Precedence": "list"})
    comes(world, "Abram", ABRAM)
    comes(world, "Abram", ABRAM)
    # whose name would pass for somebody else's address
    comes(world, '"boss@bank.example"', SAMPSON)
    wait_names(world, ABRAM, SAMPSON)
    message, item = suggested(world)[0]
    assert message.get("from") == w.GATEWAY and "zum ersten Mal" in text_of(message, "c:body")
    assert (item.get("action"), item.get("name")) == ("add", "Abram")
    message, item = suggested(world)[1]
    assert item.get("name") is None
    assert "boss" not in text_of(message, "c:body")


def test_nobody_is_suggested_who_is_not_wanted(fresh):
    world, gateway = fresh, Listener(fresh.juliet)
    comes(world, "Romeo", world.romeo.address)  # before anything was said
    want_suggestions(world, gateway, 1)
    want_suggestions(world, gateway, 2, "off")
    comes(world, "Abram", ABRAM)
    want_suggestions(world, gateway, 3)
    comes(world, "Sampson", SAMPSON)
    wait_names(world, SAMPSON)


def test_who_was_suggested_is_not_so_again_after_a_long_silence(fresh):
    world, gateway = fresh, Listener(fresh.juliet)
    romeo = world.romeo.address
    comes(world, "Romeo", romeo)
    want_suggestions(world, gateway, 1)
    comes(world, "Abram", ABRAM)
    wait_names(world, ABRAM)
    # Until the host has confirmed it, a suggestion is sent again after a crash.
    wait_until("an empty queue", lambda: world.gateway.queue() == [])
    world.gateway.kill9()
    with sqlite3.connect(world.gateway.database) as db:  # as after sixty days
        for table in ("link", "link_header", "link_fresh", "link_pair", "link_mail"):
            db.execute(f"DELETE FROM {table}")
    db.close()
    world.gateway.start()
    comes(world, "Abram", ABRAM)
    comes(world, "Romeo", romeo)
    comes(world, "Sampson", SAMPSON)
    wait_names(world, ABRAM, SAMPSON)


def test_a_first_mail_that_is_put_off_is_suggested_when_it_is_taken(folder, mail_side):
    host = FakeHost().start()
    world = w.World(folder, FakeSide(host), mail_side).start()

    def items():
        return [item.get("jid") for text in host.messages for item in ET.fromstring(text).iter(f"{ROSTERX}item")]

    def taken(token):
        return any(token in text for text in host.messages)

    try:
        host.send(f"<message from='juliet@{w.JABBER_DOMAIN}/x' to='{w.GATEWAY}'><body>suggest on</body></message>")
        wait_until("an answer", lambda: host.messages)
        host.put_off = "Jest"
        first = write(world, "Abram", ABRAM)
        wait_until("it was put off", lambda: host.put_off is None)
        assert not taken(first)
        wait_until("the first mail", lambda: taken(first))
        wait_until("a suggestion", items)
        for name, address in (("Abram", ABRAM), ("Sampson", SAMPSON)):
            token = write(world, name, address)
            wait_until("another mail", lambda t=token: taken(t))
        wait_until("another suggestion", lambda: world.contact(SAMPSON) in items())
        assert items() == [world.contact(ABRAM), world.contact(SAMPSON)]
    finally:
        assert not world.stop()
        host.stop()
