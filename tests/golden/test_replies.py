"""Each case of replies.txt: nothing is left of the mail but what its author wrote anew."""

import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import run  # noqa: E402

HEAD = """From: Romeo <romeo@montague.example>
Delivered-To: juliet@mail.example.org
To: juliet@mail.example.org
In-Reply-To: <j10@mail.example.org>
Message-ID: <r1@montague.example>
Date: Mon, 21 Sep 2026 14:13:00 +0000
MIME-Version: 1.0
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: 8bit

"""


def cases():
    text = (run.HERE / "replies.txt").read_text()
    return [piece.split("\n", 1) for piece in re.split(r"(?m)^#### ", text)[1:]]


@pytest.mark.parametrize("name,html", cases(), ids=[c[0] for c in cases()])
def test_reply(name, html):
    done = subprocess.run(
        [os.environ.get("POSTERN", run.ROOT / "postern"), "-c", run.HERE / "postern.conf", "convert", "--to", "jabber"],
        input=(HEAD + html).replace("\n", "\r\n").encode(),
        capture_output=True,
        timeout=60,
        env={**os.environ, "SOURCE_DATE_EPOCH": run.EPOCH, "TZ": "UTC"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    body = ET.fromstring(done.stdout.decode()).findtext("body")
    assert body.partition("Whole mail:")[0].strip() == "Yes."
