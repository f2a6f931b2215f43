"""The servers that all gateways of a run share, and the gateway of one test with its ledger.

Prosody is the host, Dovecot the mailbox, a relay that keeps what it accepts the way out.  Mail for
the gateway is laid into its Maildir, as a mail server's delivery agent does.
"""

import itertools
import os
import random
import smtplib
import sqlite3
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from fake.smtp_relay import FakeRelay
from gateway import PROGRAM, Gateway, merge
from ledger import Ledger
from mail import make_mail
from people import People, wait_for
from servers import postfix
from servers.base import Process, free_port
from servers.certs import Certificates
from servers.dovecot import Dovecot
from servers.prosody import Prosody
from world import private_folder, remove

JABBER = "people.example"
HOST = "capulet.example"
MAIL = "montague.example"
SECRET = "wherefore art thou"
INSTANCES = 120
SETTLE_S = 60
DELIVERY_REPORT = """Return-Path: <>\r
Delivered-To: {to}\r
From: MAILER-DAEMON@{domain}\r
To: {to}\r
Subject: Undelivered Mail\r
Date: Mon, 1 Jun 2026 10:00:00 +0000\r
Message-ID: <report-{token}@{domain}>\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary=b\r
\r
--b\r
Content-Type: text/plain\r
\r
It could not be delivered.\r
--b\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; {domain}\r
\r
Final-Recipient: rfc822; {recipient}\r
Action: failed\r
Status: 5.1.1\r
Diagnostic-Code: smtp; 550 5.1.1 no such person\r
\r
--b--\r
"""


class Bed:
    @staticmethod
    def missing_right():
        if not PROGRAM.exists():
            return f"{PROGRAM} is not built: make crash-program"
        return Prosody.missing_right()

    def __init__(self):
        self.folder = private_folder("crash-")
        self._numbers = itertools.count()
        root = os.geteuid() == 0
        self.owner = (5000, 5000) if root else (os.geteuid(), os.getegid())
        self.maildirs = self.folder / "vmail"
        self.maildirs.mkdir()
        os.chown(self.maildirs, *self.owner)
        boxes = {f"bridge{n}": SECRET for n in range(INSTANCES)}
        self.dovecot = Dovecot(self.folder, boxes, self.maildirs, self.owner,
                               Certificates(self.folder))
        self.prosody = Prosody(self.folder, HOST, {}, JABBER, SECRET)
        (self.prosody.folder / "conf.d" / "instances.cfg.lua").write_text("".join(
            f'Component "g{n}.{HOST}"\n component_secret = "{SECRET}"\n' for n in range(INSTANCES)))

    def __enter__(self):
        self.prosody.start()
        self.dovecot.start()
        self.people = People(JABBER, SECRET, self.prosody.component_port).start()
        self.people.on_message = self._answer
        return self

    def __exit__(self, *_):
        self.people.stop()
        self.dovecot.stop()
        self.prosody.stop()
        remove(self.folder)

    def instance(self, changes=None):
        return Instance(self, next(self._numbers), changes)

    def _answer(self, stanza):
        """A mail with a token tok-ask-... is answered in its thread, by tok-re-... ."""
        sender, to = stanza.get("from"), stanza.get("to")
        body = stanza.findtext("{jabber:component:accept}body") or ""
        thread = stanza.findtext("{jabber:component:accept}thread")
        for token in self.people.messages if "tok-ask-" in body else ():
            if token.startswith("tok-ask-") and token in body and thread:
                self.people.send(to.partition("@")[0], sender, token.replace("ask", "re"),
                                 token.replace("ask", "re"), f"<thread>{thread}</thread>")
                return

    def show_logs(self):
        return f"{self.prosody.show_log()}\n{self.dovecot.show_log()}"


class Crashing(Gateway):
    """A gateway that may be told where to die, and is not waited for."""

    def launch(self, die_at=None, env=None):
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        argv = [PROGRAM, "-c", self.conf, "run"]
        env = {**({"POSTERN_DIE_AT": die_at} if die_at else {}), **(env or {})}
        self.process = Process("postern", argv, self.log, env=env, cwd=self.folder)

    def is_dead(self):
        return not self.process.is_alive()

    def is_up(self):
        return "state=up" in self.log_text()

    def wait_up_or_dead(self, timeout_s=30):
        wait_for(lambda: f"the gateway to be up\n{self.show_logs()}",
                 lambda: self.is_up() or self.is_dead(), timeout_s, 0.02)


