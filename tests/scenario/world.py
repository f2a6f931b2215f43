"""The whole small world of a scenario: servers, people, and the gateway between them."""

import os
import shutil
import tempfile
import time
from pathlib import Path

from gateway import Gateway, merge
from jabber import JabberClient
from mail import MailUser
from servers import postfix
from servers.certs import Certificates
from servers.dovecot import Dovecot

JABBER_DOMAIN = "capulet.example"
GATEWAY = "mail.capulet.example"
MAIL_DOMAIN = "montague.example"
SECRET = "wherefore art thou"
JABBER_USERS = {"juliet": "balcony", "nurse": "ay me"}
MAIL_USERS = ("romeo", "benvolio", "mercutio")
LATE_BOUNCES = ("tybalt",)
MAIL_PASSWORD = "stars"


def private_folder(prefix="postern-"):
    """A temporary folder with a short name (sockets lie in it) that servers with rights of their
    own can pass.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o711)
    return folder


class MailSide:
    """Postfix and Dovecot over the same Maildirs, and the people who have one."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.maildirs = self.folder / "vmail"
        self.maildirs.mkdir()
        owner = (5000, 5000) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
        if os.geteuid() == 0:
            os.chown(self.maildirs, *owner)
        self.certificates = Certificates(self.folder)
        self.postfix = postfix.Postfix(self.folder, MAIL_DOMAIN, MAIL_USERS, GATEWAY,
                                       self.maildirs, owner, LATE_BOUNCES)
        passwords = {user: MAIL_PASSWORD for user in (*MAIL_USERS, "bridge")}
        self.dovecot = Dovecot(self.folder, passwords, self.maildirs, owner, self.certificates)

    def start(self):
        self.postfix.start()
        self.dovecot.start()
        return self

    def stop(self):
        self.dovecot.stop()
        self.postfix.stop()

    def user(self, name):
        return MailUser(f"{name}@{MAIL_DOMAIN}", MAIL_PASSWORD, self.postfix.port,
                        self.dovecot.imap_port)

    def settle(self):
        """Waits for what is still on its way to a mailbox; not for long, as a mail to somewhere else
        may be tried for long.
        """
        deadline = time.monotonic() + 5
        while not self.postfix.is_idle() and time.monotonic() < deadline:
            time.sleep(0.02)

    def show_logs(self):
        return f"{self.postfix.show_log()}\n{self.dovecot.show_log()}"


class JabberSide:
    """One host server and its users."""

    def __init__(self, folder, server_class):
        self.server = server_class(folder, JABBER_DOMAIN, JABBER_USERS, GATEWAY, SECRET)
        self._clients = {}

    def start(self):
        self.server.start()
        return self

    def stop(self):
        self.leave_all()
        self.server.stop()

    def client(self, name):
        """The user online, logged in at first use."""
        if name not in self._clients:
            self._clients[name] = self.new_client(name).start()
        return self._clients[name]

    def new_client(self, name):
        return JabberClient(f"{name}@{JABBER_DOMAIN}/test", JABBER_USERS[name],
                            self.server.c2s_port)

    def leave_all(self):
        for client in self._clients.values():
            client.stop()
        self._clients.clear()

    def show_logs(self):
        return self.server.show_log()


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)


def options(jabber_side, mail_side, relay_port=None):
    """The configuration that joins both sides."""
    return {
        "jid": GATEWAY,
        "home": [JABBER_DOMAIN],
        "log_level": "debug",
        "jabber": {"host": "127.0.0.1", "port": jabber_side.server.component_port,
                   "secret": SECRET},
        "smtp": {"host": "127.0.0.1", "port": relay_port or mail_side.postfix.port, "tls": "none"},
        "mailbox": {"bridge": {"host": "127.0.0.1", "port": mail_side.dovecot.imap_port,
                               "tls": "none", "user": "bridge", "password": MAIL_PASSWORD}},
        "queue": {"retry_first": 1, "retry_max": 2, "lifetime": 60},
    }


class World:
    """A host server, a mail server, people on both sides, and a gateway with an empty queue between
    them.
    """

    def __init__(self, folder, jabber_side, mail_side, changes=None, relay=None):
        self.jabber_side = jabber_side
        self.mail_side = mail_side
        self.relay = relay
        self.bridge = mail_side.user("bridge")
        mail_side.settle()  # nor shall the last of another test come to this gateway
        self.bridge.empty()
        self.gateway = Gateway(tempfile.mkdtemp(prefix="gw", dir=folder), merge(
            options(jabber_side, mail_side, relay.port if relay else None), changes or {}))

    def start(self, **how):
        self.gateway.start(**how)
        return self

    def stop(self):
        return self.gateway.stop()

    @property
    def host(self):
        return self.jabber_side.server

    @property
    def juliet(self):
        return self.jabber_side.client("juliet")

    @property
    def romeo(self):
        return self.mail_side.user("romeo")

    def user(self, name):
        return self.mail_side.user(name)

    @staticmethod
    def contact(address):
        """The JID of a mail address, as a client's gateway dialog builds it."""
        return f"{address.replace('@', chr(92) + '40')}@{GATEWAY}"

    @staticmethod
    def mail_of(name):
        """The mail address of a Jabber user."""
        return f"{name}@{GATEWAY}"

    def show_logs(self):
        parts = (self.gateway, self.jabber_side, self.mail_side)
        return "\n".join(part.show_logs() for part in parts)
