"""Psi+ with an account ready to go online, and nothing of it in the developer's home."""

import re

from servers.base import wait_until

# What is different from what Psi writes at its first start.
OPTIONS = (
    (r'(<tip\b.*?<show\b[^>]*>)true', r"\1false"),
    (r'(<use-tabs\b[^>]*>)true', r"\1false"),
)

ACCOUNTS = """<!DOCTYPE accounts>
<accounts xmlns="http://psi-im.org/options">
 <accounts>
  <a0>
   <id type="QString">{{52530d2f-0fc8-4977-b616-8a4b9da5d040}}</id>
   <name type="QString">{name}</name>
   <jid type="QString">{jid}</jid>
   <enabled type="bool">true</enabled>
   <auto type="bool">true</auto>
   <use-host type="bool">true</use-host>
   <host type="QString">127.0.0.1</host>
   <port type="int">{port}</port>
   <ssl type="QString">auto</ssl>
   <allow-plain type="QString">over encryped</allow-plain>
   <automatic-resource type="bool">false</automatic-resource>
   <resource type="QString">Psi</resource>
   <priority type="int">5</priority>
   <last-status type="QString">online</last-status>
   <stun-hosts type="QStringList"/>
  </a0>
 </accounts>
 <order type="QStringList"><item>{{52530d2f-0fc8-4977-b616-8a4b9da5d040}}</item></order>
</accounts>
"""



class Psi:
    def __init__(self, desktop, jid, password, port):
        self.desktop = desktop
        self.jid = jid
        self.password = password
        self.port = port
        self.home = desktop.folder / jid.partition("@")[0]
        self.home.mkdir()

    def _run(self):
        self.desktop.env["PSIDATADIR"] = str(self.home)
        self.process = self.desktop.run("psi", ["psi-plus"])

    def start(self):
        """Twice: for the options it writes at first, and then with the account."""
        self._run()
        profile = self.home / "profiles" / "default"
        self.desktop.window("Account setup").click(-40, -20)
        wait_until("its options", lambda: (profile / "options.xml").exists()
                   and "Remembered" in (profile / "options.xml").read_text(), 20)
        self.process.stop()
        options = (profile / "options.xml").read_text()
        for pattern, to in OPTIONS:
            options, count = re.subn(pattern, to, options, count=1, flags=re.S)
            assert count, pattern
        (profile / "options.xml").write_text(options)
        (profile / "accounts.xml").write_text(ACCOUNTS.format(
            name=self.jid.partition("@")[2], jid=self.jid, port=self.port))
        self._run()
        self.desktop.window("Wrong Account Password").click(170, 60)
        self.desktop.type(self.password)
        self.desktop.key("Return")
        self.roster = self.desktop.window(r"(\* )?Psi\+").place(20, 40, 300, 420)
        return self

    def stop(self):
        self.process.stop()
