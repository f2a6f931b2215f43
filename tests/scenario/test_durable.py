"""Nothing that was accepted is lost: not by SIGKILL, not by servers that come and go."""

import sqlite3
import time

import pytest

from fake.smtp_relay import SILENCE
from jabber import has, new_id
from servers.base import wait_until



def accept_all(world, count):
    wait_until("all to be accepted",
               lambda: world.gateway.log_text().count("event=accepted") == count)


def header(mail, name):
    for line in mail.data.split(b"\r\n\r\n")[0].decode().split("\r\n"):
        if line.lower().startswith(name.lower() + ":"):
            return line.partition(":")[2].strip()
    return None


def test_sigkill_between_accepting_and_sending_loses_nothing(make_world, relay):
    relay.stop()
    world = make_world(relay=relay).start()
    tokens = [new_id("kill") for _ in range(20)]
    for token in tokens:
        world.juliet.send_message(world.contact(world.romeo.address), token)
    accept_all(world, len(tokens))
    world.gateway.kill9()
    relay.start()
    world.gateway.start()
    for token in tokens:
        relay.wait_mail(lambda m: token.encode() in m.data)
    assert len(relay.mails) == len(tokens), "none was sent before the kill, so none twice"


def test_sigkill_before_the_relay_answers_repeats_with_the_same_id(make_world, relay):
    relay.script("END", SILENCE, "250 2.0.0 taken")
    world = make_world(relay=relay).start()
    token = new_id("hang")
    world.juliet.send_message(world.contact(world.romeo.address), token)
    wait_until("the relay to have the mail", lambda: relay.unanswered)
    world.gateway.kill9()
    world.gateway.start()
    mail = relay.wait_mail(lambda m: token.encode() in m.data)
    assert header(mail, "Message-ID") == header(relay.unanswered[0], "Message-ID")


def test_sigkill_with_mail_waiting_for_the_host_loses_nothing(make_world):
    world = make_world().start()
    world.jabber_side.stop()
    try:
        world.gateway.wait_log("stream .*state=lost")
        tokens = [new_id("mail") for _ in range(10)]
        for token in tokens:
            world.romeo.write(world.mail_of("juliet"), None, token)
        accept_all(world, len(tokens))
        world.gateway.kill9()
    finally:
        world.jabber_side.start()
    juliet = world.juliet
    world.gateway.start()
    for token in tokens:
        juliet.wait_message(has(token))
    time.sleep(0.5)
    for token in tokens:
        assert len(juliet.stanzas(has(token))) == 1, "none was sent before the kill, so none twice"


@pytest.mark.parametrize("after_s", [0.02, 0.1, 0.3])
def test_sigkill_in_full_flow_loses_nothing_and_repeats_little(make_world, relay, after_s):
    world = make_world(relay=relay).start()
    out = [new_id("out") for _ in range(30)]
    back = [new_id("in") for _ in range(10)]
    juliet = world.juliet
    for token in back:
        world.romeo.write(world.mail_of("juliet"), None, token)
    for token in out:
        juliet.send_message(world.contact(world.romeo.address), token)
    time.sleep(after_s)
    world.gateway.kill9()
    # What the host had not handed over when the component died, it answers with an error: that is
    # its promise, not ours.
    accepted = set(accepted_texts(world, out))
    world.gateway.start()
    for token in back:
        juliet.wait_message(has(token))
    for token in out:
        if token in accepted:
            relay.wait_mail(lambda m: token.encode() in m.data)
    for token in out:
        copies = [m for m in list(relay.mails) if token.encode() in m.data]
        assert len(copies) <= 2
        assert len({header(m, "Message-ID") for m in copies}) <= 1
    for token in back:
        copies = juliet.stanzas(has(token))
        assert len(copies) <= 2
        assert len({m.get("id") for m in copies}) == 1


def accepted_texts(world, tokens):
    """Those of tokens whose message is in the queue on disk, or was sent already."""
    database = sqlite3.connect(f"file:{world.gateway.database}?mode=ro", uri=True)
    try:
        dump = "\n".join(line for line in database.iterdump() if line.startswith("INSERT"))
    finally:
        database.close()
    sent = b"\n".join(m.data for m in list(world.relay.mails)).decode(errors="replace")
    hexed = dump.lower()
    return [t for t in tokens if t in dump or t.encode().hex() in hexed or t in sent]


def test_the_host_restarts_in_between(make_world):
    world = make_world().start()
    world.jabber_side.stop()
    world.gateway.wait_log("stream .*state=lost")
    token = new_id("meanwhile")
    world.romeo.write(world.mail_of("juliet"), None, token)
    world.gateway.wait_log("inbound .*event=accepted")
    world.jabber_side.start()
    juliet = world.juliet
    juliet.wait_message(has(token))
    back = new_id("back")
    juliet.send_message(world.contact(world.romeo.address), back)
    world.romeo.wait_body(back)


def test_the_imap_server_restarts_in_between(make_world):
    world = make_world().start()
    world.mail_side.dovecot.restart()
    token = new_id("imap")
    world.romeo.write(world.mail_of("juliet"), None, token)
    world.juliet.wait_message(has(token))


def test_a_stop_in_order_loses_nothing_and_ends_with_zero(make_world, relay):
    relay.stop()
    world = make_world(relay=relay).start()
    token = new_id("stop")
    world.juliet.send_message(world.contact(world.romeo.address), token)
    world.gateway.wait_log("event=accepted")
    assert world.gateway.stop() == 0
    relay.start()
    world.gateway.start()
    relay.wait_mail(lambda m: token.encode() in m.data)


def test_a_second_gateway_on_the_same_database_is_refused(prosody_world):
    second = prosody_world.gateway.command("run")
    assert second.returncode == 78
    assert str(prosody_world.gateway.process.pid) in second.stderr
