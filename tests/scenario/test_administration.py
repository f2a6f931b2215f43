"""What administrators see of users, and what they tell them."""

import sqlite3
import time

import world as w
from jabber import error_of, text_of
from test_commands import Command, governed, names  # noqa: F401 (governed is a fixture)

ADMIN = "http://jabber.org/protocol/admin"
USERS, COUNT, ANNOUNCE = "postern/admin/users", f"{ADMIN}#get-registered-users-num", f"{ADMIN}#announce"


def register(client, **fields):
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    answer = client.ask(w.GATEWAY, f"<query xmlns='jabber:iq:register'>{inside}</query>", kind="set")
    assert answer.get("type") == "result"


def said(client, text):
    return client.stanzas(lambda s: s.tag.endswith("}message") and text in (text_of(s, "c:body") or ""))


def test_users_are_listed_shown_and_removed(governed):
    juliet, nurse = governed.juliet, governed.jabber_side.client("nurse")
    her = f"nurse@{w.JABBER_DOMAIN}"
    register(nurse, username="angelica", name="The Nurse")
    assert {USERS, COUNT, ANNOUNCE} <= set(names(juliet)) and not {USERS, COUNT, ANNOUNCE} & set(names(nurse))
    for node in (USERS, COUNT, ANNOUNCE):
        assert error_of(Command(nurse, node).answer)[:3] == ("403", "forbidden", "auth")
    counted = Command(juliet, COUNT)
    assert counted.status() == "completed" and counted.values()["registeredusersnum"] == ["1"]
    assert counted.values()["FORM_TYPE"] == [ADMIN]
    info = juliet.ask(w.GATEWAY, f"<query xmlns='http://jabber.org/protocol/disco#info' node='{COUNT}'/>")
    assert info.get("type") == "result"

    command = Command(juliet, USERS)
    assert error_of(command.submit(jid="@").answer)[1] == "bad-request"
    assert error_of(command.submit(user=her, action="eat").answer)[1] == "bad-request"
    note = command.submit(user=her, action="show").note()
    assert "angelica" in note and "The Nurse" in note
    assert "not registered" in Command(juliet, USERS).submit(jid="who@else.example", action="remove").note()

    command = Command(juliet, USERS).submit(user=her, action="remove")
    assert command.status() == "executing" and command.values()["user"] == [her]
    assert command.submit(user=her).note() == "Nothing was done."
    command = Command(juliet, USERS).submit(user=her, action="remove").submit(user=her, sure="1")
    assert "being removed" in command.note()
    nurse.wait_stanza(lambda s: s.tag.endswith("}presence") and s.get("type") == "unsubscribed"
                      and s.get("from") == w.GATEWAY)
    assert Command(juliet, COUNT).values()["registeredusersnum"] == ["0"]
    assert "angelica" not in governed.gateway.command("map", her).stdout


def test_all_users_are_told_once(governed):
    world, juliet, nurse = governed, governed.juliet, governed.jabber_side.client("nurse")
    register(nurse, name="The Nurse")
    command = Command(juliet, ANNOUNCE)
    assert error_of(command.submit(announcement=["  "], to="all").answer)[1] == "bad-request"
    assert error_of(command.submit(announcement=["x"], to="some").answer)[1] == "bad-request"
    assert "stored" in command.submit(subject="News", announcement=["We move", "on Monday."], to="all").note()
    world.gateway.kill9()
    world.gateway.start()
    told = nurse.wait_message(lambda m: "We move\non Monday." in (text_of(m, "c:body") or ""))
    assert told.get("from") == w.GATEWAY and text_of(told, "c:subject") == "News" and told.get("type") in (None, "normal")
    # to those who are there; and a second one comes after the first is through
    Command(juliet, ANNOUNCE).submit(announcement=["Right now"])
    now = nurse.wait_message(lambda m: "Right now" in (text_of(m, "c:body") or ""))
    assert now.get("type") == "headline"
    world.gateway.wait_log("event=done told=1")
    assert not said(juliet, "We move"), "she has not registered, and has no contacts"
    time.sleep(2.5)  # more than two turns of the walk
    assert len({m.get("id") for m in said(nurse, "We move")}) == 1 and len(said(nurse, "Right now")) == 1


def test_a_long_announcement_reaches_many(governed):
    world = governed
    world.gateway.stop()
    with sqlite3.connect(world.gateway.database) as database:
        for i in range(60):
            database.execute("INSERT INTO account VALUES(?, NULL, '', 1)", (f"u{i:02}@{w.JABBER_DOMAIN}",))
        database.execute("INSERT INTO announcement VALUES(1, 'headline', '', ?, '', 0)", ("a&" * 25000,))
    database.close()
    world.gateway.start()
    world.gateway.wait_log("event=done told=60")
