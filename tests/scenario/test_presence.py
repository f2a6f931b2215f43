"""Contacts are there while the gateway is: through restarts on both sides, and thousands of them."""

import sqlite3
from hashlib import sha1

import pytest

import world as w
from jabber import quote
from servers.base import wait_until
from servers.ejabberd import Ejabberd
from test_names import picture_of, send_card
from test_registration import end, register

HOSTS = ("prosody", "ejabberd", "jabberd2")
MANY = 3000


@pytest.fixture(params=HOSTS)
def fresh(request, make_world):
    world = make_world(host=request.param).start()
    start_over(world)
    yield world
    world.jabber_side.leave_all()


def is_presence(jid, kind):
    return lambda s: (s.tag.endswith("}presence") and s.get("type") == kind
                      and (s.get("from") or "").partition("/")[0] == jid)


def count(client, jid, kind=None):
    return len(client.stanzas(is_presence(jid, kind)))


def wait_more(client, jid, kind, before):
    wait_until(f"{kind or 'available'} of {jid}", lambda: count(client, jid, kind) > before)


def subscribe(client, jid, kind="subscribe"):
    client.send_xml(f"<presence xmlns='jabber:client' type='{kind}' to={quote(jid)}/>")


def start_over(world):
    """A host does not pass on the wish for a subscription that it holds already, from another test."""
    for jid in (world.contact(world.romeo.address), w.GATEWAY):
        subscribe(world.juliet, jid, "unsubscribe")
    world.juliet.ask(w.GATEWAY, "<ping xmlns='urn:xmpp:ping'/>")  # behind the answers to those
    world.jabber_side.leave_all()  # the next Juliet has seen nothing of it


def kept(world):
    with sqlite3.connect(f"file:{world.gateway.database}?mode=ro", uri=True) as db:
        return {row[0] for row in db.execute("SELECT contact FROM subscription")}


def available(client):
    return {s.get("from") for s in client.stanzas(
        lambda s: s.tag.endswith("}presence") and s.get("type") is None)}


def leave(world, *jids):
    for jid in jids:
        before = count(world.juliet, jid, "unavailable")
        subscribe(world.juliet, jid, "unsubscribe")
        wait_until("it forgets", lambda j=jid: j not in kept(world))
        wait_more(world.juliet, jid, "unavailable", before)


def test_contacts_go_and_come_with_the_gateway(fresh):
    romeo, juliet = fresh.contact(fresh.romeo.address), fresh.juliet
    for jid in (romeo, w.GATEWAY):
        subscribe(juliet, jid)
        juliet.wait_stanza(is_presence(jid, "subscribed"))
        juliet.wait_stanza(is_presence(jid, None))
    assert kept(fresh) >= {romeo, w.GATEWAY}  # and contacts of other tests, which the host asks for

    seen = {jid: (count(juliet, jid), count(juliet, jid, "unavailable")) for jid in (romeo, w.GATEWAY)}
    assert fresh.stop() == 0
    for jid in seen:
        wait_more(juliet, jid, "unavailable", seen[jid][1])
    fresh.gateway.start()
    for jid in seen:
        wait_more(juliet, jid, None, seen[jid][0])

    fresh.jabber_side.leave_all()  # and log in again
    for jid in seen:
        fresh.juliet.wait_stanza(is_presence(jid, None))
    leave(fresh, romeo, w.GATEWAY)


@pytest.mark.parametrize("host", ["prosody", "ejabberd"])
def test_contacts_come_back_with_the_host(make_world, host):
    world = make_world(host=host).start()
    start_over(world)
    romeo = world.contact(world.romeo.address)
    subscribe(world.juliet, romeo)
    world.juliet.wait_stanza(is_presence(romeo, None))
    try:
        world.jabber_side.stop()
    finally:
        world.jabber_side.start()
    juliet = world.juliet  # perhaps before the gateway is connected again
    juliet.wait_stanza(is_presence(romeo, None))
    leave(world, romeo)
    world.jabber_side.leave_all()


def test_contacts_leave_with_the_registration(fresh):
    romeo, juliet = fresh.contact(fresh.romeo.address), fresh.juliet
    register(juliet, name="Juliet")
    subscribe(juliet, romeo)
    juliet.wait_stanza(is_presence(romeo, None))
    end(juliet)
    juliet.wait_stanza(is_presence(romeo, "unsubscribed"))
    wait_until("nothing kept", lambda: romeo not in kept(fresh))


def test_who_cannot_be_written_to_is_no_contact(make_world):
    world, bad = make_world().start(), f"nobody@{w.GATEWAY}"
    subscribe(world.juliet, bad)
    world.juliet.wait_stanza(is_presence(bad, "unsubscribed"))
    assert bad not in kept(world)


def test_thousands_at_once(mail_side):
    """On a host of its own, since its users' lists stay long."""
    folder = w.private_folder()
    side = w.JabberSide(folder, Ejabberd)
    world = w.World(folder, side, mail_side)
    contacts = {f"friend{i}\\40{w.MAIL_DOMAIN}@{w.GATEWAY}" for i in range(MANY)}
    try:
        side.start()
        world.start()
        for jid in contacts:
            subscribe(world.juliet, jid)
        wait_until("all kept", lambda: kept(world) == contacts, 60)
        wait_until("all there", lambda: available(world.juliet) >= contacts, 60)
        world.gateway.kill9()
        side.leave_all()
        world.gateway.start()
        wait_until("all there again", lambda: available(world.juliet) >= contacts, 60)
        assert world.juliet.ask(w.GATEWAY, "<ping xmlns='urn:xmpp:ping'/>").get("type") == "result"
        assert world.stop() == 0
    finally:
        world.stop()
        side.stop()
        w.remove(folder)


def photo_hashes(client, contact):
    """What the contact's presences said of their picture, one after the other (XEP-0153)."""
    return [s.findtext("{vcard-temp:x:update}x/{vcard-temp:x:update}photo")
            for s in client.stanzas(lambda s: s.tag.endswith("}presence") and s.get("type") is None
                                    and s.get("from") == contact)]


def test_presence_says_what_a_contact_looks_like(fresh):
    world = fresh
    contact, first = world.contact(world.romeo.address), b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100

    def wait_hash(want):
        wait_until(f"a presence with {want!r}", lambda: want in photo_hashes(world.juliet, contact))

    subscribe(world.juliet, contact)
    wait_hash("")  # nothing is known of him, and that is known
    send_card(world, first)
    assert picture_of(world.juliet, contact) == first
    wait_hash(sha1(first).hexdigest())
    heard = len(photo_hashes(world.juliet, contact))
    send_card(world, first)  # no news
    second = first + b"older"
    send_card(world, second)
    assert picture_of(world.juliet, contact) == second
    wait_hash(sha1(second).hexdigest())
    assert photo_hashes(world.juliet, contact)[heard:] == [sha1(second).hexdigest()]
    # to a client that was not there, and after a restart
    world.jabber_side.leave_all()
    wait_hash(sha1(second).hexdigest())
    heard = len(photo_hashes(world.juliet, contact))
    world.gateway.kill9()
    world.gateway.start()
    wait_until("they are back", lambda: photo_hashes(world.juliet, contact)[heard:])
    assert set(photo_hashes(world.juliet, contact)[heard:]) == {sha1(second).hexdigest()}
    # who is not his reader knows nothing of that
    nurse = world.jabber_side.client("nurse")
    subscribe(nurse, contact)
    wait_until("a presence for the nurse", lambda: photo_hashes(nurse, contact))
    assert set(photo_hashes(nurse, contact)) == {""}
    subscribe(nurse, contact, "unsubscribe")
    leave(world, contact)
