"""The whole small world of a scenario: servers, people, and the gateway between them."""

import os
import shutil
import tempfile
from pathlib import Path

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
    """A temporary folder with a short name (sockets lie in it) that servers with rights of their own can pass."""
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
        self.postfix = postfix.Postfix(self.folder, MAIL_DOMAIN, MAIL_USERS, GATEWAY, self.maildirs, owner,
                                       LATE_BOUNCES)
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
        return MailUser(f"{name}@{MAIL_DOMAIN}", MAIL_PASSWORD, self.postfix.port, self.dovecot.imap_port)

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
        return JabberClient(f"{name}@{JABBER_DOMAIN}/test", JABBER_USERS[name], self.server.c2s_port)

    def leave_all(self):
        for client in self._clients.values():
            client.stop()
        self._clients.clear()

    def show_logs(self):
        return self.server.show_log()


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)
