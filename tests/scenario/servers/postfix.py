"""A private Postfix: relay on a loopback port, and delivery of all test domains into Maildirs by
virtual(8).

The gateway's domain is configured by etc/postfix/: its mail goes into a mailbox, or by LMTP.  Needs root: Postfix gives up its rights by
itself.
"""

import grp
import os
import pwd
import socket

from .base import Server, free_port, snippet

MASTER_PROGRAM = "/usr/lib/postfix/sbin/master"

MAIN = """
compatibility_level = 3.6
config_directory = {folder}/config
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
myhostname = relay.montague.example
mydomain = montague.example
mydestination =
local_recipient_maps =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
message_size_limit = 60000000
mailbox_size_limit = 0
virtual_mailbox_limit = 0
virtual_minimum_uid = 1
in_flow_delay = 0
minimal_backoff_time = 5s
queue_run_delay = 5s
recipient_delimiter = +
transport_maps = texthash:{folder}/config/transport
smtpd_tls_security_level = none
{snippet}
"""

# All services the tests can reach; none in a chroot, for there is nothing but the queue in ours.
# "bounced" refuses with EX_NOUSER what smtpd has accepted, so that it comes back as a report.
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
proxymap  unix  - - n - - proxymap
error     unix  - - n - - error
retry     unix  - - n - - error
bounced   unix  - n n - - pipe
  user=nobody argv=/bin/sh -c {{ echo no such person here after all; exit 67 }}
discard   unix  - - n - - discard
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
lmtp      unix  - - n - - lmtp
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""

# master changes its effective user, and Linux then forgets that it was to end with us: a shell
# remembers for it.
PASS_ON = '"$@" & child=$!; trap "kill $child" TERM; wait $child; wait $child'

QUEUE_PRIVATE = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
                 "private", "saved", "trace")


def missing_right():
    """Why a private Postfix cannot run here; None when it can."""
    if not os.path.exists(MASTER_PROGRAM):
        return "Postfix is not installed (tests/deps.sh leaves it out where another mail server is)"
    if os.geteuid() != 0:
        return "a private Postfix needs root: its master gives up rights by itself"
    return None


class Postfix(Server):
    name = "postfix"

    def __init__(self, folder, mail_domain, users, gateway_domain, maildirs, owner,
                 late_bounces=(), lmtp_port=None, name=None):
        """users: local parts with a mailbox; gateway_domain: all of it goes into mailbox "bridge",
        or to lmtp_port; late_bounces: local parts that are accepted at RCPT and bounced
        afterwards; name: of a second one in the same folder.
        """
        self.name = name or self.name
        super().__init__(folder)
        self.log = self.folder / "postfix.log"
        self.port = free_port()
        config = self.folder / "config"
        config.mkdir()
        domains = snippet("postfix/main.cf", {
            "virtual_mailbox_domains = mail.example.org":
                f"virtual_mailbox_domains = {mail_domain}"
                + ("" if lmtp_port else f", {gateway_domain}"),
            "/etc/postfix/": f"{config}/",
            "virtual_mailbox_base = /var/mail/vmail": f"virtual_mailbox_base = {maildirs}",
            "static:5000": f"static:{owner[0]}"})
        boxes = snippet("postfix/postern-mailbox", {"mail.example.org": gateway_domain})
        boxes += "".join(f"{user}@{mail_domain} {user}/Maildir/\n" for user in users)
        boxes += "".join(f"{user}@{mail_domain} bounced/Maildir/\n" for user in late_bounces)
        if lmtp_port:
            domains += self._by_lmtp(config, gateway_domain, lmtp_port)
        (config / "main.cf").write_text(MAIN.format(folder=self.folder, snippet=domains))
        (config / "master.cf").write_text(MASTER.format(port=self.port))
        (config / "postern-mailbox").write_text(boxes)
        (config / "transport").write_text("".join(
            f"{user}@{mail_domain} bounced:\n" for user in late_bounces))
        self._make_queue()

    @staticmethod
    def _by_lmtp(config, gateway_domain, port):
        """The lines of main.cf; the tables are written."""
        for table, changes in (("postern-transport", {"127.0.0.1:2424": f"127.0.0.1:{port}"}),
                               ("postern-verify", {})):
            (config / table).write_text(snippet(
                f"postfix/{table}", {"mail.example.org": gateway_domain, **changes}))
        return snippet("postfix/lmtp.cf", {
            "relay_domains = mail.example.org": f"relay_domains = {gateway_domain}",
            "/etc/postfix/postern-": f"{config}/postern-"})

    def _make_queue(self):
        owner = pwd.getpwnam("postfix").pw_uid
        drop = grp.getgrnam("postdrop").gr_gid
        queue = self.folder / "queue"
        queue.mkdir()
        (queue / "pid").mkdir()
        for name in QUEUE_PRIVATE:
            (queue / name).mkdir(mode=0o700)
            os.chown(queue / name, owner, 0)
        for name, mode in (("maildrop", 0o730), ("public", 0o710)):
            (queue / name).mkdir()
            os.chown(queue / name, owner, drop)
            (queue / name).chmod(mode)
        data = self.folder / "data"
        data.mkdir(mode=0o700)
        os.chown(data, owner, 0)

    def start(self):
        config = self.folder / "config"
        self.run(["sh", "-c", PASS_ON, "sh", MASTER_PROGRAM, "-c", config, "-d"],
                 log=self.folder / "master.out")
        self.wait_for("a greeting", self._greets)

    def is_idle(self):
        """Whether all that it has taken is delivered, or has been tried in vain."""
        return not any(any((self.folder / "queue" / name).iterdir())
                       for name in ("maildrop", "incoming", "active"))  # as a mail goes

    def _greets(self):
        """master listens before there is an smtpd that answers."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as s:
                return s.recv(100).startswith(b"220")
        except OSError:
            return False
