"""What is measured, and what it is measured with: a host server, a mailbox, a sink for mail, loads, a gateway."""

import imaplib
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "scenario"))

from gateway import Gateway, merge  # noqa: E402
from servers.base import ROOT, Process, free_port, tail, wait_until  # noqa: E402
from servers.certs import Certificates  # noqa: E402
from servers.dovecot import Dovecot  # noqa: E402
from servers.ejabberd import Ejabberd  # noqa: E402
from servers.prosody import Prosody  # noqa: E402

TOOLS = Path(os.environ.get("BENCH_TOOLS", ROOT / "build" / "bench"))
DOMAIN = "capulet.example"
GATEWAY = "mail.capulet.example"
LOAD = "load.capulet.example"  # components that write and read; the gateway's homes
READER = "reader.capulet.example"
SECRET = "wherefore art thou"
PASSWORD = "stars"
OLD = "Sun, 22 Nov 2026 12:00:00 +0000"  # what waits in a mailbox says when it was written
CONNECTIONS = 4  # SMTP, the gateway's default, and smtp-source's here
TO_MAIL = rf"r#\40montague.example@{GATEWAY}"
TO_JABBER = f"u{{}}={READER}@{GATEWAY}"


def seconds(ns):
    return ns / 1e9


class BenchProsody(Prosody):
    def __init__(self, *args):
        super().__init__(*args)
        self.ports = {jid: self.component_port for jid in (LOAD, READER)}
        self.tls_port = free_port()  # go-sendxmpp does not log in without
        conf = self.folder / "prosody.cfg.lua"
        conf.write_text(f'c2s_direct_tls_ports = {{ {self.tls_port} }}\n'
                        f'c2s_direct_tls_ssl = {{ certificate = "{self.certificates.cert}",'
                        f' key = "{self.certificates.key}" }}\n' + conf.read_text())
        (self.folder / "conf.d" / "load.cfg.lua").write_text("".join(
            f'Component "{jid}"\n    component_secret = "{SECRET}"\n' for jid in self.ports))


class BenchEjabberd(Ejabberd):
    """Each component has a listener of its own: one that names several gives all of them to every connection."""

    def __init__(self, *args):
        super().__init__(*args)
        self.ports = {jid: free_port() for jid in (LOAD, READER)}
        with open(self.folder / "postern.yml", "a") as conf:
            for jid, port in self.ports.items():
                conf.write(f'  -\n    port: {port}\n    ip: "127.0.0.1"\n    module: ejabberd_service\n'
                           f'    access: all\n    shaper_rule: none\n    hosts:\n'
                           f'      "{jid}":\n        password: "{SECRET}"\n')


HOSTS = {"Prosody": BenchProsody, "ejabberd": BenchEjabberd}


class Load:
    """A jabber_load process; what it has said, by the first word of the line."""

    def __init__(self, port, jid, *argv):
        self.said = {}
        self.stamps = []  # (arrived, sent), ns
        self.popen = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", TOOLS / "jabber_load", str(port), jid, SECRET, *map(str, argv)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait("up", 20)

    def _read(self):
        for line in self.popen.stdout:
            word, *rest = line.split()
            if word == "m":
                self.stamps.append((int(rest[0]), int(rest[1])))
            else:
                self.said[word] = [int(value) for value in rest]

    def wait(self, word, timeout_s):
        def has_said():
            assert word in self.said or self.popen.poll() is None, "jabber_load ended"
            return word in self.said
        wait_until(f"jabber_load to say {word}", has_said, timeout_s, 0.005)
        return self.said[word]

    def stop(self):
        """Ends it; returns how many errors came back."""
        self.popen.stdin.close()
        self.popen.wait(10)
        self._reader.join(10)
        return self.said.get("errors", [0])[0]


