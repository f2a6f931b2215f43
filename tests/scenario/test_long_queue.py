"""A long queue costs no memory and no time at the start, and delays nobody but whose it is.

`make soak` runs it with 1,000,000 messages and prints the figures."""

import json
import os
import re
import sqlite3
import time

import pytest

from fake.smtp_relay import FakeRelay
from servers.base import free_port
import gateway as gw

COUNT = int(os.environ.get("SOAK", "20000"))
OTHERS = 200
GATEWAY = "mail.capulet.example"
MEMORY_EXTRA_KB = 12 * 1024  # caches that are bounded and fill up, whatever the length
HOG_LANE = 7
STARTED = (r"gateway .*event=started",)
CONTENT = b"Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nFrom: <j@example.org>\r\n" \
    b"Message-ID: <x@example.org>\r\nSubject: x\r\n\r\n" + (b"x" * 70 + b"\r\n") * 14


@pytest.fixture
def relay():
    with FakeRelay() as relay:
        yield relay


@pytest.fixture
def long_gateway(folder, relay):
    """A gateway whose Jabber server and mailbox are away: only mail leaves."""
    made = gw.Gateway(folder, {
        "jid": GATEWAY, "home": ["capulet.example"],
        "jabber": {"host": "127.0.0.1", "port": free_port(), "secret": "secret"},
        "smtp": {"host": "127.0.0.1", "port": relay.port, "tls": "none"},
        "mailbox": {"bridge": {"host": "127.0.0.1", "port": free_port(), "tls": "none",
                               "user": "bridge", "password": "x"}},
        "queue": {"retry_first": 600, "retry_max": 600, "lifetime": 432000},
        "log_level": "info",
    })
    yield made
    made.stop()


def fill(database, count, others):
    """count messages of one user, half of them due in an hour, and a few of many others."""
    now = int(time.time())
    first = (now * 1000) << 20
    sender = f"b+{'0' * 30}@{GATEWAY}"
    with sqlite3.connect(database) as db:
        db.execute("PRAGMA synchronous = OFF")
        rows = ((first + i, i) for i in range(count + others))
        for row, i in rows:
            is_other = i >= count
            lane = (HOG_LANE + 1 + i % 97) % 256 if is_other else HOG_LANE
            to = f"other{i}@example.net" if is_other else "many@example.net"
            db.execute("INSERT INTO message(id, kind, sender, origin, created, deadline, content)"
                       " VALUES(?, 1, ?, 'jabber', ?, 0, ?)", (row, sender, now, CONTENT))
            db.execute("INSERT INTO item(message, n, kind, recipient, attempts, next, error, lane)"
                       " VALUES(?, 0, 1, ?, 0, ?, '', ?)",
                       (row, to, now + 3600 if i % 2 and not is_other else now - 10, lane))


def peak_kb(process):
    with open(f"/proc/{process.popen.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1))


def work_through(gateway, relay, count, others):
    """Starts with that many in the queue until all others are through; what it took."""
    gateway.start(ready=STARTED)
    gateway.stop()
    fill(gateway.database, count, others)
    relay.mails.clear()
    began = time.monotonic()
    gateway.start(ready=STARTED)
    relay.wait_mail()
    first_s = time.monotonic() - began
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        seen = list(relay.mails)
        through = {m.recipients[0] for m in seen if m.recipients[0].startswith("other")}
        if len(through) == others:
            break
        time.sleep(0.05)
    assert len(through) == others
    return {"first_s": first_s, "peak_kb": peak_kb(gateway.process),
            "others_s": time.monotonic() - began, "before": len(seen) - others}


def test_a_long_queue_costs_no_memory_and_delays_no_neighbour(long_gateway, relay):
    short = work_through(long_gateway, relay, 2000, OTHERS)
    long_gateway.stop()
    with sqlite3.connect(long_gateway.database) as db:
        db.execute("DELETE FROM item")
        db.execute("DELETE FROM message")
    long = work_through(long_gateway, relay, COUNT, OTHERS)

    began = time.monotonic()
    counts = json.loads(long_gateway.command("queue", "count", "--json").stdout)["to-mail"]
    count_s = time.monotonic() - began
    began = time.monotonic()
    page = long_gateway.command("queue", "list", "--limit", "10").stdout.splitlines()
    list_s = time.monotonic() - began
    print(f"\nwaiting={COUNT} first_mail_s={long['first_s']:.2f} peak_mb={long['peak_kb'] / 1024:.1f}"
          f" (2000 waiting: {short['peak_kb'] / 1024:.1f}) others_s={long['others_s']:.2f}"
          f" before_them={long['before']} count_s={count_s:.2f} page_s={list_s:.2f}")

    assert long["peak_kb"] < short["peak_kb"] + MEMORY_EXTRA_KB
    # The last of the neighbours came through while most of the crowd was still waiting.
    assert long["before"] < COUNT / 4
    assert counts["later"] >= COUNT // 2 and counts["due"] > 0
    assert sum(counts["ages"]) == counts["later"] + counts["due"] + counts["set_aside"]
    assert len(page) == 11
    after = re.fullmatch(r"go on with: --after (\w+)", page[-1]).group(1)
    assert page[9].startswith(after)
    (follows,) = long_gateway.command("queue", "list", "--limit", "1",
                                      "--after", after).stdout.splitlines()[:1]
    assert follows.split()[0] > after
