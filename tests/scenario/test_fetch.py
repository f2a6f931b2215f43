"""Files that Jabber users link to come as attachments of their mail."""

import http.server
import threading

import pytest
from jabber import escape, new_id
from mail import body_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20
HTML = b"<script>alert(1)</script>"
LARGE = b"x" * 50001


class Files(http.server.BaseHTTPRequestHandler):
    """Lies about types; /slow answers when the test says so."""

    def do_GET(self):
        self.server.asked.append((self.path, dict(self.headers)))
        if self.path == "/slow.png":
            self.server.may_answer.wait(60)
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.2:{self.server.server_port}/rose.png")
            self.end_headers()
            return
        content = {"/page.html": HTML, "/large.bin": LARGE}.get(self.path, PNG)
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Set-Cookie", "a=b")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(content)
        except OSError:
            pass

    def log_message(self, *_):
        pass


@pytest.fixture
def files():
    with http.server.ThreadingHTTPServer(("0.0.0.0", 0), Files) as server:
        server.daemon_threads = True
        server.asked = []
        server.may_answer = threading.Event()
        server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.may_answer.set()
        server.shutdown()


@pytest.fixture
def fetching_world(make_world):
    return make_world({"fetch": {"allow": ["127.0.0.1"], "size": 50000, "timeout": 20}}).start()


def write(world, token, *urls, to="romeo"):
    links = "".join(f"<x xmlns='jabber:x:oob'><url>{escape(url)}</url></x>" for url in urls)
    world.juliet.send_message(world.contact(world.user(to).address), token, links)


def attachments(mail):
    return [(part.get_filename(), part.get_content_type(), part.get_content_disposition(),
             part.get_payload(decode=True)) for part in mail.walk()
            if part.get_content_disposition() == "attachment"]


def test_files_are_attached_and_their_links_stay(fetching_world, files):
    token = new_id("fetch")
    urls = [f"{files.url}/a%20rose%2F..%5C%22.png?x=1", f"{files.url}/page.html",
            f"{files.url}/large.bin"]
    write(fetching_world, token, *urls)

    mail = fetching_world.romeo.wait_body(token)
    (name, *first), second = attachments(mail)
    assert first == ["image/png", "attachment", PNG]
    assert name.endswith(".png") and "/" not in name and "\\" not in name and '"' not in name
    assert second == ("page.html", "application/octet-stream", "attachment", HTML)
    assert all(url in body_of(mail) for url in urls)
    assert mail["X-Postern-Fetch"] is None and len(mail.get_all("MIME-Version")) == 1
    assert all("Cookie" not in headers for _, headers in files.asked)
    assert [path for path, _ in files.asked].count("/page.html") == 1


def test_what_is_not_public_is_not_asked(make_world, files):
    world = make_world({"fetch": {}}).start()
    token = new_id("closed")
    write(world, token, f"{files.url}/rose.png", f"http://localhost:{files.server_port}/rose.png",
          f"http://[::ffff:127.0.0.1]:{files.server_port}/rose.png", "file:///etc/passwd")
    mail = world.romeo.wait_body(token)
    assert attachments(mail) == [] and files.asked == []
    assert f"{files.url}/rose.png" in body_of(mail)


def test_a_redirect_leads_to_no_closed_address(fetching_world, files):
    token = new_id("away")
    write(fetching_world, token, f"{files.url}/away")
    assert attachments(fetching_world.romeo.wait_body(token)) == []
    assert [path for path, _ in files.asked] == ["/away"]


def test_a_slow_server_delays_nobody_else_and_a_kill_loses_nothing(fetching_world, files):
    world = fetching_world
    slow, quick = new_id("slow"), new_id("quick")
    write(world, slow, f"{files.url}/slow.png")
    world.gateway.wait_log(r"outbound .*event=accepted")
    write(world, quick, f"{files.url}/rose.png", to="benvolio")
    assert attachments(world.user("benvolio").wait_body(quick))[0][3] == PNG
    assert not any(slow in body_of(mail) for mail in world.romeo.mails())

    world.gateway.kill9()
    world.gateway.start()
    files.may_answer.set()
    assert attachments(world.romeo.wait_body(slow))[0][3] == PNG
    assert sum(slow in body_of(mail) for mail in world.romeo.mails()) == 1


def test_a_server_that_never_answers_leaves_the_link(make_world, files):
    world = make_world({"fetch": {"allow": ["127.0.0.0/8"], "timeout": 1}}).start()
    token = new_id("never")
    write(world, token, f"{files.url}/slow.png")
    mail = world.romeo.wait_body(token)
    assert attachments(mail) == [] and f"{files.url}/slow.png" in body_of(mail)
