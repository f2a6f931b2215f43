"""Mail that its reader does not want now: held, told of, listed, and brought when they are back."""

import sqlite3
import time
from email.utils import format_datetime
from datetime import datetime, timedelta, timezone

import pytest

import world as w
from crash.faults import Clock
from jabber import has, is_message, new_id, quote, text_of
from servers.base import free_port, wait_until
from test_commands import Command
from test_lmtp import Lmtp, letter
from test_registration import end, register
from test_words import Listener, say

JULIET = f"juliet@{w.JABBER_DOMAIN}"


class Hold:
    """Juliet, what she has chosen, and what becomes of her mail."""

    def __init__(self, world):
        self.world = world
        self.gateway = Listener(world.juliet)

    def choose(self, *words, show="online"):
        """Says it, and waits until the gateway sees her."""
        for line in words:
            count = len(self.gateway.said())
            say(self.world, line, kind="chat")
            self.gateway.wait(count + 1)
        self.wait_seen(show)

    def wait_seen(self, show):
        self.world.gateway.wait_log(f"event=settled user={JULIET} show={show} ")

    def show(self, show):
        before = self.count(f"event=settled user={JULIET} show={show} ")
        inside = "" if show == "online" else f"<show>{show}</show>"
        self.world.juliet.send_xml(f"<presence xmlns='jabber:client'>{inside}</presence>")
        wait_until(f"it sees {show}", lambda: self.count(f"event=settled user={JULIET} show={show} ") > before)

    def leave(self):
        self.world.jabber_side.leave_all()
        self.wait_seen("offline")

    def come_back(self):
        self.gateway = Listener(self.world.juliet)

    def count(self, text):
        return self.world.gateway.log_text().count(text)

    def mail(self, subject="Balcony", headers=None, text="Art thou there?"):
        """A mail, when the gateway has decided what becomes of it; a token in it."""
        token, before = new_id(), self.decided()
        self.world.romeo.write(self.world.mail_of("juliet"), subject, f"{text} {token}", headers)
        wait_until("it decides", lambda: self.decided() > before)
        return token

    def decided(self):
        return sum(self.count(f"jabber event={event} ") for event in ("held", "delivered", "dropped", "failed"))

    def held(self):
        return [r["next"] for m in self.world.gateway.queue() for r in m["recipients"] if r["state"] == "held"]

    def got(self, *tokens):
        """Which of these have come, in the order in which they came."""
        bodies = [text_of(m, "c:body") or "" for m in self.world.juliet.stanzas(
            lambda s: is_message(s) and s.get("from") != w.GATEWAY)]
        return [token for body in bodies for token in tokens if token in body]

    def wait_got(self, *tokens):
        wait_until(f"{len(tokens)} mails", lambda: len(self.got(*tokens)) >= len(tokens))
        assert self.got(*tokens) == list(tokens)  # in order, and once

    def reported(self):
        return [m for m in self.world.romeo.mails() if m.get_content_type() == "multipart/report"]


def forget(world):
    """The host keeps what Juliet allows; the next test begins anew."""
    for kind in ("unsubscribed", "unsubscribe"):
        world.juliet.send_xml(f"<presence xmlns='jabber:client' type='{kind}' to={quote(w.GATEWAY)}/>")
    world.juliet.ask(w.GATEWAY, "<ping xmlns='urn:xmpp:ping'/>")
    world.jabber_side.leave_all()


def start(make_world, host="prosody", clock=False, lmtp=None, **queue):
    world = make_world({"queue": queue, "lmtp": lmtp}, host=host)
    world.clock = Clock(world.gateway.folder)
    world.gateway.env = world.clock.env if clock else None
    world.romeo.empty()
    return Hold(world.start())


@pytest.fixture
def hold(make_world):
    made = start(make_world)
    yield made
    forget(made.world)


@pytest.fixture
def timed(make_world):
    """With a clock that can be set."""
    made = start(make_world, clock=True, lifetime=60, delay_notice=30)
    yield made
    forget(made.world)


@pytest.fixture(params=["prosody", "ejabberd", "jabberd2"])
def everywhere(request, make_world):
    made = start(make_world, request.param)
    yield made
    forget(made.world)


def test_held_until_she_is_back(hold):
    hold.choose("when dnd hold")
    before = hold.mail()
    hold.wait_got(before)
    hold.show("dnd")
    tokens = [hold.mail(f"Number {n}") for n in range(4)]
    assert hold.held() == [None] * 4 and hold.got(*tokens) == []
    hold.show("away")
    hold.wait_got(*tokens)
    wait_until("nothing is held", lambda: not hold.held())
    after = hold.mail()
    hold.wait_got(after)
    assert not hold.reported()


