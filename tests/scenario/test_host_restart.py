"""The host server goes in the middle of traffic: each mail still reaches its reader, once, or twice
with the same id."""

import re
import signal
import smtplib
import threading

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
        wait_until("some traffic", lambda: delivered(world) >= MAILS // 4, 30)
        if how == "kill":
            for process in world.host.processes:
                process.stop(signo=signal.SIGKILL)
        world.jabber_side.stop()
    finally:
        world.jabber_side.start()
        sending.join()
    wait_until("an empty queue",
               lambda: world.gateway.command("queue", "list").stdout == "", 60)

    nurse = world.jabber_side.client("nurse")
    ids = {}

    def all_there():
        ids.clear()
        for stanza in nurse.stanzas(has(name)):
            token = TOKEN.search(stanza.findtext("{jabber:client}body")).group(1)
            ids.setdefault(token, []).append(stanza.get("id"))
        return len(ids) == MAILS
    try:
        wait_until("all mails", all_there, 30)
    except TimeoutError:
        lost = sorted(set(map(str, range(MAILS))) - set(ids), key=int)
        pytest.fail(f"{len(lost)} of {MAILS} are missing: {lost}")
    assert all(len(i) <= 2 and len(set(i)) == 1 for i in ids.values())
    assert "event=set-aside" not in world.gateway.log_text()
