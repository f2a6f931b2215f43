"""A user registers with the gateway: a mail address of their own, and a name before it."""

import json

import pytest

import world as w
from fake.jabber_host import FakeHost
from jabber import error_of, has, new_id, quote
from servers.base import wait_until
from test_names import FakeSide

HOSTS = ("prosody", "ejabberd", "jabberd2")
NS = "{jabber:iq:register}"
FORM = "{jabber:x:data}"


@pytest.fixture(params=HOSTS)
def fresh(request, make_world):
    """A gateway that knows nobody yet."""
    world = make_world(host=request.param).start()
    yield world
    world.jabber_side.leave_all()  # what these clients have seen is of no use to others


@pytest.fixture
def prosody(make_world):
    world = make_world().start()
    yield world
    world.jabber_side.leave_all()


def look(client):
    answer = client.ask(w.GATEWAY, "<query xmlns='jabber:iq:register'/>")
    assert answer.get("type") == "result"
    return answer.find(f"{NS}query")


def values(query):
    return {f.get("var"): f.findtext(f"{FORM}value") for f in query.iter(f"{FORM}field")}


def submit(client, how="submit", form_type="jabber:iq:register", **fields):
    fields = {"FORM_TYPE": form_type, **fields}
    xml = "".join(f"<field var='{var}'><value>{value}</value></field>" for var, value in fields.items())
    return client.ask(w.GATEWAY, f"<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='{how}'>"
                      f"{xml}</x></query>", "set")


def register(client, **fields):
    answer = submit(client, **fields)
    assert answer.get("type") == "result", error_of(answer)


def write_old(client, xml):
    return client.ask(w.GATEWAY, f"<query xmlns='jabber:iq:register'>{xml}</query>", "set")


def from_of_next(world):
    token = new_id()
    world.juliet.send_message(world.contact(world.romeo.address), token)
    sender, = world.romeo.wait_body(token)["From"].addresses
    return sender.display_name, sender.addr_spec


def writes(world, to):
    """Romeo writes to an address, and Juliet gets it."""
    token = new_id()
    world.romeo.write(to, "To thee", token)
    return world.juliet.wait_message(has(token))


def map_of(world, text):
    answers = json.loads(world.gateway.command("map", "--json", text).stdout)
    return {(a["kind"], a["becomes"], a["rule"]) for a in answers}


def end(client):
    client.ask(w.GATEWAY, "<query xmlns='jabber:iq:register'><remove/></query>", "set")


def test_registered_changed_and_removed(fresh):
    juliet = fresh.juliet
    jid = f"juliet@{w.JABBER_DOMAIN}"
    before = look(juliet)
    assert before.find(f"{NS}registered") is None
    assert fresh.mail_of("juliet") in before.findtext(f"{NS}instructions")
    assert values(before)["username"] == before.findtext(f"{NS}username") == ""

    register(juliet, username="Jule.Capulet", name="Juliet of Verona")
    juliet.wait_stanza(lambda s: s.get("type") == "subscribe" and s.get("from") == w.GATEWAY)
    alias = fresh.mail_of("jule.capulet")
    after = look(juliet)
    assert after.find(f"{NS}registered") is not None
    assert values(after)["username"] == after.findtext(f"{NS}username") == "jule.capulet"
    assert after.findtext(f"{NS}name") == "Juliet of Verona"
    assert from_of_next(fresh) == ("Juliet of Verona", alias)
    writes(fresh, alias)
    writes(fresh, fresh.mail_of("juliet"))
    assert (("mail", jid, "registered")) in map_of(fresh, alias)
    assert (("jid", alias, "registered")) in map_of(fresh, jid)

    fresh.gateway.kill9()
    fresh.gateway.start()
    assert from_of_next(fresh) == ("Juliet of Verona", alias)
    assert write_old(juliet, "<username>jule2</username>").get("type") == "result"
    assert from_of_next(fresh) == ("Juliet of Verona", fresh.mail_of("jule2"))
    assert ("mail", f"jule.capulet@{w.JABBER_DOMAIN}", f"gateway rule: users of {w.JABBER_DOMAIN}") in \
        map_of(fresh, alias)

    end(juliet)
    juliet.wait_stanza(lambda s: s.get("type") == "unsubscribed" and s.get("from") == w.GATEWAY)
    assert look(juliet).find(f"{NS}registered") is None
    assert from_of_next(fresh) == ("", fresh.mail_of("juliet"))
    again = juliet.ask(w.GATEWAY, "<query xmlns='jabber:iq:register'><remove/></query>", "set")
    assert error_of(again)[:2] == ("407", "registration-required")


def test_what_others_have_is_refused(make_world):
    world = make_world({"map": {f"paris@{w.JABBER_DOMAIN}": {"mail": f"count@{w.GATEWAY}"}}}).start()
    nurse = world.jabber_side.client("nurse")
    register(world.juliet, username="balcony")
    register(nurse, name="Nurse")
    for client, taken in ((world.juliet, "count"), (world.juliet, "nurse"), (world.juliet, "postmaster"),
                          (world.juliet, "Abuse"), (nurse, "balcony"), (nurse, "BALCONY")):
        code, condition, kind, text = error_of(submit(client, username=taken))
        assert (code, condition, kind) == ("409", "conflict", "cancel") and text, taken
    assert look(world.juliet).findtext(f"{NS}username") == "balcony"
    register(world.juliet, username="")
    register(nurse, username="balcony")
    register(nurse, username="nurse")
    for client in (world.juliet, nurse):  # or the host would answer for them, when they are asked next
        end(client)
        client.wait_stanza(lambda s: s.get("type") == "unsubscribed" and s.get("from") == w.GATEWAY)
    world.jabber_side.leave_all()