def test_a_list_when_she_logs_in_again(everywhere):
    hold = everywhere
    hold.choose("when offline digest")
    hold.leave()
    first, second = hold.mail("Moonlight"), hold.mail("Lark", text="It was\nthe lark")
    assert len(hold.held()) == 2
    hold.come_back()
    said = hold.gateway.wait(1)
    lines = said.splitlines()
    assert "2" in lines[0]
    assert lines[1].startswith("1. ") and "romeo@montague.example" in lines[1] and "Moonlight" in lines[1]
    assert lines[2].startswith("2. ") and "Lark" in lines[2] and "It was the lark" in lines[2]
    assert hold.got(first, second) == []
    say(hold.world, "all", kind="chat")
    assert "2" in hold.gateway.wait(2)
    hold.wait_got(first, second)
    say(hold.world, "mail", kind="chat")
    assert "No mail is held" in hold.gateway.wait(3)


def test_told_of_each_and_brought_one_by_one(hold):
    hold.choose("when away notify")
    hold.show("away")
    said = len(hold.gateway.said())
    first = hold.mail("Moonlight")
    told = hold.gateway.wait(said + 1)
    assert "romeo@montague.example" in told and "Moonlight" in told and "kB" in told and first not in told
    second = hold.mail("Lark")
    assert "Lark" in hold.gateway.wait(said + 2)
    assert hold.got(first, second) == []
    say(hold.world, "next", kind="chat")
    hold.gateway.wait(said + 3)
    hold.wait_got(first)
    say(hold.world, "mail", kind="chat")
    listed = hold.gateway.wait(said + 4)
    assert "Lark" in listed and "Moonlight" not in listed
    say(hold.world, "show paris@montague.example", kind="chat")
    assert "No mail is held" in hold.gateway.wait(said + 5)
    assert hold.got(first, second) == [first]
    hold.show("online")
    hold.wait_got(first, second)
    hold.gateway.wait(said + 5)  # she was told of it already


def test_a_list_at_its_time(timed):
    hold = timed
    hold.choose("when dnd digest", "digest 3h")
    hold.show("dnd")
    said = len(hold.gateway.said())
    first = hold.mail("Moonlight")
    hold.world.clock.set(3600)
    second = hold.mail("Lark")
    hold.world.clock.set(3 * 3600 - 60)
    time.sleep(1.5)
    hold.gateway.wait(said)
    hold.world.clock.set(3 * 3600 + 60)  # of the first: all that has gathered goes with it
    listed = hold.gateway.wait(said + 1)
    assert "Moonlight" in listed and "Lark" in listed
    assert hold.got(first, second) == []
    hold.world.clock.set(9 * 3600)
    time.sleep(1.5)
    hold.gateway.wait(said + 1)  # of nothing new there is no list
    say(hold.world, "show romeo@montague.example", kind="chat")
    hold.gateway.wait(said + 2)
    hold.wait_got(first, second)
    assert not hold.reported()


def test_what_is_held_outlives_a_crash(hold):
    hold.choose("when dnd hold", "when offline hold")
    hold.show("dnd")
    tokens = [hold.mail(f"Number {n}") for n in range(3)]
    hold.world.gateway.kill9()
    hold.world.gateway.start()
    hold.wait_seen("dnd")  # the host is asked
    tokens.append(hold.mail("After"))
    assert len(hold.held()) == 4 and hold.got(*tokens) == []
    hold.world.gateway.kill9()
    hold.world.juliet.send_xml("<presence xmlns='jabber:client'/>")
    hold.world.gateway.start()
    hold.wait_got(*tokens)
    assert not hold.held() and not hold.reported()


def test_its_own_deadline_and_the_longest_time(timed):
    """With a queue's lifetime of a minute: that counts only from when it goes."""
    hold = timed
    hold.choose("when dnd hold")
    hold.show("dnd")
    in_an_hour = format_datetime(datetime.now(timezone.utc) + timedelta(hours=1))
    short, long = hold.mail("short", {"Expires": in_an_hour}), hold.mail("long")
    hold.world.clock.set(2 * 3600)
    hold.world.gateway.wait_log("jabber event=dropped .*reason=\"expired\"")
    assert len(hold.held()) == 1
    hold.world.clock.set(29 * 86400)
    time.sleep(1.5)
    assert len(hold.held()) == 1 and hold.got(short, long) == []
    hold.world.clock.set(30 * 86400 + 60)
    hold.wait_got(long)
    stanza = hold.world.juliet.wait_message(has(long))
    assert stanza.find("{urn:xmpp:delay}delay") is not None  # when it was written
    assert hold.got(short) == [] and not hold.reported()


