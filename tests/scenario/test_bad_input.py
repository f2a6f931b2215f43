"""What is broken or hostile gets a clear error or a best reading, and the next message flows."""

import base64

import pytest

import world as w
from jabber import error_of, has, new_id, quote
from mail import body_of
from servers.base import wait_until



def mail_with(token, header=b"", body=b"", sender=b"From: romeo@montague.example\r\n"):
    usual = (f"To: juliet@{w.GATEWAY}\r\nSubject: {token}\r\n"
             f"Message-ID: <{token}@montague.example>\r\nDate: Mon, 13 Jul 2026 10:00:00 +0200\r\n")
    return sender + usual.encode() + header + b"\r\n" + body


MIME = b"MIME-Version: 1.0\r\n"
MIXED = MIME + b"Content-Type: multipart/mixed; "


def nested(kind, depth):
    """A mail of depth levels of multipart or message/rfc822."""
    if kind == "rfc822":
        return {"header": MIME + b"Content-Type: message/rfc822\r\n",
                "body": b"Content-Type: message/rfc822\r\n\r\n" * depth}
    return {"header": MIXED + b"boundary=b0\r\n",
            "body": b"".join(b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n"
                             % (i, i + 1) for i in range(depth))}


READABLE = {
    "no From": {"sender": b"", "body": b"text TOKEN\r\n"},
    "an unknown charset": {
        "header": b"Content-Type: text/plain; charset=klingon-8\r\n",
        "body": b"text TOKEN \xe4\r\n"},
    "bytes that are no UTF-8": {
        "header": b"Content-Type: text/plain; charset=utf-8\r\n",
        "body": b"text TOKEN \xff\xfe\xc0\x80\r\n"},
    "no header for the text at all": {
        "header": b"Content-Transfer-Encoding: 8bit\r\n",
        "body": b"text TOKEN\r\n"},
    "broken encoded words": {
        "header": b"Comments: =?utf-8?q?=ZZ?= =?x?b?a?=\r\n",
        "body": b"text TOKEN\r\n"},
    "a boundary that never comes": {
        "header": MIXED + b"boundary=never\r\n",
        "body": b"text TOKEN\r\n"},
    "broken base64": {
        "header": MIME + b"Content-Transfer-Encoding: base64\r\n",
        "encoded": b"text TOKEN\r\n" + b"x" * 60},
    "quoted-printable cut in the middle": {
        "header": MIME + b"Content-Transfer-Encoding: quoted-printable\r\n",
        "body": b"text TOKEN =C"},
}

HOSTILE = {
    "a boundary that is a quote": {
        "header": MIXED + b'boundary="\\""\r\n',
        "body": b'--"\r\n\r\nx\r\n--"--\r\n'},
    "200,000 brackets": {
        "header": b"Comments: " + b"\r\n ".join([b"(" * 900] * 222) + b"\r\n",
        "body": b"x\r\n"},
    "deep multiparts": nested("multipart", 3000),
    "deep messages": nested("rfc822", 3000),
    "20,000 parts": {
        "header": MIXED + b"boundary=b\r\n",
        "body": b"--b\r\n\r\nx\r\n" * 20000 + b"--b--\r\n"},
    "a header of a megabyte": {
        "header": b"".join(b"X-%d: " % i + b"y" * 900 + b"\r\n" for i in range(1100)),
        "body": b"x"},
    "nothing but a header": {"body": b""},
}

# Base64 that ends too early, and then with what is none.
BROKEN_END = b"\r\n!!!!=\r\n"


def deliver(world, raw):
    world.romeo.send(raw, world.mail_of("juliet"), sender=world.romeo.address)


def flows(world):
    """The next mail and the next message arrive, at the same process."""
    token = new_id("next")
    world.romeo.write(world.mail_of("juliet"), None, token)
    world.juliet.wait_message(has(token))
    world.juliet.send_message(world.contact(world.romeo.address), token)
    world.romeo.wait_mail(lambda m: token in body_of(m) and w.GATEWAY in m["Message-ID"])
    assert world.gateway.process.is_alive()


def test_bad_mail_is_read_as_well_as_can_be(prosody_world):
    world = prosody_world
    tokens = {}
    for name, parts in READABLE.items():
        tokens[name] = token = new_id("bad")
        parts = {k: v.replace(b"TOKEN", token.encode()) for k, v in parts.items()}
        if "encoded" in parts:
            encoded = base64.b64encode(parts.pop("encoded"))
            parts["body"] = encoded.replace(b"=", b"") + BROKEN_END
        deliver(world, mail_with(token, **parts))
    for name, token in tokens.items():
        world.juliet.wait_message(has(f"text {token}"), what=f"the mail with {name}")
    flows(world)


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_mail_stops_nobody(prosody_world, name):
    world = prosody_world
    token = new_id("hostile")
    deliver(world, mail_with(token, **HOSTILE[name]))
    flows(world)
    # It became a message, was refused with a report, or waits for an administrator; it is not
    # silently gone.
    wait_until("what became of it", lambda: (
        world.juliet.stanzas(lambda s: token in "".join(s.itertext()))
        or [m for m in world.romeo.mails() if token in m.as_string()]
        or "set-aside" in world.gateway.command("queue").stdout))


