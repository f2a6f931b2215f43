"""Strangers' mail is read in processes of their own: killing them loses nothing, and they have
nothing that is worth taking.
"""

import os
import re
import signal
from pathlib import Path

from jabber import has, new_id
from mail import make_mail
from servers.base import wait_until

MAILS = 200


def readers(world):
    """Process ids of those that read mail for the gateway, and of the one that is copied for that."""
    found = []
    for task in Path(f"/proc/{world.gateway.process.popen.pid}/task").iterdir():
        try:
            found += map(int, (task / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            pass  # a thread that has ended since
    return found


def kill(pid):
    """False: it had ended by itself, as they do after a while."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def put(world, token):
    world.user("bridge").put(
        make_mail("romeo@montague.example", world.mail_of("juliet"), body=token).as_bytes())


def arrived(world, token):
    return len(world.juliet.stanzas(has(token)))


def count(world, tokens):
    return sum(arrived(world, token) > 0 for token in tokens)


def test_killing_the_readers_loses_nothing(prosody_world):
    world = prosody_world
    tokens = [new_id("kill") for _ in range(MAILS)]
    killed = seen = 0
    for n, token in enumerate(tokens):
        put(world, token)
        if n % 5 == 4:
            for pid in readers(world):
                killed += kill(pid)
            # A mail over which one after the other was killed would be blamed for it.
            wait_until("some progress", lambda: count(world, tokens) > seen)
            seen = count(world, tokens)
    wait_until("all mails", lambda: all(arrived(world, token) for token in tokens), 60)
    assert killed > 5
    assert [arrived(world, token) for token in tokens] == [1] * MAILS
    wait_until("an empty queue", lambda: world.gateway.queue() == [])


def confinement(pid):
    """What the kernel says of a process."""
    proc = Path(f"/proc/{pid}")
    found = dict(re.findall(r"^(Seccomp|NoNewPrivs|Threads):\s+(\d+)$",
                            (proc / "status").read_text(), re.M))
    if os.geteuid() == 0:
        found["descriptors"] = sorted(os.listdir(proc / "fd"))
        found["environment"] = (proc / "environ").read_bytes()
    return found


def test_a_reader_has_nothing(prosody_world):
    world = prosody_world
    token = new_id("nothing")
    put(world, token)
    wait_until("the mail", lambda: arrived(world, token))
    wanted = {"Seccomp": "2", "NoNewPrivs": "1", "Threads": "1"}
    if os.geteuid() == 0:
        wanted |= {"descriptors": ["0", "1", "2"], "environment": b""}

    def have_nothing():
        """A process that has just started is not there yet, one that has read enough goes."""
        try:
            found = [confinement(pid) for pid in readers(world)]
            return bool(found) and all(each == wanted for each in found)
        except (FileNotFoundError, ProcessLookupError):
            return False

    wait_until("readers that have nothing", have_nothing)