class Mta(threading.Thread):
    """A mail server before the gateway: it hands each mail over by LMTP until it is told that the
    gateway has it, as a queue does, and keeps nothing once it was.
    """

    def __init__(self, port):
        super().__init__(daemon=True)
        self._port = port
        self._waiting = []
        self._lock = threading.Lock()
        self._end = threading.Event()
        self.start()

    def put(self, sender, to, raw, options=()):
        with self._lock:
            self._waiting.append((sender, to, raw, options))

    def waiting(self):
        with self._lock:
            return len(self._waiting)

    def stop(self):
        self._end.set()
        self.join()

    def run(self):
        while not self._end.wait(0.02):
            with self._lock:
                batch = list(self._waiting)
            try:
                if batch:
                    self._deliver(batch)
            except (OSError, smtplib.SMTPException):
                self._end.wait(0.1)  # not now: what was not answered, again

    def _deliver(self, batch):
        with smtplib.LMTP("127.0.0.1", self._port, "mta.example", timeout=20) as lmtp:
            for mail in batch:
                lmtp.sendmail(mail[0], [mail[1]], mail[2], rcpt_options=mail[3])
                with self._lock:
                    self._waiting.remove(mail)


class Instance:
    def __init__(self, bed, number, changes=None):
        self.bed = bed
        self.people = bed.people
        self.domain = f"g{number}.{HOST}"
        self.maildir = bed.maildirs / f"bridge{number}" / "Maildir"
        self._make_maildir()
        self.relay = FakeRelay().start()
        self.relay.script("RCPT", "550 5.1.1 no such person", match="refuse@")
        self.relay.script("RCPT", "451 4.2.0 later", "250 2.1.5 ok", match="later@")
        self.lmtp_port = free_port()
        self.mta = Mta(self.lmtp_port)
        self.ledger = Ledger(self)
        self.crashes = 0
        self._seen = 0  # of the relay's mails, by pump
        folder = tempfile.mkdtemp(prefix="gw", dir=bed.folder)
        self.gateway = Crashing(folder, merge({
            "jid": self.domain,
            "home": [JABBER],
            "jabber": {"host": "127.0.0.1", "port": bed.prosody.component_port, "secret": SECRET},
            "smtp": {"host": "127.0.0.1", "port": self.relay.port, "tls": "none",
                     "connections": 2},
            "mailbox": {"bridge": {
                "host": "127.0.0.1", "port": bed.dovecot.imap_port, "tls": "none",
                "user": f"bridge{number}", "password": SECRET}},
            "queue": {"retry_first": 1, "retry_max": 2, "lifetime": 600},
            "web": {"user_space": 3000},
            "lmtp": {"listen": f"127.0.0.1:{self.lmtp_port}", "receipt_wait": 1},
        }, changes or {}))

    def close(self):
        self.mta.stop()
        if self.gateway.process:
            self.gateway.process.stop(timeout_s=25)
        self.relay.stop()

    # Traffic.

    def _make_maildir(self):
        for folder in (self.maildir.parent, self.maildir,
                       *(self.maildir / name for name in ("new", "cur", "tmp"))):
            folder.mkdir(exist_ok=True)
            os.chown(folder, *self.bed.owner)

    def lay(self, raw):
        """A mail arrives in the mailbox, whole or not at all."""
        name = f"{time.time_ns()}.{random.getrandbits(40):x}.test"
        path = self.maildir / "tmp" / name
        path.write_bytes(raw.replace(b"\r\n", b"\n"))
        os.chown(path, *self.bed.owner)
        path.rename(self.maildir / "new" / name)

    def mail(self, kind="plain", user="juliet", size=0, attachments=(), by_lmtp=False):
        """A mail for a Jabber user; the ledger has it before it can be seen."""
        token = self.ledger.note("lmtp" if by_lmtp else "in", kind, user)
        to = f"{user}@{self.domain}"
        mail = make_mail(f"romeo@{MAIL}", to, token, f"{token}\n" + "word " * (size // 5))
        if not by_lmtp:
            mail["Return-Path"] = f"<romeo@{MAIL}>"
            mail["Delivered-To"] = to
        for n, length in enumerate(attachments):
            mail.add_attachment(bytes([65 + n]) * length, maintype="application",
                                subtype="octet-stream", filename=f"{token}-{n}.bin")
        if by_lmtp:
            self.mta.put(f"romeo@{MAIL}", to, mail.as_bytes(),
                         ["NOTIFY=SUCCESS"] if kind == "asked" else ())
        else:
            self.lay(mail.as_bytes())
        return token

    def stanza(self, kind="plain", to="romeo"):
        token = self.ledger.note("out", kind, to)
        self.people.send("juliet", f"{to}\\40{MAIL}@{self.domain}", token, token)
        return token

    def mails(self):
        """One of each kind that arrives by mail."""
        self.mail()
        self.mail()
        self.mail("ask")
        self.mail(user="nobody", kind="refused")
        self.mail(user="late", kind="late")
        self.mail(attachments=(1000, 1500))
        self.mail(attachments=(2500,))
        self.mail(by_lmtp=True)
        self.mail(by_lmtp=True, user="nobody", kind="refused")

    def stanzas(self):
        self.stanza()
        self.stanza()
        self.stanza("refused", "refuse")
        self.stanza("later", "later")
        self.stanza("bounced", "bounce")

    def hold(self, user="keeper"):
        """Mails that their reader does not want now, in the queue of a gateway that has ended."""
        def is_held():
            return self.rows("SELECT count(*) FROM held") == [(3,)]
        self.gateway.launch()
        self.gateway.wait_up_or_dead()
        self.people.send(user, self.domain, "choice", "when dnd hold")
        wait_for(lambda: "the choice", lambda: self.rows("SELECT 1 FROM chosen WHERE what = 11"), 10)
        self.people.appear(user, self.domain, "dnd")
        wait_for(lambda: "it to be seen", lambda: "show=dnd" in self.gateway.log_text(), 10)
        for _ in range(3):
            self.mail(user=user)
        wait_for(lambda: f"mails to be held\n{self.show_logs()}", is_held, 20)
        self.gateway.kill9()

    def pump(self):
        """What the relay accepted for bounce@ comes back as a delivery report."""
        new = self.relay.mails[self._seen:]
        self._seen += len(new)
        for mail in new:
            if mail.recipients[0].startswith("bounce@") and mail.sender:
                self.lay(DELIVERY_REPORT.format(
                    to=mail.sender, domain=MAIL, recipient=mail.recipients[0],
                    token=random.getrandbits(48)).encode())

    # Life.

    def wait_dead(self, timeout_s):
        """True: it has died by itself."""
        deadline = time.monotonic() + timeout_s
        while not self.gateway.is_dead():
            self.pump()
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        self.crashes += 1
        assert self.gateway.process.popen.returncode == -9, \
            f"it ended with {self.gateway.process.popen.returncode}\n{self.gateway.show_logs()}"
        return True

    def kill(self):
        self.gateway.kill9()
        self.crashes += 1

    def rows(self, sql):
        """Rows of the gateway's database, read beside it; none while there is no database."""
        if not self.gateway.database.exists():
            return []
        database = sqlite3.connect(f"file:{self.gateway.database}?mode=ro", uri=True, timeout=10)
        try:
            return database.execute(sql).fetchall()
        except sqlite3.OperationalError as e:
            if "no such table" in str(e):
                return []
            raise
        finally:
            database.close()

    def unread(self):
        """Mails in the mailbox that are not marked as done."""
        names = itertools.chain((self.maildir / "new").iterdir(), (self.maildir / "cur").iterdir())
        return [p.name for p in names if "S" not in p.name.partition(":2,")[2]]

    def is_settled(self):
        self.pump()
        if self.mta.waiting():
            return False
        if self.crashes == 0 and self.ledger.unanswered():
            return False
        return not self.ledger.missing() and not self.unread() and \
            self.rows("SELECT count(*) FROM item WHERE next >= 0") == [(0,)] and not self.ledger.missing()

    def settle(self, timeout_s=SETTLE_S):
        """Waits until everything accepted has come to its end."""
        def what():
            return (f"all to come to its end: missing {self.ledger.missing()}, unread "
                    f"{self.unread()}, items {self.rows('SELECT * FROM item')}\n{self.show_logs()}")
        wait_for(what, self.is_settled, timeout_s, 0.1)

    def check_files(self):
        """What a message links to is there, and no part of a file is left over."""
        folder = Path(str(self.gateway.database) + ".files")
        there = {p.name for p in folder.rglob("*") if p.is_file()}
        named = {f"{row[0]:016x}" for row in self.rows("SELECT id FROM file")}
        assert named <= there, f"files without bytes: {named - there}"
        assert there <= named, f"bytes without a row: {there - named}"

    def check_database(self):
        assert self.rows("PRAGMA integrity_check") == [("ok",)]

    def get(self, url):
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read()

    def show_logs(self):
        return f"{self.gateway.show_logs()}\n{self.ledger.show()}"


class Feeder(threading.Thread):
    """Traffic in both directions until it is told to stop; some rounds in any case, however slow the
    machine."""

    ROUNDS_MIN = 20

    def __init__(self, instance, pause_s):
        super().__init__(daemon=True)
        self._instance = instance
        self._pause_s = pause_s
        self._end = threading.Event()

    def run(self):
        for n in itertools.count():
            self._instance.mail(user="nobody" if n % 11 == 5 else "juliet",
                                kind="refused" if n % 11 == 5 else "plain",
                                attachments=(300,) if n % 13 == 3 else (), by_lmtp=n % 3 == 1)
            self._instance.stanza()
            if n % 7 == 2:
                self._instance.stanza("refused", "refuse")
            if n % 17 == 4:
                self._instance.stanza("bounced", "bounce")
            if self._end.wait(self._pause_s) and n >= self.ROUNDS_MIN:
                return

    def stop(self):
        self._end.set()
        self.join()
