"""The host server goes in the middle of traffic: each mail still reaches its reader, once, or twice
with the same id."""

import re
import signal
import smtplib
import threading
import time

import pytest

import world as w
from jabber import has, new_id
from mail import make_mail
from servers.base import free_port, wait_until

MAILS = 300
TOKEN = re.compile(r"restart-[0-9a-f]+-(\d+)")


def send_all(port, name, count):
    with smtplib.LMTP("127.0.0.1", port) as lmtp:
        for i in range(count):
            mail = make_mail(f"romeo@{w.MAIL_DOMAIN}", f"nurse@{w.GATEWAY}", None,
                             f"text {name}-{i}")
            lmtp.sendmail(f"romeo@{w.MAIL_DOMAIN}", [f"nurse@{w.GATEWAY}"], mail.as_bytes())


def delivered(world):
    return len(re.findall(r"jabber event=delivered", world.gateway.log_text()))


@pytest.mark.parametrize("host, how", [("prosody", "kill"), ("prosody", "stop"),
                                       ("ejabberd", "stop")])
def test_a_host_that_goes_in_mid_traffic_loses_nothing(make_world, host, how):
    port = free_port()
    world = make_world({"lmtp": {"listen": f"127.0.0.1:{port}"}}, host=host).start()
    world.jabber_side.leave_all()  # who reads is away, so that the host keeps what it takes
    name = f"restart-{new_id()[-8:]}"
    sending = threading.Thread(target=send_all, args=(port, name, MAILS))
    sending.start()
    try:
        wait_until("some traffic", lambda: delivered(world) >= MAILS // 4)
        if how == "kill":
            for process in world.host.processes:
                process.stop(signo=signal.SIGKILL)
        world.jabber_side.stop()
    finally:
        world.jabber_side.start()
        sending.join()
    wait_until("an empty queue", lambda: world.gateway.queue() == [], 60)

    nurse = world.jabber_side.client("nurse")
    ids = {}

    def all_there():
        ids.clear()
        for stanza in nurse.stanzas(has(name)):
            token = TOKEN.search(stanza.findtext("{jabber:client}body")).group(1)
            ids.setdefault(token, []).append(stanza.get("id"))
        return len(ids) == MAILS
    try:
        wait_until("all mails", all_there)
    except TimeoutError:
        lost = sorted(set(map(str, range(MAILS))) - set(ids), key=int)
        pytest.fail(f"{len(lost)} of {MAILS} are missing: {lost}")
    assert all(len(i) <= 2 and len(set(i)) == 1 for i in ids.values())
    assert "event=set-aside" not in world.gateway.log_text()


def by_lmtp(port, body):
    with smtplib.LMTP("127.0.0.1", port) as lmtp:
        mail = make_mail(f"romeo@{w.MAIL_DOMAIN}", f"juliet@{w.GATEWAY}", None, body)
        lmtp.sendmail(f"romeo@{w.MAIL_DOMAIN}", [f"juliet@{w.GATEWAY}"], mail.as_bytes())


def test_a_second_gateway_of_the_same_name_is_refused_and_waits(make_world):
    """By mistake, on another store.  Prosody refuses it: it says so and waits.  The first one does not
    notice, and what the second has accepted arrives once it may come in."""
    port = free_port()
    first = make_world().start()
    second = make_world({"mailbox": None, "lmtp": {"listen": f"127.0.0.1:{port}"}})
    second.start(ready=(f"another instance is connected as '{w.GATEWAY}'",))
    tokens = [new_id("both") for _ in range(2)]
    by_lmtp(port, tokens[0])
    first.romeo.write(first.mail_of("juliet"), tokens[1], tokens[1])
    first.juliet.wait_message(has(tokens[1]))
    time.sleep(3)
    assert first.gateway.log_text().count("state=up") == 1
    assert "state=lost" not in first.gateway.log_text()
    assert second.gateway.log_text().count("to=CONNECTING") == 1, "it does not try again and again"
    assert len(second.gateway.command("queue", "list").stdout.splitlines()) == 1
    assert first.gateway.stop() == 0
    second.gateway.restart(ready=("stream .*state=up",))
    second.juliet.wait_message(has(tokens[0]))
    for token in tokens:
        assert len(second.juliet.stanzas(has(token))) == 1


def test_two_gateways_of_one_name_that_share_a_host_say_so(make_world):
    """ejabberd lets both in, and what is meant for one of them comes to either.  It is told, and both
    carry what they have accepted."""
    port = free_port()
    first = make_world(host="ejabberd").start()
    second = make_world({"mailbox": None, "lmtp": {"listen": f"127.0.0.1:{port}"}},
                        host="ejabberd")
    second.start(ready=("stream .*state=up", "inbound .*event=listening"))
    tokens = [new_id("both") for _ in range(20)]
    for token in tokens:
        by_lmtp(port, token)
    wait_until("word of the other one", lambda: any(
        "event=another-instance" in world.gateway.log_text() for world in (first, second)))
    for token in tokens:
        first.juliet.wait_message(has(token))
    for world in (first, second):
        assert world.gateway.log_text().count("to=CONNECTING") <= 3, "they do not fight"
    second.gateway.kill9()  # or it would wait for the answers that the other one gets
