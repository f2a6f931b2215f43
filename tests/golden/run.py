"""Golden pairs: a stanza and the mail it becomes, a mail and the stanzas it becomes, to be read.

    to-mail/NAME.xml     a stanza          NAME.eml        `convert --to mail --envelope` of it
                                           NAME.reply.xml  instead, where it is refused: what goes back
    to-jabber/NAME.eml   a mail            NAME.xml        the stanzas `convert --to jabber` prints
    NAME.args            further arguments for convert, one line
    NAME.conf            a configuration of its own instead of postern.conf

Mails stand here with LF line ends (one that holds a CR is taken as it is); stanzas one element a line.
The time is always SOURCE_DATE_EPOCH, ids come from a hash of the input and keys are zero, so every
output is the same each time.  `run.py [--update] [NAME...]` shows differences, or writes what came out.
"""

import difflib
import os
import pathlib
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
EPOCH = "1790000000"
STREAM = "jabber:component:accept"
XML = "http://www.w3.org/XML/1998/namespace"


def cases():
    """All pairs as (direction, name)."""
    found = [("to-mail", p.stem) for p in HERE.glob("to-mail/*.xml") if not p.stem.endswith(".reply")]
    found += [("to-jabber", p.stem) for p in HERE.glob("to-jabber/*.eml")]
    return sorted(found)


# Stanzas


def split_name(tag):
    return tag[1:].split("}", 1) if tag.startswith("{") else ("", tag)


def attribute(name, value):
    ns, local = split_name(name)
    quoted = escape(value, {"'": "&apos;", "\n": "&#10;", "\t": "&#9;", "\r": "&#13;"})
    return f" {'xml:' if ns == XML else ''}{local}='{quoted}'"


def pretty(node, ns, depth):
    """The element in one form: sorted attributes, one element a line, text of leaves as it is."""
    own, name = split_name(node.tag)
    pad = "  " * depth
    head = name if own == ns else f"{name} xmlns='{own}'"
    head += "".join(attribute(k, v) for k, v in sorted(node.attrib.items()))
    children = list(node)
    text = escape(node.text or "").replace("\r", "&#13;")
    if not children:
        return f"{pad}<{head}>{text}</{name}>\n" if text else f"{pad}<{head}/>\n"
    inner = f"{pad}  {text.strip()}\n" if text.strip() else ""
    for child in children:
        inner += pretty(child, own, depth + 1)
        if (child.tail or "").strip():
            inner += f"{pad}  {escape(child.tail.strip())}\n"
    return f"{pad}<{head}>\n{inner}{pad}</{name}>\n"


def pretty_stanzas(text):
    root = ET.fromstring(f"<stream xmlns='{STREAM}'>{text}</stream>")
    return "".join(pretty(child, STREAM, 0) for child in root)


def split_output(text):
    """The stanzas at the start of an output, and the mail behind them."""
    at = 0
    while text.startswith("<", at):
        end = text.find("</message>", at)
        at = end + len("</message>") if end >= 0 else text.index("/>", at) + 2
        at += len(text[at:]) - len(text[at:].lstrip("\n"))
    return text[:at], text[at:]


def readable(output):
    text = output.replace(b"\r\n", b"\n").decode("utf-8", "surrogateescape")
    stanzas, mail = split_output(text)
    return pretty_stanzas(stanzas) + mail


# Running


def arguments(direction, name):
    path = HERE / direction / f"{name}.args"
    more = shlex.split(path.read_text()) if path.exists() else []
    to = ["--to", "mail", "--envelope"] if direction == "to-mail" else ["--to", "jabber"]
    return to + more


def given(direction, name):
    data = (HERE / direction / f"{name}{'.xml' if direction == 'to-mail' else '.eml'}").read_bytes()
    if direction == "to-jabber" and b"\r" not in data:
        data = data.replace(b"\n", b"\r\n")
    return data


def convert(direction, name):
    """(what came out, in readable form; exit status; standard error)"""
    program = str(pathlib.Path(os.environ.get("POSTERN", ROOT / "postern")).resolve())
    own = HERE / direction / f"{name}.conf"
    command = [program, "-c", str(own if own.exists() else HERE / "postern.conf"), "convert", *arguments(direction, name)]
    done = subprocess.run(
        command,
        input=given(direction, name),
        capture_output=True,
        timeout=60,
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "TZ": "UTC"},
        check=False,
    )
    return readable(done.stdout), done.returncode, done.stderr.decode("utf-8", "replace")


def expected_path(direction, name, status=None):
    if direction == "to-jabber":
        return HERE / direction / f"{name}.xml"
    reply = HERE / direction / f"{name}.reply.xml"
    refused = reply.exists() if status is None else status == 65
    return reply if refused else HERE / direction / f"{name}.eml"


def check(direction, name, update=False):
    """None when the pair holds, else words that say how it does not."""
    got, status, complaint = convert(direction, name)
    if status not in (0, 65) or "Sanitizer" in complaint:
        return f"{direction}/{name}: exit status {status}\n{complaint}"
    path = expected_path(direction, name, status)
    if update:
        for old in HERE.glob(f"{direction}/{name}.*"):
            if old.name in (f"{name}.reply.xml", f"{name}.eml") and direction == "to-mail":
                old.unlink()
        path.write_bytes(got.encode("utf-8", "surrogateescape"))
        return None
    if path != expected_path(direction, name):
        return f"{direction}/{name}: exit status {status}\n{complaint}{got}"
    if not path.exists():
        return f"{direction}/{name}: there is no {path.name}; it would be\n{got}"
    want = path.read_bytes().decode("utf-8", "surrogateescape")
    if path.suffix == ".xml" or want.startswith("<"):
        stanzas, mail = split_output(want)
        want = pretty_stanzas(stanzas) + mail
    if got == want:
        return None
    lines = difflib.unified_diff(
        want.splitlines(keepends=True), got.splitlines(keepends=True), str(path.relative_to(ROOT)), "output"
    )
    return "".join(lines)


def main(args):
    update = "--update" in args
    names = [a for a in args if not a.startswith("-")]
    bad = 0
    for direction, name in cases():
        if names and name not in names:
            continue
        trouble = check(direction, name, update)
        if trouble:
            bad += 1
            sys.stdout.buffer.write(trouble.encode("utf-8", "surrogateescape") + b"\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
