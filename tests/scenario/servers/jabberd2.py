"""A private jabberd2 (router, session manager, client connections), with the secret from
etc/jabberd2/.

The configuration is Debian's, with ports, paths and the domain changed, so it stays close to what
people run.
"""

import gzip
import os
import re
import sqlite3
from pathlib import Path

from .base import JabberServer, ServerFailure, snippet

CONFIG = Path("/etc/jabberd2")
SCHEMA = Path("/usr/share/doc/jabberd2/db-setup.sqlite.gz")
PARTS = ("router", "sm", "c2s")


def without_comments(xml):
    return re.sub(r"<!--.*?-->", "", xml, flags=re.S)


def put(text, pattern, value):
    """Replaces the one place that matches pattern."""
    text, count = re.subn(pattern, lambda _: value, text, count=1, flags=re.S)
    if not count:
        raise ServerFailure(f"jabberd2's configuration has no {pattern!r}")
    return text


class Jabberd2(JabberServer):
    name = "jabberd2"
    sends_client_namespace = True

    @staticmethod
    def missing_right():
        unreadable = [part for part in PARTS if not os.access(CONFIG / f"{part}.xml", os.R_OK)]
        return f"only root can read {CONFIG}/{unreadable[0]}.xml" if unreadable else None

    def __init__(self, *args):
        super().__init__(*args)
        self.database = self.folder / "users.db"
        self._make_database()
        (self.folder / "router-users.xml").write_text(
            f"<users><user><name>jabberd</name><secret>{self.secret}</secret></user></users>")
        (self.folder / "router-filter.xml").write_text("<filter/>")
        (self.folder / "router.xml").write_text(self._router())
        (self.folder / "sm.xml").write_text(self._session_manager())
        (self.folder / "c2s.xml").write_text(self._clients())

    def _common(self, part):
        text = without_comments((CONFIG / f"{part}.xml").read_text())
        text = put(text, r"<pidfile>.*?</pidfile>", f"<pidfile>{self.folder}/{part}.pid</pidfile>")
        text = put(text, r"<log type='file'>.*?</log>",
                   f"<log type='file'><file>{self._log(part)}</file></log>")
        return text

    def _router(self):
        text = self._common("router")
        text = put(text, r"<ip>0\.0\.0\.0</ip>\s*<port>5347</port>",
                   f"<ip>127.0.0.1</ip><port>{self.component_port}</port>")
        text = put(text, r"<secret>secret</secret>",
                   snippet("jabberd2/router-secret.xml", {"change me": self.secret}))
        return text.replace(str(CONFIG) + "/", f"{self.folder}/")

    def _member(self, part):
        text = self._common(part)
        text = put(text, r"<ip>127\.0\.0\.1</ip>\s*<port>5347</port>",
                   f"<ip>127.0.0.1</ip><port>{self.component_port}</port>")
        text = put(text, r"<pass>secret</pass>", f"<pass>{self.secret}</pass>")
        text = put(text, r"/var/lib/jabberd2/sqlite\.db", str(self.database))
        return text.replace("localhost.localdomain", self.domain)

    def _session_manager(self):
        return self._member("sm")

    def _clients(self):
        return put(self._member("c2s"), r"<ip>0\.0\.0\.0</ip>\s*<port>5222</port>",
                   f"<ip>127.0.0.1</ip><port>{self.c2s_port}</port>")

    def _log(self, part):
        return self.folder / f"{part}.log"

    def _make_database(self):
        database = sqlite3.connect(self.database)
        database.executescript(gzip.decompress(SCHEMA.read_bytes()).decode())
        for user, password in self.users.items():
            database.execute("insert into authreg values (?, ?, ?)", (user, self.domain, password))
            database.execute("insert into active values (?, null, 1)", (f"{user}@{self.domain}",))
        database.commit()
        database.close()

    def start(self):
        # The router first: the others would wait two seconds before they try it again.
        for part, port in (("router", self.component_port), ("sm", None), ("c2s", self.c2s_port)):
            self.run([f"/usr/sbin/jabberd2-{part}", "-c", self.folder / f"{part}.xml"],
                     log=self.folder / f"{part}.out")
            if port:
                self.wait_for_ports([port])
        self.wait_for("the session manager",
                      lambda: f"[{self.domain}]" in self._log("router").read_text())

    def show_log(self):
        return "\n".join(self.show_file(path) for part in PARTS
                         for path in (self._log(part), self.folder / f"{part}.out"))