def test_bad_forms(prosody):
    cases = [
        (submit, {"username": "b+x.y.z"}, ("406", "not-acceptable")),
        (submit, {"username": "h-0123456789abcdef01234567"}, ("406", "not-acceptable")),
        (submit, {"username": "a=b.example"}, ("406", "not-acceptable")),
        (submit, {"username": "two words"}, ("406", "not-acceptable")),
        (submit, {"username": "x" * 65}, ("406", "not-acceptable")),
        (submit, {"username": "a..b"}, ("406", "not-acceptable")),
        (submit, {"username": "a&#10;b"}, ("406", "not-acceptable")),
        (submit, {"name": "ceo@example.org"}, ("406", "not-acceptable")),
        (submit, {"username": "fine", "password": "secret"}, ("406", "not-acceptable")),
        (submit, {}, ("406", "not-acceptable")),
        (submit, {"form_type": "jabber:iq:search", "name": "Juliet"}, ("406", "not-acceptable")),
        (submit, {"how": "result", "name": "Juliet"}, ("400", "bad-request")),
    ]
    for call, fields, expected in cases:
        code, condition, _, text = error_of(call(prosody.juliet, **fields))
        assert (code, condition) == expected and text, fields
    for xml, expected in (("", "not-acceptable"), ("<email>a@b.example</email>", "not-acceptable"),
                          ("<name>A</name><name>B</name>", "not-acceptable"),
                          ("<remove/><name>A</name>", "bad-request")):
        assert error_of(write_old(prosody.juliet, xml))[1] == expected, xml
    assert submit(prosody.juliet, how="cancel").get("type") == "result"
    assert error_of(prosody.juliet.ask(prosody.contact("romeo@montague.example"),
                                       "<query xmlns='jabber:iq:register'/>"))[1] == "service-unavailable"
    assert look(prosody.juliet).find(f"{NS}registered") is None
    assert from_of_next(prosody) == ("", prosody.mail_of("juliet"))


def test_an_administrator_can_keep_the_addresses(make_world):
    world = make_world({"registration": {"own_address": "false"}}).start()
    assert "username" not in values(look(world.juliet))
    assert error_of(submit(world.juliet, username="balcony"))[:2] == ("405", "not-allowed")
    register(world.juliet, name="Juliet")
    assert from_of_next(world) == ("Juliet", world.mail_of("juliet"))
    end(world.juliet)
    world.jabber_side.leave_all()


def test_strangers_cannot_register(folder, mail_side):
    host, answers = FakeHost(), {}
    host.answer = lambda iq: answers.__setitem__(iq.get("id"), iq) or []
    host.start()
    world = w.World(folder, FakeSide(host), mail_side).start()
    try:
        for who in ("mallory@else.example/x", w.JABBER_DOMAIN, f"juliet@{w.JABBER_DOMAIN}.evil/x"):
            for kind in ("get", "set"):
                stanza_id = new_id()
                host.send(f"<iq from={quote(who)} to={quote(w.GATEWAY)} id='{stanza_id}' type='{kind}'>"
                          "<query xmlns='jabber:iq:register'><username>balcony</username></query></iq>")
                wait_until("an answer", lambda i=stanza_id: i in answers)
                error = answers[stanza_id].find("{jabber:component:accept}error")
                assert error.get("code") == "403" and answers[stanza_id].get("to") == who
    finally:
        assert not world.stop()
        host.stop()


@pytest.mark.parametrize("lang, labels, word", [
    ("de", [f"Deine Adresse vor @{w.GATEWAY}", "Dein Name in Mails"], "Mailadresse"),
    ("zh-Hans", [f"您在 @{w.GATEWAY} 前的地址", "邮件中的姓名"], "邮件地址"),
    ("tlh", [f"Your address before @{w.GATEWAY}", "Your name in mails"], "mail address")])
def test_the_form_speaks_the_user_s_language(prosody, lang, labels, word):
    client, stanza_id = prosody.juliet, new_id("form")
    client.send_xml(f"<iq xmlns='jabber:client' type='get' id='{stanza_id}' to='{w.GATEWAY}'"
                    f" xml:lang='{lang}'><query xmlns='jabber:iq:register'/></iq>")
    answer = client.wait_stanza(lambda s: s.get("id") == stanza_id)
    query = answer.find(f"{NS}query")
    assert [f.get("label") for f in query.iter(f"{FORM}field")
            if f.get("type") == "text-single"] == labels
    for instructions in (query.findtext(f"{NS}instructions"), query.findtext(f"{FORM}x/{FORM}instructions")):
        assert word in instructions and prosody.mail_of("juliet") in instructions
