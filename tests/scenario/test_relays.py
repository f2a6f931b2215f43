"""Mail leaves through real relays with TLS 1.2 and 1.3, by STARTTLS and at once, and logged in.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from jabber import new_id
from servers import exim, opensmtpd, postfix
from servers.base import free_port, wait_until
from servers.dovecot import Dovecot
import world as w

USER, PASSWORD = "gateway", "the rest is silence"
OWNER = (5000, 5000)
ROMEO = f"romeo\\40{w.MAIL_DOMAIN}@{w.GATEWAY}"


class ByPostfix:
    """With a private Dovecot that knows who may log in, by SCRAM as well."""

    name = "postfix"
    mechanism = "SCRAM-SHA-256"
    missing_right = staticmethod(postfix.missing_right)

    def __init__(self, folder, certificates, version):
        self.maildirs = folder / "vmail"
        self.maildirs.mkdir()
        os.chown(self.maildirs, *OWNER)
        self.dovecot = Dovecot(folder, {USER: PASSWORD}, self.maildirs, OWNER, certificates)
        socket = folder / "sasl"
        config = (self.dovecot.folder / "dovecot.conf")
        config.write_text(config.read_text().replace(
            "auth_mechanisms = plain login", "auth_mechanisms = plain login scram-sha-256")
            + f"service auth {{\n  unix_listener {socket} {{\n    mode = 0666\n  }}\n}}\n")
        self.server = postfix.Postfix(folder, w.MAIL_DOMAIN, ("romeo",), w.GATEWAY, self.maildirs,
                                      OWNER)
        self.starttls, self.implicit = self.server.port, free_port()
        tls = ["smtpd_tls_security_level = encrypt", "smtpd_tls_auth_only = yes",
               f"smtpd_tls_cert_file = {certificates.cert}",
               f"smtpd_tls_key_file = {certificates.key}",
               f"smtpd_tls_mandatory_protocols = >={version}, <={version}", "smtpd_tls_received_header = yes",
               "smtpd_sasl_auth_enable = yes", "smtpd_sasl_type = dovecot",
               f"smtpd_sasl_path = {socket}", "smtpd_sasl_authenticated_header = yes",
               "smtpd_relay_restrictions = permit_sasl_authenticated, reject",
               "smtpd_client_restrictions = permit_sasl_authenticated, reject"]
        folder = self.server.folder / "config"
        text = "".join(line for line in (folder / "main.cf").read_text().splitlines(keepends=True)
                       if not line.startswith(tuple(t.partition(" =")[0] + " " for t in tls)))
        (folder / "main.cf").write_text(text + "\n" + "\n".join(tls) + "\n")
        with open(folder / "master.cf", "a", encoding="ascii") as master:
            master.write(f"127.0.0.1:{self.implicit} inet n - n - - smtpd\n"
                         "  -o smtpd_tls_wrappermode=yes\n"
                         "tlsmgr unix - - n 1000? 1 tlsmgr\n")

    def start(self):
        self.dovecot.start()
        self.server.start()
        self.server.wait_for_ports([self.implicit])

    def stop(self):
        self.server.stop()
        self.dovecot.stop()

    def mails(self):
        return b"".join(path.read_bytes()
                        for path in (self.maildirs / "romeo" / "Maildir" / "new").glob("*"))

    def says(self, version, mails):
        return f"using {version} with" in mails and f"Authenticated sender: {USER}" in mails


class ByExim:
    name = "exim"
    mechanism = "PLAIN"
    missing_right = staticmethod(exim.missing_right)

    def __init__(self, folder, certificates, version):
        # GnuTLS is Exim's, and it reads the files as its own user.
        ciphers = "NORMAL:-VERS-ALL:+VERS-TLS" + version[4:]
        self.server = exim.Exim(
            folder, w.MAIL_DOMAIN, boxes=("romeo",), rcpt_acl="  deny !authenticated = *\n",
            authenticators="plain:\n  driver = plaintext\n  public_name = PLAIN\n"
            "  server_prompts = :\n  server_advertise_condition = ${if def:tls_in_cipher}\n"
            f"  server_condition = ${{if and{{{{eq{{$auth2}}{{{USER}}}}}{{eq{{$auth3}}"
            f"{{{PASSWORD}}}}}}}}}\n  server_set_id = $auth2\n")
        self.starttls, self.implicit = self.server.port, free_port()
        for path in (certificates.cert, certificates.key):
            shutil.copy(path, self.server.folder)
            os.chown(self.server.folder / path.name, exim.NUMBER, exim.NUMBER)
        config = self.server.config
        config.write_text(config.read_text().replace(
            "tls_advertise_hosts =\n", "tls_advertise_hosts = *\n"
            f"tls_certificate = {self.server.folder / certificates.cert.name}\n"
            f"tls_privatekey = {self.server.folder / certificates.key.name}\n"
            f"tls_require_ciphers = {ciphers}\ntls_on_connect_ports = {self.implicit}\n").replace(
            f"daemon_smtp_ports = {self.starttls}\n",
            f"daemon_smtp_ports = {self.starttls} : {self.implicit}\n"))

    def start(self):
        self.server.start()
        self.server.wait_for_ports([self.implicit])

    def stop(self):
        self.server.stop()

    def mails(self):
        return self.server.mailbox("romeo")

    def says(self, version, _mails):
        log = self.server.log.read_text()
        return f"X={version.replace('v', '')}:" in log and f"A=plain:{USER}" in log


class ByOpenSmtpd:
    name = "opensmtpd"
    mechanism = "PLAIN"
    missing_right = staticmethod(opensmtpd.missing_tls)

    def __init__(self, folder, certificates, version):
        hashed = subprocess.run(["openssl", "passwd", "-6", PASSWORD], check=True,
                                capture_output=True, text=True).stdout.strip()
        certificates.key.chmod(0o600)
        self.implicit = free_port()
        self.server = opensmtpd.OpenSmtpd(
            folder, w.MAIL_DOMAIN, listen="tls-require pki localhost auth <who>",
            main=f'table who {{ "{USER}" = "{hashed}" }}\n'
            f'pki localhost cert "{certificates.cert}"\npki localhost key "{certificates.key}"\n'
            f"listen on 127.0.0.1 port {self.implicit} smtps pki localhost auth <who>")
        self.server.enable_tls(version)
        self.starttls = self.server.port

    def start(self):
        self.server.start()
        self.server.wait_for_ports([self.implicit])

    def stop(self):
        self.server.stop()

    def mails(self):
        return b"".join(self.server.mails("romeo"))

    def says(self, version, mails):
        log = self.server.log.read_text()
        return f"({version}:" in mails and f"authentication user={USER} result=ok" in log


@pytest.fixture(scope="module", params=["TLSv1.2", "TLSv1.3"])
def version(request):
    return request.param


@pytest.fixture(scope="module", params=[ByPostfix, ByExim, ByOpenSmtpd], ids=lambda s: s.name)
def guarded(request, folder, version):
    """A relay that takes mail only by TLS of that version and from who is logged in."""
    why = request.param.missing_right()
    if why:
        pytest.skip(why)
    own = Path(tempfile.mkdtemp(prefix="relay", dir=folder))
    own.chmod(0o711)
    side = request.param(own, w.Certificates(own), version)
    side.ca = own / "certs" / "ca.pem"
    side.version = version
    try:
        side.start()
        yield side
    finally:
        side.stop()


def settings(side, tls, **changes):
    return {"smtp": {"host": "localhost", "port": getattr(side, tls), "tls": tls,
                     "ca_file": str(side.ca), "user": USER, "password": PASSWORD, **changes}}


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_mail_goes_by_tls_and_logged_in(guarded, make_world, tls):
    world = make_world(settings(guarded, tls)).start()
    said = world.gateway.command("check").stdout
    assert re.search(rf"ok +smtp .*{guarded.version}, logged in by {guarded.mechanism}", said), said
    token = new_id("tls")
    world.jabber_side.client("juliet").send_message(ROMEO, token)
    wait_until("the mail", lambda: token.encode() in guarded.mails())
    assert guarded.says(guarded.version, guarded.mails().decode())


def test_what_is_not_right_is_told_and_nothing_is_sent(guarded, make_world, tmp_path):
    """A wrong password and a certificate of nobody's: check says which, and the mail is kept."""
    stranger = w.Certificates(tmp_path)
    for changes, words in (({"password": "a guess"}, "refuses to let us log in"),
                           ({"ca_file": str(stranger.ca)}, "certificate is refused"),
                           ({"host": "127.0.0.2"}, "cannot connect|refused")):
        world = make_world(settings(guarded, "starttls", **changes))
        said = world.gateway.command("check")
        assert re.search(rf"FAIL smtp .*({words})", said.stdout), said.stdout
    world = make_world(settings(guarded, "starttls", password="a guess")).start()
    token = new_id("kept")
    world.jabber_side.client("juliet").send_message(ROMEO, token)
    world.gateway.wait_log(r"smtp .*event=later .*refuses to let us log in")
    assert token.encode() not in guarded.mails()
    assert w.MAIL_DOMAIN in world.gateway.command("queue", "list").stdout


def test_what_expires_goes_with_the_time_that_is_left(make_world, relay):
    """jabber:x:expire as DELIVERBY (RFC 2852), where the relay offers it and takes so short a time."""
    relay.script("EHLO", "250-relay.example\r\n250-PIPELINING\r\n250 DELIVERBY 60")
    world = make_world(relay=relay).start()
    juliet = world.jabber_side.client("juliet")
    for seconds in (500, 30, None):
        juliet.send_message(ROMEO, new_id("by"), extra="" if seconds is None else
                            f"<x xmlns='jabber:x:expire' seconds='{seconds}'/>")
    wait_until("three mails", lambda: len(relay.mails) == 3)
    parameters = sorted(mail.sender_parameters for mail in relay.mails)
    left = re.fullmatch(r" ?BY=(\d+);R", parameters.pop())
    assert 200 < int(left[1]) <= 500
    assert not any("BY=" in other for other in parameters)
