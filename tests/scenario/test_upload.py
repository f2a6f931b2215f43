"""Files of mails go to the host server's own upload service (XEP-0363)."""

import ssl
import urllib.request

import pytest
from jabber import NS, has, new_id, text_of
from mail import make_mail
from servers.base import PATIENCE_S

SFS = "{urn:xmpp:sfs:0}"
PICTURE = bytes(range(256)) * 40


@pytest.fixture(params=["prosody", "ejabberd"])
def uploading_world(request, make_world, hosts):
    """The gateway without a web listener of its own."""
    host = hosts(request.param).server
    return make_world({"web": None, "upload": {"ca_file": host.certificates.ca}},
                      host=request.param).start()


def download(world, url):
    context = ssl.create_default_context(cafile=world.host.certificates.ca)
    with urllib.request.urlopen(url, timeout=PATIENCE_S, context=context) as answer:
        return answer.read()


def mail_with(world, token, *files):
    mail = make_mail(world.romeo.address, world.mail_of("juliet"), "Files", token)
    for name, content in files:
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return mail


def send(world, token, *files):
    world.romeo.send(mail_with(world, token, *files), world.mail_of("juliet"))
    return world.juliet.wait_message(has(token))


def test_the_client_gets_the_same_bytes_from_the_host(uploading_world):
    world = uploading_world
    message = send(world, new_id("two"), ("a b&ü.png", PICTURE), ("second.bin", b"\0\r\n" * 1000))

    urls = [x.findtext("oob:url", namespaces=NS) for x in message.findall("oob:x", NS)]
    assert len(urls) == 2 and all(u.startswith(f"https://localhost:{world.host.https_port}/")
                                  for u in urls)
    assert download(world, urls[0]) == PICTURE
    assert download(world, urls[1]) == b"\0\r\n" * 1000
    assert [f.find(f".//{{http://jabber.org/protocol/url-data}}url-data").get("target")
            for f in message.findall(f"{SFS}file-sharing")] == urls
    body = text_of(message, "c:body")
    assert all(url in body for url in urls) and "could not be delivered" not in body


def test_what_is_too_large_is_told_and_the_rest_comes(uploading_world):
    world = uploading_world
    message = send(world, new_id("large"), ("large.bin", b"x" * 1000001), ("small.bin", b"small"))

    assert download(world, text_of(message, "oob:x/oob:url")) == b"small"
    assert len(message.findall("oob:x", NS)) == 1
    body = text_of(message, "c:body")
    assert "large.bin" in body and "too large for the upload service" in body


def test_a_kill_in_between_uploads_nothing_twice(make_world, hosts):
    certificates = hosts("prosody").server.certificates
    world = make_world({"web": None, "upload": {"ca_file": certificates.ca}}).start()
    token = new_id("kill")
    files = [(f"{n}.bin", b"%d" % n * 1000) for n in range(10)]
    world.romeo.send(mail_with(world, token, *files), world.mail_of("juliet"))
    world.gateway.wait_log(r"event=uploaded .*part=3 ")
    world.gateway.kill9()
    world.gateway.start()

    message = world.juliet.wait_message(has(token))
    urls = [x.findtext("oob:url", namespaces=NS) for x in message.findall("oob:x", NS)]
    assert [download(world, url) for url in urls] == [content for _, content in files]
    log = world.gateway.log.read_text()
    assert [log.count(f"part={n} bytes=") for n in range(3)] == [1, 1, 1]


def test_without_a_service_the_gateway_serves_the_file_itself(make_world):
    world = make_world({"upload": {"service": "nowhere.capulet.example"}}).start()
    message = send(world, new_id("serve"), ("x.bin", PICTURE))

    url = text_of(message, "oob:x/oob:url")
    assert url.startswith(f"http://127.0.0.1:{world.gateway.web_port}/")
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        assert answer.read() == PICTURE


def test_a_service_with_a_certificate_of_nobody_gets_nothing(make_world):
    """Tried again for a while; then the mail goes without its file, and says so."""
    world = make_world({"web": None, "upload": {}}).start()
    token = new_id("nobody")
    message = send(world, token, ("x.bin", PICTURE))

    assert message.find("oob:x", NS) is None
    body = text_of(message, "c:body")
    assert "x.bin" in body and "[Files of this mail could not be delivered (" in body
    assert "event=uploaded" not in world.gateway.log.read_text()
    assert len(world.juliet.stanzas(has(token))) == 1