class Sink:
    """Postfix's smtp-sink: takes mail, counts it, throws it away."""

    def __init__(self, folder):
        self.port = free_port()
        self.out = Path(tempfile.mkstemp(prefix="sink", dir=folder)[1])
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        self.process = Process("smtp-sink", ["/usr/sbin/smtp-sink", "-c", *user, f"127.0.0.1:{self.port}", "256"],
                               self.out)
        wait_until("smtp-sink", self._is_up, 10)

    def _is_up(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def count(self):
        with open(self.out, "rb") as out:
            out.seek(max(0, self.out.stat().st_size - 200))
            found = re.findall(rb"mesg=(\d+)\s*\r", out.read())
        return int(found[-1]) if found else 0

    def wait(self, count, timeout_s):
        """When it had them, ns."""
        wait_until(f"{count} mails at the sink", lambda: self.count() >= count, timeout_s, 0.005)
        return time.monotonic_ns()

    def stop(self):
        self.process.stop()
        self.out.unlink()


class StampSink:
    """A sink that notes when each mail with a stamp was complete, for light load."""

    def __init__(self):
        self.stamps = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 sink\r\n")
            for line in lines:
                word = line[:4].upper().strip()
                if word == b"DATA":
                    connection.sendall(b"354 go on\r\n")
                    self._take(lines)
                    connection.sendall(b"250 2.0.0 taken\r\n")
                elif word == b"QUIT":
                    connection.sendall(b"221 2.0.0 bye\r\n")
                    return
                elif word == b"EHLO":
                    connection.sendall(b"250-sink\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n")
                else:
                    connection.sendall(b"250 2.0.0 ok\r\n")

    def _take(self, lines):
        stamp = None
        for line in lines:
            if line == b".\r\n":
                break
            found = re.match(rb"t=(\d+);", line)
            stamp = int(found[1]) if found else stamp
        if stamp:
            self.stamps.append((time.monotonic_ns(), stamp))

    def stop(self):
        self._listener.close()


class Mailbox:
    """The mailbox that the gateway reads, on a private Dovecot over a Maildir that is filled by hand."""

    def __init__(self, folder):
        owner = (5000, 5000) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
        self.owner = owner
        self.maildirs = folder / "vmail"
        self.maildirs.mkdir()
        os.chown(self.maildirs, *owner)
        self.dovecot = Dovecot(folder, {"bridge": PASSWORD}, self.maildirs, owner, Certificates(folder))
        self.dovecot.start()
        self.maildir = self.maildirs / "bridge" / "Maildir"

    @property
    def port(self):
        return self.dovecot.imap_port

    @staticmethod
    def mail(number, size, text="", date=OLD):
        body = text + "O swear not by the moon, the inconstant moon.\r\n" * (size // 47)
        return (f"Return-Path: <r{number % 100}@montague.example>\r\n"
                f"Delivered-To: {TO_JABBER.format(number % 100)}\r\n"
                f"Received: from relay.montague.example (relay.montague.example [192.0.2.1])\r\n"
                f"\tby mx.capulet.example (Postfix) with ESMTP id {number:08X}\r\n"
                f"\tfor <{TO_JABBER.format(number % 100)}>; {date} (UTC)\r\n"
                f"From: Romeo Montague <r{number % 100}@montague.example>\r\n"
                f"To: {TO_JABBER.format(number % 100)}\r\n"
                f"Subject: The moon, number {number}\r\n"
                f"Date: {date}\r\n"
                f"Message-ID: <bench-{number}@montague.example>\r\n"
                f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}").encode()

    def empty(self):
        shutil.rmtree(self.maildir, ignore_errors=True)

    def fill(self, count, size):
        """A fresh Maildir with so many mails."""
        self.empty()
        for name in ("cur", "new", "tmp"):
            (self.maildir / name).mkdir(parents=True)
        now = int(time.time())
        for number in range(count):
            mail = self.mail(number, size)
            name = f"{now}.{number:07d}.bench,S={len(mail)},W={len(mail)}"  # as Dovecot's own delivery has it
            (self.maildir / "new" / name).write_bytes(mail)
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", f"{self.owner[0]}:{self.owner[1]}", self.maildir.parent], check=True)

    def read_all(self, *marks):
        """Mails a second of a client that fetches all in ranges of 100 and keeps nothing; "mark": sets \\Seen."""
        out = subprocess.run([TOOLS / "imap_read", str(self.port), "bridge", PASSWORD, "100", *marks], check=True,
                             capture_output=True, text=True).stdout.split()
        return int(out[1]) / seconds(int(out[3]))

    def login(self):
        client = imaplib.IMAP4("127.0.0.1", self.port)
        client.login("bridge", PASSWORD)
        client.select("INBOX")
        return client

    def stop(self):
        self.dovecot.stop()


class LmtpClient:
    """One session, kept for many mails."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._socket.makefile("rb")
        self._expect(b"220")
        self._socket.sendall(b"LHLO bench.example\r\n")
        self._expect(b"250")

    def _expect(self, code):
        while (line := self._lines.readline())[3:4] == b"-":
            pass
        assert line.startswith(code), line

    def send(self, number, mail):
        self._socket.sendall(f"MAIL FROM:<r{number % 100}@montague.example>\r\n"
                             f"RCPT TO:<{TO_JABBER.format(number % 100)}>\r\nDATA\r\n".encode())
        for code in (b"250", b"250", b"354"):
            self._expect(code)
        self._socket.sendall(mail + b".\r\n")
        self._expect(b"250")

    def stop(self):
        self._lines.close()
        self._socket.close()


class Idler:
    """A second client in IDLE: when the server tells of each new mail, for comparison."""

    def __init__(self, mailbox):
        self._client = mailbox.login()
        self._count = int(self._client.untagged_responses.get("EXISTS", [b"0"])[-1])
        self.told = []  # ns, in order of arrival
        self._client.send(b"i IDLE\r\n")
        self._client.readline()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            while line := self._client.readline():
                found = re.match(rb"\* (\d+) EXISTS", line)
                if found:
                    new = int(found[1]) - self._count
                    self._count = int(found[1])
                    self.told += [time.monotonic_ns()] * new
        except (OSError, ValueError, imaplib.IMAP4.abort):
            pass

    def stop(self):
        self._client.shutdown()


class BenchGateway(Gateway):
    """The gateway, with what is asked of its process."""

    def status(self, name):
        """VmRSS or VmHWM in MB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M)[1]) / 1024

    def readers(self):
        """Process ids of those that read mail for it."""
        return [int(pid) for task in Path(f"/proc/{self.process.pid}/task").iterdir()
                for pid in (task / "children").read_text().split()]

    def readers_memory(self):
        """MB that all of them have for themselves."""
        texts = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.readers()]
        return sum(int(kb) for text in texts for kb in re.findall(r"^Private_\w+:\s+(\d+) kB", text, re.M)) / 1024

    def cpu_s(self):
        """Its own processor time and that of those that read for it, the dead ones included."""
        ticks = 0
        for pid in [self.process.pid, *self.readers()]:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += sum(map(int, fields[11:15]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def waiting(self):
        """Items in the queue."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10) as db:
            return db.execute("SELECT count(*) FROM item").fetchone()[0]

    def accepted(self):
        """Mails that it has told its log it keeps."""
        return self.log_text().count(" info inbound event=accepted ")

    def _logged_ns(self, pattern, place):
        """When it logged such a line, on the monotonic clock."""
        line = re.findall(rf"^(\S+)Z info inbound {pattern}", self.log_text(), re.M)[place]
        at = datetime.fromisoformat(line).replace(tzinfo=timezone.utc).timestamp()
        return int((at - time.time()) * 1e9) + time.monotonic_ns()

    def watching_ns(self):
        """When it began to read the mailbox."""
        return self._logged_ns("event=watching", 0)

    def accepted_ns(self):
        """When it had the last mail."""
        return self._logged_ns("event=accepted", -1)


class Bed:
    """The servers of a run.  Everything started here ends with stop()."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.hosts = {}
        self.mailbox = Mailbox(self.folder)

    def host(self, name):
        """The host server of that name, started at first use."""
        if name not in self.hosts:
            self.hosts[name] = HOSTS[name](self.folder, DOMAIN, {"juliet": "balcony"}, GATEWAY, SECRET)
            self.hosts[name].start()
        return self.hosts[name]

    def writer(self, host, count, size, rate, to):
        return Load(self.host(host).ports[LOAD], LOAD, "send", count, size, rate, to)

    def copier(self, host, count, stanza):
        file = self.folder / "stanza.xml"
        file.write_text(stanza)
        return Load(self.host(host).ports[LOAD], LOAD, "copy", count, file)

    def reader(self, host, count, mode="count"):
        return Load(self.host(host).ports[READER], READER, mode, count)

    @staticmethod
    def lmtp(port, sessions, count, size):
        """Hands that many mails over; when it began, ns."""
        said = subprocess.run([TOOLS / "lmtp_load", str(port), str(sessions), str(count), str(size),
                               TO_JABBER.format("#")], check=True, capture_output=True, text=True, timeout=120)
        return int(re.search(r"^first (\d+)$", said.stdout, re.M)[1])

    def by_command(self, host, number, mail):
        """One mail as a message, sent by a command that is started for it, as a pipe in a mail server's aliases does."""
        host = self.host(host)
        subprocess.run(["go-sendxmpp", "--tls", "--no-tls-verify", "--jserver", f"127.0.0.1:{host.tls_port}",
                        "--username", f"juliet@{DOMAIN}", "--password", host.users["juliet"],
                        f"u{number % 100}@{READER}"], input=mail, check=True, capture_output=True, timeout=30)

    def sink(self):
        return Sink(self.folder)

    def gateway(self, host, smtp_port, changes=None, ready=("state=up", "event=watching")):
        """A gateway with an empty queue."""
        gateway = BenchGateway(tempfile.mkdtemp(prefix="gw", dir=self.folder), merge({
            "jid": GATEWAY,
            "home": [DOMAIN, LOAD, READER],
            "jabber": {"host": "127.0.0.1", "port": self.host(host).component_port, "secret": SECRET},
            "smtp": {"host": "127.0.0.1", "port": smtp_port, "tls": "none", "connections": CONNECTIONS},
            "mailbox": {"bridge": {"host": "127.0.0.1", "port": self.mailbox.port, "tls": "none", "user": "bridge",
                                   "password": PASSWORD}},
        }, changes or {}))
        return gateway.start(ready)

    def peer(self, host, port, program="peer.py"):
        """port: of SMTP, or of peer_lmtp.py itself."""
        log = Path(tempfile.mkstemp(prefix="peer", dir=self.folder)[1])
        peer = Process("peer", ["/usr/bin/python3", Path(__file__).with_name(program),
                                self.host(host).component_port, GATEWAY, SECRET, port], log)
        wait_until("the peer", lambda: "up" in tail(log), 20)
        return peer

    def stop(self):
        for host in self.hosts.values():
            host.stop()
        self.mailbox.stop()
