"""A private Dovecot (IMAP, in the clear, with STARTTLS and with implicit TLS) over Postfix's
Maildirs.

The mailbox and its user come from etc/dovecot/.
"""

import getpass
import grp
import os

from .base import Server, free_port, snippet

CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
info_log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
default_internal_user = {internal_user}
default_internal_group = {internal_group}
default_login_user = {login_user}
ssl = yes
ssl_cert = <{cert}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain login
first_valid_uid = 1
mailbox_idle_check_interval = 1 secs
service imap-login {{
  {chroot}
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
    ssl = yes
  }}
}}
# A wrong password in one test shall not make the log-ins of the next one wait.
auth_failure_delay = 0
service anvil {{
  {chroot}
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  {chroot}
}}
!include {folder}/postern.conf
"""


class Dovecot(Server):
    name = "dovecot"

    def __init__(self, folder, users, maildirs, owner, certificates):
        """users: name -> password; maildirs: where <name>/Maildir lies; owner: (uid, gid) of these.
        """
        super().__init__(folder)
        self.users = dict(users)
        self.imap_port = free_port()
        self.imaps_port = free_port()
        (self.folder / "dovecot.conf").write_text(CONFIG.format(
            folder=self.folder, cert=certificates.cert, key=certificates.key,
            imap_port=self.imap_port, imaps_port=self.imaps_port, **self._system_users()))
        (self.folder / "postern.conf").write_text(snippet("dovecot/postern.conf", {
            "/etc/dovecot/postern.users": self.folder / "postern.users"}))
        (self.folder / "postern.users").write_text("".join(
            snippet("dovecot/postern.users", {
                "bridge": user, "change me": password, "5000:5000": "{}:{}".format(*owner),
                "/var/mail/vmail": maildirs})
            for user, password in self.users.items()))

    @staticmethod
    def _system_users():
        if os.geteuid() == 0:
            return {"internal_user": "dovecot", "internal_group": "dovecot",
                    "login_user": "dovenull", "chroot": ""}
        me = getpass.getuser()
        my_group = grp.getgrgid(os.getegid()).gr_name
        return {"internal_user": me, "internal_group": my_group, "login_user": me,
                "chroot": "chroot ="}

    def start(self):
        self.run(["dovecot", "-F", "-c", self.folder / "dovecot.conf"])
        self.wait_for_ports([self.imap_port, self.imaps_port])
