"""A private OpenSMTPD on a loopback port.  It runs unpacked (tests/mta.sh) in a room of its own.

Mail for its domain goes into one Maildir for each mailbox, <folder>/mail/<local part>; what else
there is to do is said by the lines that a test gives.
"""

import os
import shutil
import subprocess
from pathlib import Path

from . import room
from .base import Server, free_port

PROGRAM = "usr/sbin/smtpd"
USERS = {"opensmtpd": 64991, "opensmtpq": 64992, "osmtpbox": 64993}
OWNER = "osmtpbox"

# smtpd insists that the sockets' and the queue's folders are where they were compiled in.
CONFIG = """
smtp max-message-size "60M"
{main}
table boxes {{ "@" = "{owner}" }}
listen on 127.0.0.1 port {port} hostname "opensmtpd.{domain}" {listen}
action "box" maildir "{folder}/mail/%{{dest.user:lowercase}}" virtual <boxes>
{actions}
{matches}
match from any for domain "{domain}" action "box"
"""


def missing_right():
    """Why a private OpenSMTPD cannot run here; None when it can."""
    return room.missing_right("opensmtpd", PROGRAM)


def missing_tls():
    """Why it could not do TLS; None when it can."""
    return missing_right() or (None if shutil.which("cc") else "its TLS wants a C compiler")


class OpenSmtpd(Server):
    name = "opensmtpd"

    def __init__(self, folder, domain, main="", actions="", matches="", listen="", name=None):
        """domain: has a mailbox for every local part; main, actions and matches are lines of
        smtpd.conf that go before those for it, listen are options of the listener.  {folder} in
        them is the server's folder.  name: of a second one in the same folder.
        """
        self.name = name or self.name
        super().__init__(folder)
        self.port = free_port()
        self.environment = {}
        self.config = self.folder / "smtpd.conf"
        more = {"main": main, "actions": actions, "matches": matches, "listen": listen}
        more = {key: text.replace("{folder}", str(self.folder)) for key, text in more.items()}
        self.config.write_text(CONFIG.format(domain=domain, folder=self.folder, port=self.port,
                                             owner=OWNER, **more))
        self.config.chmod(0o600)
        self.room = room.Room(self.folder, USERS)
        self._furnish()

    def _furnish(self):
        """The folders it insists on; what must outlive a restart lies in ours."""
        for part, mode in (("mail", 0o700), ("spool", 0o711), ("run", 0o755)):
            (self.folder / part).mkdir(mode=mode)
            (self.folder / part).chmod(mode)
        os.chown(self.folder / "mail", USERS[OWNER], USERS[OWNER])
        self.folder.chmod(0o755)
        self.room.hide("/var/lib", "opensmtpd/empty")
        self.room.hide("/usr/libexec", "opensmtpd")
        self.room.show(room.MTA / "opensmtpd" / "usr/libexec/opensmtpd", "/usr/libexec/opensmtpd")
        self.room.hide("/var/spool", "smtpd")
        self.room.show(self.folder / "spool", "/var/spool/smtpd")
        self.room.show(self.folder / "run", "/run")

    def argv(self, program, *options):
        """A program of the package, to be run in the room."""
        return self.room.argv(room.MTA / "opensmtpd" / program, *options)

    def enable_tls(self, version):
        """Makes TLS of this version ("TLSv1.2") and no other possible: see opensmtpd_key.c."""
        library, conf = self.folder / "key.so", self.folder / "openssl.cnf"
        subprocess.run(["cc", "-shared", "-fPIC", "-Wno-deprecated-declarations", "-o", library,
                        Path(__file__).with_name("opensmtpd_key.c"), "-lssl", "-lcrypto"],
                       check=True, capture_output=True)
        conf.write_text("openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = tls\n"
                        f"[tls]\nMinProtocol = {version}\nMaxProtocol = {version}\n")
        self.environment = {"LD_PRELOAD": str(library), "OPENSSL_CONF": str(conf)}

    def start(self):
        before = [f"{name}={value}" for name, value in self.environment.items()]
        self.run(["env", *before, *self.argv(PROGRAM, "-d", "-f", self.config)])
        self.wait_for_ports([self.port])

    def retry(self):
        """Makes it try at once what it would try later: smtpctl, which is not setgid here."""
        subprocess.run(["nsenter", "-t", str(self.processes[0].pid), "-m", "setpriv", "--egid",
                        str(USERS["opensmtpq"]), "--keep-groups",
                        room.MTA / "opensmtpd" / "usr/sbin/smtpctl", "schedule", "all"],
                       capture_output=True, check=True)

    def mails(self, local_part):
        """What has been delivered to a mailbox, each mail in bytes."""
        folder = self.folder / "mail" / local_part / "new"
        return [path.read_bytes() for path in folder.glob("*")] if folder.exists() else []