@pytest.fixture
def promised(make_world):
    """The same with a mail server that hands mail over by LMTP."""
    port = free_port()
    made = start(make_world, clock=True, lmtp={"listen": f"127.0.0.1:{port}"})
    made.lmtp_port = port
    yield made
    forget(made.world)


def test_a_time_that_was_promised(promised):
    """DELIVERBY: the sender hears when it is over; with R it is over for the mail, with N it stays."""
    made = promised
    made.choose("when dnd hold")
    made.show("dnd")
    mta = Lmtp(made.lmtp_port).hello()
    tokens = [new_id() for _ in range(3)]
    for token, by in zip(tokens, ("BY=3600;R", "BY=3600;N", "")):
        assert mta.send(letter(token, {"Comments": token}), made.world.mail_of("juliet"), parameters=f" {by}".rstrip()) \
            [0].startswith("250")
    mta.close()
    wait_until("all are held", lambda: len(made.held()) == 3)
    made.world.clock.set(2 * 3600)
    wait_until("two reports", lambda: len(made.reported()) == 2)
    wait_until("one is over", lambda: len(made.held()) == 2)
    told = {token: m for m in made.reported() for token in tokens if token in m.as_string()}
    assert "5.4.7" in told[tokens[0]].as_string() and "Action: failed" in told[tokens[0]].as_string()
    assert "Action: delayed" in told[tokens[1]].as_string()
    assert made.got(*tokens) == []
    made.show("online")
    made.wait_got(*tokens[1:])
    assert len(made.reported()) == 2


def test_what_is_too_much_is_brought(hold):
    """As if there were a thousand for her already."""
    hold.choose("when dnd hold")
    hold.show("dnd")
    token = hold.mail()
    hold.world.gateway.stop()
    with sqlite3.connect(hold.world.gateway.database) as db:
        for n in range(1, 1000):
            db.execute("INSERT INTO item SELECT message, ?, kind, recipient, attempts, next, error, notify,"
                       " original, lane, owner, crashes, told, released FROM item WHERE kind = 4 AND n = 0", (n,))
            db.execute("INSERT INTO held SELECT message, ?, bare_jid, how, arrived, due, list, told, size,"
                       " mail, name, subject, words FROM held WHERE n = 0", (n,))
    hold.world.gateway.start()
    hold.wait_seen("dnd")
    over = hold.mail("one too many")
    hold.wait_got(over)
    assert hold.got(token) == [] and len(hold.held()) == 1000


def test_who_does_not_let_herself_be_seen_gets_all(hold):
    """And is told why."""
    client = hold.world.juliet
    client.allow_presence(False)
    say(hold.world, "when online hold", kind="chat")
    assert "allow mail.capulet.example" in hold.gateway.wait(1)
    hold.world.gateway.wait_log(f"event=settled user={JULIET} show=unknown ")
    token = hold.mail()
    hold.wait_got(token)


def test_chosen_in_a_form_and_taken_back(hold):
    form = Command(hold.world.juliet, "postern/settings")
    assert form.values()["when dnd"] == ["default"]
    form.submit(**{"when dnd": "hold", "digest": "08:00"})
    assert form.status() == "completed"
    hold.wait_seen("online")
    hold.show("dnd")
    token = hold.mail()
    assert len(hold.held()) == 1
    form = Command(hold.world.juliet, "postern/settings", lang="de")
    assert form.values()["when dnd"] == ["hold"] and form.values()["digest"] == ["08:00"]
    form.submit(**{"when dnd": "default"})
    assert "gespeichert" in form.note()
    hold.wait_got(token)  # nothing is to be held any more


def test_who_leaves_gets_what_was_held(hold):
    hold.choose("when dnd hold")
    hold.show("dnd")
    register(hold.world.juliet, name="Juliet")
    token = hold.mail()
    end(hold.world.juliet)
    hold.wait_got(token)


def test_many_go_a_part_at_a_time(hold):
    hold.choose("when dnd hold")
    hold.show("dnd")
    count, before = 120, hold.decided()
    token = new_id()
    for n in range(count):
        hold.world.romeo.write(hold.world.mail_of("juliet"), f"Number {n}", f"{token}-{n}.")
    wait_until("all are held", lambda: hold.decided() == before + count, 60)
    hold.show("online")
    tokens = [f"{token}-{n}." for n in range(count)]
    wait_until("all come", lambda: len(hold.got(*tokens)) >= count)
    assert len(hold.got(*tokens)) == count and not hold.held()
    released = [int(part.split()[0]) for part in hold.world.gateway.log_text().split("released=")[1:]]
    assert max(released) == 50 and sum(released) == count
