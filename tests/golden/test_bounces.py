"""Each case of bounces.txt: the errors, events or messages that the mail becomes."""

import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import run  # noqa: E402

HEAD = {
    "Return-Path": "<>",
    "Delivered-To": "juliet@mail.example.org",
    "To": "juliet@mail.example.org",
    "Date": "Mon, 21 Sep 2026 14:13:00 +0000",
    "Message-ID": "<d1@relay.example>",
    "MIME-Version": "1.0",
}
HEADERS = """From: Juliet <juliet@mail.example.org>
To: rosaline@capulet.example
Subject: Art thou there?
Message-ID: <j10@mail.example.org>
"""
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"


def cases():
    text = (run.HERE / "bounces.txt").read_text()
    for piece in re.split(r"(?m)^#### (?=[a-z0-9-]+:)", text)[1:]:
        title, mail = piece.split("\n", 1)
        name, want = title.split(": ", 1)
        yield name, want, mail.rstrip("\n") + "\n"


def whole(mail):
    present = {line.split(":")[0].lower() for line in mail.split("\n\n", 1)[0].split("\n")}
    head = "".join(f"{k}: {v}\n" for k, v in HEAD.items() if k.lower() not in present)
    mail = mail.replace("{original}", HEADERS + "\nHello, art thou there?").replace("{headers}", HEADERS)
    return (head + mail).encode()


def said(stanza):
    error = stanza.find(f"{{{run.STREAM}}}error")
    if error is not None:
        condition = next(c.tag for c in error if c.tag.startswith(STANZAS) and not c.tag.endswith("}text"))
        sender = stanza.get("from").split("/")[0].removesuffix("@mail.example.org").replace("\\40", "@")
        return f"error {error.get('code')} {condition.removeprefix(STANZAS)} {sender}"
    if stanza.find(f"{{{run.STREAM}}}body") is not None:
        return "mail"
    event = stanza.find("{jabber:x:event}x")
    names = [c.tag.split("}")[1] for c in event if not c.tag.endswith("}id")] if event is not None else []
    return "event " + " ".join(names)


@pytest.mark.parametrize("name,want,mail", cases(), ids=[c[0] for c in cases()])
def test_bounce(name, want, mail):
    done = subprocess.run(
        [os.environ.get("POSTERN", run.ROOT / "postern"), "-c", run.HERE / "postern.conf", "convert", "--to", "jabber"],
        input=whole(mail).replace(b"\n", b"\r\n"),
        capture_output=True,
        timeout=60,
        env={**os.environ, "SOURCE_DATE_EPOCH": run.EPOCH, "TZ": "UTC"},
        check=False,
    )
    output = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    root = ET.fromstring(f"<s xmlns='{run.STREAM}'>{output}</s>")
    assert ("; ".join(said(s) for s in root) or "nothing") == want, output
