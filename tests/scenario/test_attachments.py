"""What comes beside the text: the page with the whole mail, files told in both forms, quotas."""

import re
import urllib.error
import urllib.request

from jabber import NS, has, new_id, text_of
from mail import make_mail
from servers.base import PATIENCE_S

SFS = "{urn:xmpp:sfs:0}"
FILE = "{urn:xmpp:file:metadata:0}"
WHOLE = re.compile(r"^Whole mail: (\S+)$", re.MULTILINE)


def newsletter(world, token):
    mail = make_mail(world.romeo.address, world.mail_of("juliet"), "Offers")
    mail.set_content(
        f"<h1>Offers {token}</h1><img src='https://shop.example/a.png' alt='Roses'>"
        "<script>alert('script')</script><table><tr><td>Poison</td><td>40</td></tr></table>",
        subtype="html")
    return mail


def test_the_whole_mail_is_one_link_away(world):
    token = new_id("offers")
    world.romeo.send(newsletter(world, token), world.mail_of("juliet"))
    message = world.juliet.wait_message(has(token))

    url = WHOLE.search(text_of(message, "c:body")).group(1)
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        page = answer.read().decode()
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        policy = answer.headers["Content-Security-Policy"]
    assert "sandbox" in policy and "default-src 'none'" in policy and "script" not in policy
    assert f"<h1>Offers {token}</h1>" in page
    assert "<script" not in page and "alert(" not in page and "src=" not in page
    assert '<a class="picture" rel="noopener noreferrer nofollow" href="https://shop.example/a.png">' in page


def test_a_file_of_a_mail_that_is_html_is_never_shown(prosody_world):
    world = prosody_world
    token = new_id("html")
    mail = make_mail(world.romeo.address, world.mail_of("juliet"), "A page", token)
    mail.add_attachment("<script>alert(1)</script>", subtype="html", filename="page.html")
    world.romeo.send(mail, world.mail_of("juliet"))
    message = world.juliet.wait_message(has(token))

    with urllib.request.urlopen(text_of(message, "oob:x/oob:url"), timeout=PATIENCE_S) as answer:
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment")
    sharing = message.find(f"{SFS}file-sharing")
    assert sharing.findtext(f"{FILE}file/{FILE}name") == "page.html"
    assert len(sharing.findtext(f"{FILE}file/{{urn:xmpp:hashes:2}}hash")) == 44


def send_file(world, size):
    token = new_id("file")
    mail = make_mail(world.romeo.address, world.mail_of("juliet"), "A file", token)
    mail.add_attachment(b"x" * size, maintype="application", subtype="octet-stream", filename="x.bin")
    world.romeo.send(mail, world.mail_of("juliet"))
    return world.juliet.wait_message(has(token))


def test_files_over_the_quota_are_named_and_not_kept(make_world):
    world = make_world({"web": {"user_space": 30000, "space": 70000}}).start()
    first, second, small = send_file(world, 20000), send_file(world, 20000), send_file(world, 5000)

    assert first.find("oob:x", NS) is not None
    assert second.find("oob:x", NS) is None and second.find(f"{SFS}file-sharing") is None
    body = text_of(second, "c:body")
    assert "x.bin" in body and "[The files of this mail could not be kept: you have got" in body
    assert small.find("oob:x", NS) is not None, "what still fits is kept"
    kept = [p for p in world.gateway.folder.rglob("*") if p.is_file() and len(p.name) == 16]
    assert sorted(p.stat().st_size for p in kept) == [5000, 20000]

    world.gateway.configure({"web": {"space": 26000}})
    world.gateway.stop()
    world.gateway.start()
    assert "there is no room for more files here" in text_of(send_file(world, 2000), "c:body")
