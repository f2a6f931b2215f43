"""Strangers' mail is read in processes of their own: killing them loses nothing, and they have
nothing that is worth taking.
"""

import json
import os
import re
import signal
from pathlib import Path

from jabber import has, new_id
from mail import make_mail
from servers.base import wait_until

MAILS = 200


def readers(world):
    """Process ids of those that read mail for the gateway."""
    tasks = Path(f"/proc/{world.gateway.process.popen.pid}/task")
    return [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]


def put(world, token):
    world.user("bridge").put(
        make_mail("romeo@montague.example", world.mail_of("juliet"), body=token).as_bytes())


def arrived(world, token):
    return len(world.juliet.stanzas(has(token)))


def test_killing_the_readers_loses_nothing(prosody_world):
    world = prosody_world
    tokens = [new_id("kill") for _ in range(MAILS)]
    killed = 0
    for n, token in enumerate(tokens):
        put(world, token)
        if n % 5 == 0:
            for pid in readers(world):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    wait_until("all mails", lambda: all(arrived(world, token) for token in tokens), 60)
    assert killed > 5
    assert [arrived(world, token) for token in tokens] == [1] * MAILS
    wait_until("an empty queue", lambda: json.loads(
        world.gateway.command("queue", "list", "--json").stdout) == [], 20)


def test_a_reader_has_nothing(prosody_world):
    world = prosody_world
    token = new_id("nothing")
    put(world, token)
    wait_until("the mail", lambda: arrived(world, token), 20)
    for pid in readers(world):
        status = Path(f"/proc/{pid}/status").read_text()
        assert re.search(r"^Seccomp:\s+2$", status, re.M)
        assert re.search(r"^NoNewPrivs:\s+1$", status, re.M)
        assert re.search(r"^Threads:\s+1$", status, re.M)
        if os.geteuid() == 0:
            assert sorted(os.listdir(f"/proc/{pid}/fd")) == ["0", "1", "2"]
            assert b"=" not in Path(f"/proc/{pid}/environ").read_bytes()
    assert readers(world)
