"""A mailbox full of mail that came while nobody looked: all of it is taken, and all of it is marked."""

import os
import sqlite3

import pytest

from gateway import Gateway
from servers.base import free_port, wait_until
from servers.certs import Certificates
from servers.dovecot import Dovecot
import world as w

MAILS = 6000
PASSWORD = "stars"
WATCHING = ("inbound .*event=watching",)


def mail(number):
    return (f"From: Romeo <romeo@montague.example>\r\nTo: u{number}=capulet.example@{w.GATEWAY}\r\n"
            f"Message-ID: <{number}@montague.example>\r\nSubject: number {number}\r\n\r\nCome, night.\r\n").encode()


class Bed:
    """A mailbox by hand, and a gateway whose host server is away, so that all stays in the queue."""

    def __init__(self, folder):
        owner = (5000, 5000) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
        self.maildir = folder / "vmail" / "bridge" / "Maildir"
        for name in ("cur", "new", "tmp"):
            (self.maildir / name).mkdir(parents=True)
        for number in range(MAILS):
            (self.maildir / "new" / f"1700000000.{number:05d}.test").write_bytes(mail(number))
        for path in (folder / "vmail", *(folder / "vmail").rglob("*")):
            os.chown(path, *owner)
        self.dovecot = Dovecot(folder, {"bridge": PASSWORD}, folder / "vmail", owner, Certificates(folder))
        self.gateway = Gateway(folder / "gateway", {
            "jid": w.GATEWAY, "home": ["capulet.example"],
            "jabber": {"host": "127.0.0.1", "port": free_port(), "secret": "none"},
            "smtp": {"host": "127.0.0.1", "port": free_port(), "tls": "none"},
            "mailbox": {"bridge": {"host": "127.0.0.1", "port": self.dovecot.imap_port, "tls": "none",
                                   "user": "bridge", "password": PASSWORD}}})

    def stored(self):
        """UIDs of the mails in the queue, on disk."""
        with sqlite3.connect(f"file:{self.gateway.database}?mode=ro", uri=True) as db:
            return sorted(uid for uid, in db.execute("SELECT uid FROM message"))

    def marked(self):
        return sum("S" in name.partition(":2,")[2] for name in os.listdir(self.maildir / "cur"))

    def accepted(self):
        return self.gateway.log_text().count("event=accepted")


@pytest.fixture
def bed():
    folder = w.private_folder()
    folder.chmod(0o711)
    made = Bed(folder)
    made.dovecot.start()
    yield made
    made.gateway.stop()
    made.dovecot.stop()
    w.remove(folder)


def test_all_of_it_is_marked_in_the_end(bed):
    bed.gateway.start(WATCHING)
    wait_until("all to be marked", lambda: bed.marked() == MAILS)
    assert bed.stored() == list(range(1, MAILS + 1))


def test_what_a_crash_left_unmarked_is_marked_after_it_and_not_taken_twice(bed):
    bed.gateway.start(WATCHING)
    wait_until("some mail", lambda: bed.accepted() > 500, 30, 0.002)
    bed.gateway.kill9()
    safe = bed.stored()
    assert bed.marked() < len(safe), "the test is too slow to see any that is safe and not marked"
    bed.gateway.start(WATCHING)
    wait_until("all to be marked", lambda: bed.marked() == MAILS)
    assert bed.stored() == list(range(1, MAILS + 1))
    with sqlite3.connect(f"file:{bed.gateway.database}?mode=ro", uri=True) as db:
        wait_until("the cursor to be behind them", lambda: db.execute(
            "SELECT uid_next FROM cursor").fetchone() == (MAILS + 1,))
        assert db.execute("SELECT count(*) FROM fetched").fetchone() == (0,)
