"""A private Exim on a loopback port.  It runs unpacked (tests/mta.sh) in a room of its own.

Mail for its domain goes into one file for each mailbox, <folder>/mail/<local part>, and nobody else
is known there; what more there is to do is said by the routers and transports that a test gives.
"""

import os

from . import room
from .base import Server, free_port

PROGRAM = "usr/sbin/exim4"
USER = "Debian-exim"
NUMBER = 64990

# The tests' clients and domains are known by no DNS, hence no look-ups of any kind.
CONFIG = """
primary_hostname = exim.{domain}
spool_directory = {folder}/spool
log_file_path = {folder}/exim-%slog
pid_file_path = {folder}/exim.pid
exim_path = {program}
exim_user = {user}
exim_group = {user}
never_users =
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
domainlist local_domains = {domain}
keep_environment =
host_lookup =
rfc1413_hosts =
helo_allow_chars = _
smtp_accept_queue_per_connection = 0
smtp_accept_max = 200
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
allow_utf8_domains = true
chunking_advertise_hosts = *
tls_advertise_hosts =
acl_smtp_rcpt = accept_rcpt
acl_smtp_data = accept
log_selector = +all
{main}

begin acl
accept_rcpt:
{rcpt_acl}
  accept hosts = 127.0.0.1

begin routers
{routers}
mailboxes:
  driver = accept
  domains = +local_domains
  local_parts = {boxes}
  transport = mailbox
nobody_else:
  driver = redirect
  allow_fail
  data = :fail: no such person here

begin transports
{transports}
mailbox:
  driver = appendfile
  file = {folder}/mail/$local_part_data
  user = {user}
  group = {user}
  delivery_date_add
  return_path_add
  envelope_to_add

begin retry
*  *  F,1h,1s

begin authenticators
{authenticators}
"""


def missing_right():
    """Why a private Exim cannot run here; None when it can."""
    return room.missing_right("exim", PROGRAM)


class Exim(Server):
    name = "exim"

    def __init__(self, folder, domain, boxes=(), main="", routers="", transports="",
                 authenticators="", rcpt_acl="", name=None):
        """boxes: the local parts of domain that have a mailbox; the rest is configuration that
        goes into the section of its name, before what stands there.  {folder} in it is the
        server's folder.  name: of a second one in the same folder.
        """
        self.name = name or self.name
        super().__init__(folder)
        self.port = free_port()
        self.config = self.folder / "exim.conf"
        more = {"main": main, "routers": routers, "transports": transports,
                "authenticators": authenticators, "rcpt_acl": rcpt_acl}
        more = {key: text.replace("{folder}", str(self.folder)) for key, text in more.items()}
        self.config.write_text(CONFIG.format(domain=domain, boxes=" : ".join(boxes),
                                             folder=self.folder, port=self.port, user=USER,
                                             program=room.MTA / "exim" / PROGRAM, **more))
        self.room = room.Room(self.folder, {USER: NUMBER})
        os.chown(self.folder, NUMBER, NUMBER)
        for part in ("spool", "mail"):
            (self.folder / part).mkdir(mode=0o750)
            os.chown(self.folder / part, NUMBER, NUMBER)
        self.folder.chmod(0o755)
        self.log = self.folder / "exim-mainlog"

    def argv(self, *options):
        """The program with its configuration and these options, to be run."""
        return self.room.argv(room.MTA / "exim" / PROGRAM, "-C", self.config, *options)

    def start(self):
        self.run(self.argv("-bdf", "-q1s"), log=self.folder / "exim.out")
        self.wait_for_ports([self.port])

    def mailbox(self, local_part):
        """What has been delivered to a mailbox, in bytes."""
        try:
            return (self.folder / "mail" / local_part).read_bytes()
        except FileNotFoundError:
            return b""

    def show_log(self):
        return "\n".join(self.show_file(self.folder / name)
                         for name in ("exim.out", "exim-mainlog", "exim-rejectlog"))
