"""A private ejabberd, with the component listener and the upload service from etc/ejabberd/.

The node has no name: Mnesia works on "nonode@nohost", and neither epmd, a cookie nor a distribution
port is needed.
"""

from .base import JabberServer, free_port, snippet
from .certs import Certificates

CONFIG = """
hosts: ["{domain}"]
loglevel: info
include_config_file:
  - {folder}/postern.yml
  - {folder}/upload.yml
certfiles:
  - {folder}/certificate.pem
listen:
  -
    port: {c2s_port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    shaper: none
    access: all
acl:
  local:
    user_regexp: ""
acme:
  auto: false
auth_method: internal
auth_password_format: plain
s2s_access: none
registration_timeout: infinity
modules:
  mod_disco: {{}}
  mod_offline: {{}}
  mod_ping: {{}}
  mod_register: {{}}
  mod_roster: {{}}
  mod_vcard: {{}}
"""


class Ejabberd(JabberServer):
    name = "ejabberd"

    def __init__(self, *args):
        super().__init__(*args)
        self.certificates = Certificates(self.folder)
        self.https_port = free_port()
        (self.folder / "certificate.pem").write_text(
            self.certificates.cert.read_text() + self.certificates.key.read_text())
        (self.folder / "upload.yml").write_text(snippet("ejabberd/upload.yml", {
            "port: 5443": f"port: {self.https_port}", '"::"': '"127.0.0.1"',
            "mail.example.org": self.component,
            "https://upload.example.org:5443": f"https://localhost:{self.https_port}",
            "upload.example.org": f"upload.{self.domain}", "52428800": "1000000",
            "/var/lib/ejabberd/upload": f"{self.folder}/uploaded"}))
        (self.folder / "ejabberd.yml").write_text(CONFIG.format(
            folder=self.folder, domain=self.domain, c2s_port=self.c2s_port))
        (self.folder / "postern.yml").write_text(snippet("ejabberd/postern.yml", {
            "port: 5347": f"port: {self.component_port}", "mail.example.org": self.component,
            "change me": self.secret}))
        self.output = self.folder / "output"

    def start(self):
        users = "".join(
            f'ejabberd_auth:try_register(<<"{user}">>, <<"{self.domain}">>, <<"{password}">>),'
            for user, password in self.users.items())
        self.run(["erl", "-noinput", "+S", "2:2", "-mnesia", "dir", f'"{self.folder}/mnesia"',
                  "-s", "ejabberd",
                  "-eval", f"{users} file:write_file(\"{self.folder}/registered\", <<>>)."],
                 env={"EJABBERD_CONFIG_PATH": str(self.folder / "ejabberd.yml"),
                      "EJABBERD_LOG_PATH": str(self.log),
                      "ERL_LIBS": "/usr/lib/x86_64-linux-gnu",
                      "ERL_CRASH_DUMP": "/dev/null",
                      "HOME": str(self.folder)},
                 log=self.output)
        self.wait_for_ports([self.c2s_port, self.component_port, self.https_port])
        self.wait_for("the users to be registered", (self.folder / "registered").exists)

    def stop(self):
        super().stop()
        (self.folder / "registered").unlink(missing_ok=True)

    def show_log(self):
        return super().show_log() + "\n" + self.show_file(self.output)
