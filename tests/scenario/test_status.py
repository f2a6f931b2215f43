"""What administrators see over HTTP: a page, metrics, and whether all is well."""

import http.client
import re

import pytest

from jabber import has, new_id
from servers.base import PATIENCE_S, free_port, wait_until


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def world(make_world, port):
    return make_world({"admin": {"listen": f"127.0.0.1:{port}"}}).start()


def get(port, path, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def metric(port, name):
    status, _, text = get(port, "/metrics")
    assert status == 200
    values = re.findall(rf"^postern_{re.escape(name)} (\S+)$", text, re.M)
    assert len(values) == 1, f"{name} in\n{text}"
    return float(values[0])


def test_what_was_done_is_counted(world, port):
    out, back = new_id("out"), new_id("back")
    world.juliet.send_message(world.contact(world.romeo.address), out)
    world.romeo.wait_body(out)
    world.romeo.write(world.mail_of("juliet"), None, back)
    world.juliet.wait_message(has(back))
    assert metric(port, 'accepted_total{from="jabber"}') == 1
    assert metric(port, 'accepted_total{from="mail"}') == 1
    wait_until("both to be done", lambda: metric(port, 'outcomes_total{to="mail",outcome="delivered"}') == 1
               and metric(port, 'outcomes_total{to="jabber",outcome="delivered"}') == 1)
    assert metric(port, "stream_up") == 1
    assert metric(port, 'mailbox_up{mailbox="bridge"}') == 1
    status, headers, page = get(port, "/")
    assert status == 200 and "Everything works" in page
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert out not in page and back not in page, "a page for administrators shows no message"
    assert get(port, "/healthz")[::2] == (200, "ok\n")


def test_a_host_that_is_away_is_told_with_what_to_do(world, port):
    world.jabber_side.stop()
    try:
        world.gateway.wait_log("stream .*state=lost")
        wait_until("the host to be missed", lambda: get(port, "/healthz")[0] == 503)
        assert "no stream to the Jabber server" in get(port, "/healthz")[2]
        token = new_id("later")
        world.romeo.write(world.mail_of("juliet"), None, token)
        wait_until("the mail to be counted", lambda:
                   metric(port, 'queue_recipients{kind="to-jabber",state="due"}') == 1)
        page = get(port, "/")[2]
        assert "does not work now" in page
        assert "listens for components at jabber.host" in page
    finally:
        world.jabber_side.start()
    world.juliet.wait_message(has(token))
    wait_until("all to be well again", lambda: get(port, "/healthz")[0] == 200)


def test_a_relay_that_is_away_is_told(make_world, relay, port):
    relay.stop()
    world = make_world({"admin": {"listen": f"127.0.0.1:{port}"}}, relay=relay).start()
    world.juliet.send_message(world.contact(world.romeo.address), "hello")
    wait_until("the relay to be missed", lambda: get(port, "/healthz")[0] == 503)
    assert "The relay does not answer" in get(port, "/healthz")[2]
    assert metric(port, "relay_up") == 0
    wait_until("the mail to be put off", lambda:
               metric(port, 'queue_recipients{kind="to-mail",state="later"}') == 1)


def test_nothing_can_be_changed_there(world, port):
    for method in ("POST", "PUT", "DELETE"):
        status, headers, _ = get(port, "/", method)
        assert status == 405 and headers["Allow"] == "GET, HEAD"
    assert get(port, "/etc/passwd")[0] == 404
    status, headers, body = get(port, "/metrics", "HEAD")
    assert status == 200 and body == "" and int(headers["Content-Length"]) > 0


def test_an_address_that_is_taken_is_told(make_world, port):
    make_world({"admin": {"listen": f"127.0.0.1:{port}"}}).start()
    second = make_world({"admin": {"listen": f"127.0.0.1:{port}"}}).gateway.command("run")
    assert second.returncode == 78
    assert f"admin.listen: 127.0.0.1:{port} is in use by another program" in second.stderr