def test_a_large_attachment_arrives(prosody_world):
    world = prosody_world
    token = new_id("large")
    content = base64.encodebytes(b"\x00\x01\x02" * 10_000_000).replace(b"\n", b"\r\n")
    deliver(world, mail_with(
        token, MIXED + b"boundary=b\r\n",
        b"--b\r\n\r\n" + token.encode() + b"\r\n--b\r\nContent-Type: application/octet-stream\r\n"
        b"Content-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename=big.bin\r\n\r\n" + content + b"--b--\r\n"))
    message = world.juliet.wait_message(has(token))
    assert message.findtext("{jabber:x:oob}x/{jabber:x:oob}url")


def test_a_mail_over_the_limit_is_refused_with_a_report(make_world):
    world = make_world({"limit": {"mail_size": 100_000}}).start()
    token = new_id("over")
    deliver(world, mail_with(token, body=b"0123456789\r\n" * 20_000))
    report = world.romeo.wait_report(token)
    assert "5.3.4" in report.as_string() or "5.2.3" in report.as_string()
    flows(world)


def test_the_report_on_a_mail_over_the_limit_names_all_it_was_for(make_world):
    world = make_world({"limit": {"mail_size": 100_000}}).start()
    token = new_id("over")
    cc = f"Cc: {world.mail_of('nurse')}\r\n".encode()
    world.user("bridge").put(mail_with(token, cc, b"0123456789\r\n" * 20_000))
    report = world.romeo.wait_report(token).as_string()
    for name in ("juliet", "nurse"):
        assert f"Final-Recipient: rfc822; {world.mail_of(name)}" in report


STANZAS = {
    "a body of nothing": "<body/>",
    "five hundred attributes": "<body " + " ".join(f"a{i}='x'" for i in range(500)) + ">x</body>",
    "deep elements": "<body>x</body>" + "<a xmlns='x'>" * 300 + "</a>" * 300,
    "ten thousand elements": "<body>x</body><z xmlns='x'>" + "<a/>" * 10_000 + "</z>",
    "an address that is none":
        "<body>x</body><x xmlns='jabber:x:envelope'><to jid='@@@'/><cc jid=''/></x>",
    "expiry that is no number": "<body>x</body><x xmlns='jabber:x:expire' seconds='soon'/>",
    "expiry in the past": "<body>x</body><x xmlns='jabber:x:expire' seconds='-5'/>",
    "a link that is a script":
        "<body>x</body><x xmlns='jabber:x:oob'><url>javascript:alert(1)</url></x>",
    "line ends in every field":
        "<subject>a&#13;&#10;Bcc: evil@example.org</subject>"
        "<body>x&#13;&#10;.&#13;&#10;QUIT</body><thread>t&#10;X-Evil: 1</thread>",
}


@pytest.mark.parametrize("name", list(STANZAS))
def test_a_bad_stanza_stops_nobody(prosody_world, name):
    world = prosody_world
    stanza_id = new_id("stanza")
    contact = world.contact(world.romeo.address)
    world.juliet.send_message(contact, None, STANZAS[name], stanza_id=stanza_id)
    world.juliet.send_message(w.GATEWAY, None, STANZAS[name])
    flows(world)
    for mail in world.romeo.mails():
        assert mail["Bcc"] is None and mail["X-Evil"] is None
    for error in world.juliet.stanzas(lambda s: s.get("type") == "error"):
        assert error_of(error)[1], "each error names its condition"


@pytest.mark.parametrize("contact", [
    "a\\0db@montague.example", "\\20x\\40montague.example", "x\\40montague.example\\3eevil",
    "x" * 900 + "\\40montague.example", "\\40montague.example", "x\\40", "x\\40[127.0.0.1]"])
def test_a_contact_cannot_become_a_command(make_world, relay, contact):
    world = make_world(relay=relay).start()
    jid = f"{contact}@{w.GATEWAY}"
    world.juliet.send_xml(f"<message xmlns='jabber:client' to={quote(jid)} id='evil'>"
                          "<body>x</body></message>")
    marker = new_id("marker")
    world.juliet.send_message(world.contact(world.romeo.address), marker)
    relay.wait_mail(lambda m: marker.encode() in m.data)
    assert world.gateway.process.is_alive()
    for mail in relay.mails:
        assert not any(c in a for a in mail.recipients for c in "\r\n<> ")


def is_set_aside(stanza):
    return "set aside" in "".join(stanza.itertext())


def test_a_mail_over_the_limit_with_nobody_to_tell_is_set_aside(make_world):
    world = make_world({"limit": {"mail_size": 100_000},
                        "admin": {"jids": [f"nurse@{w.JABBER_DOMAIN}"]}}).start()
    nurse = world.jabber_side.client("nurse")
    before = len(nurse.stanzas(is_set_aside))  # of other tests
    mail = mail_with(new_id("over"), body=b"0123456789\r\n" * 20_000)
    for _ in range(2):
        world.romeo.send(mail, world.mail_of("juliet"), sender="")
    wait_until("the mails set aside",
               lambda: world.gateway.command("queue").stdout.count("too large") == 2)
    flows(world)
    # The administrator hears of it, and not of each.
    told = wait_until("word to the administrator", lambda: nurse.stanzas(is_set_aside)[before:])
    assert "postern queue show" in "".join(told[0].itertext())
    assert len(nurse.stanzas(is_set_aside)) == before + 1
