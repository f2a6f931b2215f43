"""OpenPGP end to end, with real keys: Juliet's client and Romeo's mail program are gpg, the gateway
between them has no key.
"""

import email
import os
import shutil
import subprocess
import time
import urllib.request

import pytest

import world as w
from jabber import NS, error_of, has, new_id, text_of
from mail import make_mail
from servers.base import PATIENCE_S

JULIET = f"juliet@{w.JABBER_DOMAIN}"
ROMEO = f"romeo@{w.MAIL_DOMAIN}"
X = "{jabber:x:encrypted}x"

pytestmark = pytest.mark.skipif(not shutil.which("gpg"), reason="gnupg is not installed")


class Keys:
    """gpg with a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        folder.chmod(0o700)
        for user in (JULIET, ROMEO):
            self.run("--quick-generate-key", user, "ed25519", "sign", "never")
            self.run("--quick-add-key", self.fingerprint(user), "cv25519", "encr", "never")

    def run(self, *args, given=b""):
        if isinstance(given, str):
            given = given.encode()
        done = subprocess.run(
            ["gpg", "--batch", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", "",
             "--trust-model", "always", *args], input=given, capture_output=True, check=False,
            env={**os.environ, "GNUPGHOME": str(self.folder)}, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def fingerprint(self, user):
        lines = self.run("--with-colons", "--list-keys", user).decode().splitlines()
        return next(line.split(":")[9] for line in lines if line.startswith("fpr:"))

    def encrypt(self, to, text):
        return self.run("--armor", "-r", to, "--encrypt", given=text).decode()

    def decrypt(self, data):
        return self.run("--decrypt", given=data).decode()

    def sign(self, user, text):
        return self.run("--armor", "-u", user, "--detach-sign", given=text).decode()

    def verify(self, signature, content):
        """Who made the signature of these very bytes; fails where nobody did."""
        name = self.folder / "to-verify"
        (name.with_suffix(".asc")).write_bytes(signature)
        name.write_bytes(content)
        return self.run("--status-fd", "1", "--verify", str(name.with_suffix(".asc")),
                        str(name)).decode()

    def stop(self):
        subprocess.run(["gpgconf", "--kill", "all"], check=False,
                       env={**os.environ, "GNUPGHOME": str(self.folder)})


@pytest.fixture(scope="module")
def keys():
    folder = w.private_folder("pgp-")
    made = Keys(folder)
    yield made
    made.stop()
    w.remove(folder)


def data_of(armor):
    """What XEP-0027 takes from armor: without its first and last line and its header."""
    return armor.split("\n\n", 1)[1].rsplit("\n-----END", 1)[0]


def armored(kind, data):
    return f"-----BEGIN PGP {kind}-----\n\n{data}\n-----END PGP {kind}-----\n"


def download(message):
    """The attachments of a message by name."""
    files = {}
    for x in message.findall("oob:x", NS):
        with urllib.request.urlopen(text_of(x, "oob:url"), timeout=PATIENCE_S) as answer:
            files[text_of(x, "oob:desc")] = answer.read()
    return files


def send_encrypted(world, data, subject, extra=""):
    return world.juliet.send_message(
        world.contact(world.romeo.address), "This message is encrypted.", subject=subject,
        kind="chat", extra=f"<x xmlns='jabber:x:encrypted'>{data}</x>{extra}")


def test_romeo_reads_what_is_encrypted_for_him_and_juliet_his_answer(prosody_world, keys):
    world, subject = prosody_world, new_id("secret")
    secret = "Wherefore art thou Röméo?\n" * 50
    data = data_of(keys.encrypt(ROMEO, secret))
    send_encrypted(world, data, subject,
                   "<encryption xmlns='urn:xmpp:eme:0' namespace='jabber:x:encrypted'/>")
    mail = world.romeo.wait_mail(lambda m: m["Subject"] == subject)

    assert mail.get_content_type() == "text/plain"
    text = mail.get_content().replace("\r\n", "\n")
    assert text == armored("MESSAGE", data), "exactly the armored block"
    assert keys.decrypt(text) == secret

    answer = "By a name I know not how to tell thee who I am."
    block = keys.encrypt(JULIET, answer)
    world.romeo.answer(mail, block)
    message = world.juliet.wait_message(
        lambda m: m.find(X) is not None and text_of(m, "c:subject") == f"Re: {subject}")
    assert message.find(X).text == data_of(block), "to the byte"
    assert keys.decrypt(armored("MESSAGE", message.find(X).text)) == answer
    hint = message.find("{urn:xmpp:eme:0}encryption")
    assert hint.get("namespace") == "jabber:x:encrypted"
    assert "encrypted" in text_of(message, "c:body")
    assert "BEGIN PGP" not in text_of(message, "c:body")


def test_the_signature_of_a_message_verifies_in_the_mail(prosody_world, keys):
    world, token = prosody_world, new_id("oath")
    body = f"  My bounty is as boundless as the sea, {token} \nMy love as déep; \n\nthe more\n"
    signature = data_of(keys.sign(JULIET, body))
    world.juliet.send_message(world.contact(world.romeo.address), body,
                              extra=f"<x xmlns='jabber:x:signed'>{signature}</x>")
    mail = world.romeo.wait_body(token)
    files = {part.get_filename(): part.get_payload(decode=True)
             for part in mail.iter_attachments()}

    assert files["body.txt"] == body.encode()
    assert keys.fingerprint(JULIET) in keys.verify(files["body.txt.asc"], files["body.txt"])


def test_the_key_of_a_signed_presence_stands_in_the_mail(prosody_world, keys):
    world = prosody_world
    for user in (ROMEO, JULIET):  # the last one counts
        signature = data_of(keys.sign(user, "online"))
        world.juliet.send_xml(f"<presence to='{w.GATEWAY}'><status>online</status>"
                              f"<x xmlns='jabber:x:signed'>{signature}</x></presence>")
    token = new_id("key")
    deadline = time.monotonic() + PATIENCE_S
    while f"key={keys.fingerprint(JULIET)[-16:]}" not in world.gateway.log_text():
        assert time.monotonic() < deadline, "the key of the presence was not kept"
        time.sleep(0.05)
    world.juliet.send_message(world.contact(world.romeo.address), token)
    assert world.romeo.wait_body(token)["OpenPGP"] == f"id={keys.fingerprint(JULIET)[-16:]}"

    nurse = world.jabber_side.client("nurse")
    token = new_id("nokey")
    nurse.send_message(world.contact(world.romeo.address), token)
    assert world.romeo.wait_body(token)["OpenPGP"] is None


def test_a_signed_mail_can_be_verified_from_its_links(prosody_world, keys):
    world, token = prosody_world, new_id("signed")
    inner = ("Content-Type: text/plain; charset=utf-8\r\n"
             "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
             f"I take thee at thy word, {token}=20\r\nd=C3=A9ar")
    signature = keys.sign(ROMEO, inner)
    raw = (f"From: {ROMEO}\r\nTo: {world.mail_of('juliet')}\r\nSubject: Signed\r\n"
           f"Message-ID: <{token}@{w.MAIL_DOMAIN}>\r\nMIME-Version: 1.0\r\n"
           "Content-Type: multipart/signed; micalg=pgp-sha512; boundary=b;\r\n"
           " protocol=\"application/pgp-signature\"\r\n\r\n"
           f"--b\r\n{inner}\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\n"
           + signature.replace("\n", "\r\n") + "\r\n--b--\r\n").encode()
    world.romeo.send(email.message_from_bytes(raw, policy=email.policy.SMTP),
                     world.mail_of("juliet"))
    message = world.juliet.wait_message(has(token))

    assert "déar" in text_of(message, "c:body")
    assert message.find("{jabber:x:signed}x") is None, "never invented"
    files = download(message)
    assert keys.fingerprint(ROMEO) in keys.verify(files["signed.txt.asc"], files["signed.txt"])


def test_a_text_signed_in_the_clear_reads_well_and_verifies(prosody_world, keys):
    world, token = prosody_world, new_id("clear")
    block = keys.run("--armor", "-u", ROMEO, "--clear-sign",
                     given=f"- {token}\nFrom love's light wings\n").decode()
    world.romeo.send(make_mail(ROMEO, world.mail_of("juliet"), "Clear", block),
                     world.mail_of("juliet"))
    message = world.juliet.wait_message(has(token))

    body = text_of(message, "c:body")
    assert f"- {token}\nFrom love's light wings" in body
    assert "PGP" not in body and "- - " not in body
    original = download(message)["signed.txt.asc"]
    assert token in keys.run("--decrypt", given=original).decode()


def test_an_encrypted_mime_mail_can_be_read_from_its_link(prosody_world, keys):
    world, token = prosody_world, new_id("mime")
    block = keys.encrypt(JULIET, f"Content-Type: text/plain\r\n\r\n{token}\r\n")
    raw = (f"From: {ROMEO}\r\nTo: {world.mail_of('juliet')}\r\nSubject: {token}\r\n"
           f"Message-ID: <{token}@{w.MAIL_DOMAIN}>\r\nMIME-Version: 1.0\r\n"
           "Content-Type: multipart/encrypted; boundary=b;\r\n"
           " protocol=\"application/pgp-encrypted\"\r\n\r\n"
           "--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"
           "--b\r\nContent-Type: application/octet-stream\r\n\r\n"
           + block.replace("\n", "\r\n") + "\r\n--b--\r\n").encode()
    world.romeo.send(email.message_from_bytes(raw, policy=email.policy.SMTP),
                     world.mail_of("juliet"))
    files = download(world.juliet.wait_message(has(token)))

    assert list(files) == ["encrypted.asc"]
    assert token in keys.decrypt(files["encrypted.asc"])


@pytest.mark.parametrize("element, name", [
    ("<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/>"
     "<payload>c2VjcmV0</payload></encrypted>", "OMEMO"),
    ("<openpgp xmlns='urn:xmpp:openpgp:0'>c2VjcmV0</openpgp>", "XEP-0373"),
    ("<encryption xmlns='urn:xmpp:eme:0' namespace='urn:example' name='Enigma'/>", "Enigma"),
])
def test_what_mail_cannot_carry_is_refused_with_the_reason(prosody_world, element, name):
    world = prosody_world
    stanza_id = world.juliet.send_message(world.contact(world.romeo.address),
                                          new_id("apology"), extra=element)
    code, condition, _, text = error_of(world.juliet.wait_error(stanza_id))
    assert (code, condition) == ("406", "not-acceptable")
    assert name in text and "Nothing was sent" in text
    assert "event=accepted" not in world.gateway.log_text()
