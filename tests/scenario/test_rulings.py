"""What administrators decide by command while the gateway runs: at once, and after a crash."""

import pytest

import world as w
from jabber import error_of, new_id, text_of
from test_commands import Command, names

RULES = ["postern/admin/pairs", "postern/admin/rights", "postern/admin/limits"]
ALIAS = f"juliet.c@{w.GATEWAY}"


@pytest.fixture
def governed(make_world):
    """What is decided is the same whatever the host is."""
    return make_world({"admin": {"jids": [f"juliet@{w.JABBER_DOMAIN}"]}}).start()


def gets(world, client):
    """Romeo gets what the client's user writes."""
    token = new_id()
    client.send_message(world.contact(world.romeo.address), token)
    world.romeo.wait_body(token)


def mapped(world, address):
    return world.gateway.command("map", address).stdout


def test_only_administrators_rule(governed):
    nurse = governed.jabber_side.client("nurse")
    assert set(RULES) <= set(names(governed.juliet)) and not set(RULES) & set(names(nurse))
    for node in RULES:
        assert error_of(Command(nurse, node).answer)[:3] == ("403", "forbidden", "auth")


def test_address_pairs_hold_at_once_and_after_a_crash(governed):
    world, juliet = governed, governed.juliet
    user = f"juliet@{w.JABBER_DOMAIN}"
    command = Command(juliet, "postern/admin/pairs")
    assert error_of(command.submit(jid=user).answer)[:2] == ("400", "bad-request")
    assert error_of(command.submit(jid=user, mail=ALIAS, direction="up").answer)[1] == "bad-request"
    assert error_of(command.submit(jid=user, mail=f"b+x@{w.GATEWAY}").answer)[1] == "bad-request"
    assert error_of(command.submit(jid="*@x.example", mail=ALIAS).answer)[1] == "bad-request"
    assert "1 set, 0 taken back" in command.submit(jid=user.upper(), mail=ALIAS).note()
    for _ in range(2):
        assert f"-> {user}  [map rule 1 (by command)]" in mapped(world, ALIAS)
        assert ALIAS in mapped(world, user)
        asked = Command(juliet, "postern/admin/map").submit(address=ALIAS)
        assert "by command" in asked.note()
        token = new_id()
        world.romeo.write(ALIAS, None, token)
        juliet.wait_message(lambda m: token in (text_of(m, "c:body") or ""))
        world.gateway.kill9()
        world.gateway.start()
    # what comes first is told: another pair, then the file
    taken = Command(juliet, "postern/admin/pairs")
    assert "by command" in error_of(taken.submit(jid=f"nurse@{w.JABBER_DOMAIN}", mail=ALIAS).answer)[3]
    world.gateway.configure({"map": {f"nurse@{w.JABBER_DOMAIN}": {"mail": f"angelica@{w.GATEWAY}"}}})
    Command(juliet, "postern/admin/reload")
    assert "by command" in mapped(world, ALIAS)
    refused = Command(juliet, "postern/admin/pairs").submit(
        jid=f"nurse@{w.JABBER_DOMAIN}", mail=f"nurse.a@{w.GATEWAY}")
    assert "postern.conf" in error_of(refused.answer)[3]
    command = Command(juliet, "postern/admin/pairs")
    assert [o.text for o in command.command.iter("{jabber:x:data}value") if "@" in (o.text or "")][0] == user
    assert "0 set, 1 taken back" in command.submit(remove=[user]).note()
    assert "by command" not in mapped(world, user)


def test_pairs_that_the_file_makes_wrong_are_taken_back_one_by_one(governed):
    world, juliet = governed, governed.juliet
    pairs = {f"u{i}@verona.example": f"b+u{i}@other.example" for i in range(2)}
    for jid, mail in pairs.items():
        assert "1 set" in Command(juliet, "postern/admin/pairs").submit(jid=jid, mail=mail).note()
    good = f"juliet@{w.JABBER_DOMAIN}"
    assert "1 set" in Command(juliet, "postern/admin/pairs").submit(jid=good, mail="j@verona.example").note()
    # the file may not have them any more: from now on b+ there is the gateway's own
    world.gateway.configure({"mail_domain": "other.example"})
    world.gateway.restart()
    world.gateway.wait_log("event=address-pairs-left-out")
    first, second = pairs
    kept = Command(juliet, "postern/admin/pairs").submit(remove=[first]).note()
    assert "kept" in kept and "b+u1@other.example" in kept
    assert "1 taken back" in Command(juliet, "postern/admin/pairs").submit(remove=[second]).note()
    asked = Command(juliet, "postern/admin/map").submit(address="j@verona.example")
    assert "by command" in asked.note()


def test_many_pairs_come_page_by_page(governed):
    juliet = governed.juliet
    for i in range(51):
        Command(juliet, "postern/admin/pairs").submit(jid=f"u{i:02}@verona.example", mail=f"u{i:02}@verona.example")
    command = Command(juliet, "postern/admin/pairs")
    options = lambda: [o.findtext("{jabber:x:data}value") for o in command.command.iter("{jabber:x:data}option")
                       if "@" in o.findtext("{jabber:x:data}value")]
    first = options()
    command.submit("next", after=command.values()["after"][0])
    assert len(first) == 50 and options() == ["u50@verona.example"]


def test_who_is_denied_may_not_use_the_gateway(governed):
    world, nurse = governed, governed.jabber_side.client("nurse")
    contact = world.contact(world.romeo.address)
    command = Command(world.juliet, "postern/admin/rights")
    assert w.JABBER_DOMAIN in command.command.find("{jabber:x:data}x/{jabber:x:data}instructions").text
    assert error_of(command.submit(denied=["a@b/c"]).answer)[1] == "bad-request"
    assert "1 set" in command.submit(denied=[f"Nurse@{w.JABBER_DOMAIN}"]).note()
    for _ in range(2):
        refused = nurse.wait_error(nurse.send_message(contact, "ay me"))
        assert error_of(refused)[:2] == ("403", "forbidden")
        world.gateway.restart()
    # the whole domain, but not her
    Command(world.juliet, "postern/admin/rights").submit(
        denied=[w.JABBER_DOMAIN], allowed=[f"nurse@{w.JABBER_DOMAIN}"])
    gets(world, nurse)
    assert error_of(world.juliet.wait_error(world.juliet.send_message(contact, "and I?")))[1] == "forbidden"
    assert "1 taken back" in Command(world.juliet, "postern/admin/rights").submit(denied=[]).note()
    gets(world, world.juliet)


def test_limits_are_changed_and_go_back_to_the_file_s(governed):
    world, juliet = governed, governed.juliet
    contact = world.contact(world.romeo.address)
    command = Command(juliet, "postern/admin/limits")
    assert "(in the configuration: 0)" in command.labels()[0]
    assert error_of(command.submit(**{"limit.user_rate": "many"}).answer)[1] == "bad-request"
    assert error_of(command.submit(**{"limit.user_rate": "-1"}).answer)[1] == "bad-request"
    command.submit(**{"limit.user_rate": "1"})
    world.gateway.restart()
    assert Command(juliet, "postern/admin/limits").values()["limit.user_rate"] == ["1"]
    gets(world, juliet)
    assert error_of(juliet.wait_error(juliet.send_message(contact, "one more")))[2] == "wait"
    assert "1 taken back" in Command(juliet, "postern/admin/limits").submit(**{"limit.user_rate": ""}).note()
    gets(world, juliet)
