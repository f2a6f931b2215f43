"""A private Prosody, with the component and the upload service from etc/prosody/."""

from .base import JabberServer, free_port, snippet
from .certs import Certificates

CONFIG = """
run_as_root = true
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {c2s_port} }}
component_interfaces = {{ "127.0.0.1" }}
component_ports = {{ {component_port} }}
modules_enabled = {{
    "disco", "roster", "saslauth", "offline", "ping", "vcard_legacy", "pep", "posix", "register"
}}
allow_registration = true
modules_disabled = {{ "s2s", "tls" }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
storage = "internal"
http_interfaces = {{ "127.0.0.1" }}
http_ports = {{ }}
https_interfaces = {{ "127.0.0.1" }}
https_ports = {{ {https_port} }}
https_ssl = {{ certificate = "{certificates.cert}", key = "{certificates.key}" }}
http_host = "localhost"
log = {{ info = "*console" }}

VirtualHost "{domain}"

Include "{folder}/conf.d/*.cfg.lua"
"""


class Prosody(JabberServer):
    name = "prosody"

    def __init__(self, *args):
        super().__init__(*args)
        (self.folder / "conf.d").mkdir()
        self.certificates = Certificates(self.folder)
        self.https_port = free_port()
        (self.folder / "prosody.cfg.lua").write_text(CONFIG.format(
            folder=self.folder, c2s_port=self.c2s_port, component_port=self.component_port,
            domain=self.domain, https_port=self.https_port, certificates=self.certificates))
        (self.folder / "conf.d" / "postern.cfg.lua").write_text(snippet("prosody/postern.cfg.lua", {
            "mail.example.org": self.component, "change me": self.secret}))
        (self.folder / "conf.d" / "upload.cfg.lua").write_text(snippet("prosody/upload.cfg.lua", {
            "upload.example.org:5281": f"localhost:{self.https_port}",
            "upload.example.org": f"upload.{self.domain}", "= 52428800": "= 1000000"}))
        self._write_accounts()

    def _write_accounts(self):
        # What `prosodyctl register` would write, without starting Lua for each user.
        host = self.domain.replace(".", "%2e").replace("-", "%2d")
        accounts = self.folder / "data" / host / "accounts"
        accounts.mkdir(parents=True)
        for user, password in self.users.items():
            (accounts / f"{user}.dat").write_text(f'return {{ ["password"] = "{password}"; }};\n')

    def start(self):
        self.run(["prosody", "-F", "--config", self.folder / "prosody.cfg.lua"])
        self.wait_for_ports([self.c2s_port, self.component_port, self.https_port])
