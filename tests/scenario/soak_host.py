"""A host server that is there and does nothing: all its processes are stopped, the kernel takes what
is sent to it.  `make soak`: a ping has half a minute for its answer."""

import os
import signal
import smtplib
from pathlib import Path

import pytest

import world as w
from jabber import has, new_id
from mail import make_mail
from servers.base import free_port, wait_until

MAILS = 20


def family(pid):
    """A process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


@pytest.mark.parametrize("host", ["prosody", "ejabberd"])
def test_a_host_that_stands_still_is_given_up_and_nothing_is_lost(make_world, host):
    port = free_port()
    world = make_world({"lmtp": {"listen": f"127.0.0.1:{port}"}}, host=host).start()
    juliet = world.juliet
    before = new_id("before")
    world.romeo.write(world.mail_of("juliet"), before, before)
    juliet.wait_message(has(before))
    stopped = [pid for process in world.host.processes for pid in family(process.pid)]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    tokens = [new_id("still") for _ in range(MAILS)]
    try:
        with smtplib.LMTP("127.0.0.1", port) as lmtp:
            for token in tokens:
                mail = make_mail(f"romeo@{w.MAIL_DOMAIN}", f"juliet@{w.GATEWAY}", None, token)
                lmtp.sendmail(f"romeo@{w.MAIL_DOMAIN}", [f"juliet@{w.GATEWAY}"], mail.as_bytes())
        world.gateway.wait_log("state=lost loss=network reason=.*does not answer a ping",
                               timeout_s=60)
        assert len(world.gateway.command("queue", "list").stdout.splitlines()) >= MAILS
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    wait_until("an empty queue", lambda: world.gateway.queue() == [], 120)
    for token in tokens:
        copies = juliet.wait_message(has(token)) and juliet.stanzas(has(token))
        assert len(copies) <= 2 and len({stanza.get("id") for stanza in copies}) == 1
    assert "event=set-aside" not in world.gateway.log_text()
