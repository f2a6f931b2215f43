"""The command line against real servers: check, map, queue, exit states, and what the log may not
say.
"""

import json
import re
import shutil
import subprocess

import pytest

import world as w
from gateway import PROGRAM
from jabber import has, new_id
from servers.base import ETC, free_port, wait_until

OK, UNAVAILABLE, CONFIG, USAGE, DATA = 0, 69, 78, 64, 65


@pytest.fixture
def resting(make_world):
    """A world whose gateway does not run."""
    return make_world()


def lines(result):
    """What `check` says: {"jabber": "ok", ...}"""
    said = re.finditer(r"^(ok|FAIL) +((?:mailbox )?\S+)", result.stdout, re.M)
    return {m[2].strip(): m[1] for m in said}


@pytest.mark.parametrize("argv,status,words", [
    (["--help"], OK, "usage: postern"),
    (["-h"], OK, "usage: postern"),
    (["-x", "run"], USAGE, "unknown option -x"),
    (["-c"], USAGE, "-c lacks"),
])
def test_options_are_told(argv, status, words):
    result = subprocess.run([PROGRAM, *argv], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == status
    assert words in (result.stderr if status else result.stdout)


def test_check_says_ok_for_each_server(resting):
    result = resting.gateway.command("check")
    assert result.returncode == OK, result.stdout + result.stderr
    assert lines(result) == {name: "ok" for name in (
        "configuration", "map", "store", "jabber", "smtp", "mailbox bridge", "web")}


def test_check_works_beside_a_running_gateway(prosody_world):
    result = prosody_world.gateway.command("check")
    assert result.returncode == OK, result.stdout
    token = new_id("undisturbed")
    prosody_world.juliet.send_message(prosody_world.contact(prosody_world.romeo.address), token)
    prosody_world.romeo.wait_body(token)
    assert "state=lost" not in prosody_world.gateway.log_text()


def test_check_on_each_host(make_world, jabber_side):
    world = make_world(host=jabber_side.server.name)
    assert world.gateway.command("check").returncode == OK


def test_a_wrong_secret_is_a_configuration_error_in_clear_words(make_world, jabber_side):
    world = make_world({"jabber": {"secret": "not this one"}}, host=jabber_side.server.name)
    result = world.gateway.command("check")
    assert result.returncode == CONFIG
    assert lines(result)["jabber"] == "FAIL" and "secret" in result.stdout
    world.gateway.start(ready=("secret",))
    assert "not this one" not in world.gateway.log_text(), "a secret is never logged"


def test_a_wrong_component_name_is_told(make_world):
    world = make_world({"jid": "elsewhere.capulet.example"})
    result = world.gateway.command("check")
    assert result.returncode == CONFIG
    assert lines(result)["jabber"] == "FAIL" and "elsewhere.capulet.example" in result.stdout


def test_a_wrong_mailbox_password_is_told(make_world):
    world = make_world({"mailbox": {"bridge": {"password": "not this"}}})
    result = world.gateway.command("check")
    assert result.returncode in (CONFIG, UNAVAILABLE)
    assert lines(result)["mailbox bridge"] == "FAIL"
    assert "not this" not in result.stdout + result.stderr


@pytest.mark.parametrize("section, line", [("smtp", "smtp"), ("jabber", "jabber")])
def test_a_server_that_is_away_is_69(make_world, section, line):
    world = make_world({section: {"port": free_port()}})
    result = world.gateway.command("check")
    assert result.returncode == UNAVAILABLE, result.stdout
    told = lines(result)
    assert told.pop(line) == "FAIL" and set(told.values()) == {"ok"}


def test_a_file_that_others_can_read_is_refused(resting):
    resting.gateway.conf.chmod(0o644)
    result = resting.gateway.command("run")
    assert result.returncode == CONFIG
    assert str(resting.gateway.conf) in result.stderr


def test_a_relay_without_the_tls_that_was_asked_for_is_told(make_world):
    result = make_world({"smtp": {"tls": "starttls"}}).gateway.command("check")
    assert result.returncode != OK and lines(result)["smtp"] == "FAIL"
    assert "STARTTLS" in result.stdout


def test_mail_comes_by_tls_with_a_verified_name(make_world):
    for tls in ("starttls", "implicit"):
        world = make_world()
        dovecot = world.mail_side.dovecot
        world.gateway.configure({"mailbox": {"bridge": {
            "host": "localhost", "tls": tls, "ca_file": str(world.mail_side.certificates.ca),
            "port": dovecot.imaps_port if tls == "implicit" else dovecot.imap_port}}})
        world.start()
        token = new_id(tls)
        world.romeo.write(world.mail_of("juliet"), None, token)
        world.juliet.wait_message(has(token))
        world.stop()
        world.gateway.configure({"mailbox": {"bridge": {"ca_file": ""}}})
        result = world.gateway.command("check")
        assert result.returncode != OK, "an unknown authority"
        assert lines(result)["mailbox bridge"] == "FAIL"


def test_map_explains_and_agrees_with_what_is_sent(make_world):
    world = make_world({"map": {
        "juliet@capulet.example": {"mail": f"juliet.c@{w.GATEWAY}"},
        "*@capulet.example": {"mail": f"*@{w.GATEWAY}"}}}).start()
    told = world.gateway.command("map", "juliet@capulet.example", "nurse@capulet.example",
                                 world.romeo.address)
    assert told.returncode == OK
    assert f"juliet.c@{w.GATEWAY}" in told.stdout and "postern.conf:" in told.stdout
    assert f"nurse@{w.GATEWAY}" in told.stdout and world.contact(world.romeo.address) in told.stdout
    token = new_id("mapped")
    world.juliet.send_message(world.contact(world.romeo.address), token)
    mail = world.romeo.wait_body(token)
    assert mail["From"].addresses[0].addr_spec == f"juliet.c@{w.GATEWAY}"
    back = new_id("mapped")
    world.romeo.answer(mail, back)
    world.juliet.wait_message(has(back))


def test_queue_lists_shows_retries_and_drops(make_world, relay):
    relay.stop()
    patient = {"retry_first": 3600, "retry_max": 3600, "lifetime": 36000}
    world = make_world({"queue": patient}, relay=relay).start()
    tokens = [new_id("queue") for _ in range(2)]
    for token in tokens:
        world.juliet.send_message(world.contact(world.romeo.address), token)
    queue = world.gateway.command

    def waiting():
        items = json.loads(queue("queue", "list", "--json").stdout)
        tried = [i for i in items if i["recipients"][0]["attempts"]]
        return items if len(tried) == 2 else None
    items = wait_until("both to wait after a first try", waiting)
    assert all(i["recipients"][0]["recipient"] == world.romeo.address for i in items)
    assert all(i["recipients"][0]["last_error"] for i in items)
    assert items[0]["id"] in queue("queue").stdout
    assert queue("queue", "show", items[0]["id"]).returncode == OK
    assert queue("queue", "show", "0000000000001").returncode == DATA
    assert queue("queue", "drop", items[0]["id"]).returncode == OK
    relay.start()
    assert queue("queue", "retry", "all").returncode == OK
    relay.wait_mail()
    wait_until("an empty queue", lambda: json.loads(queue("queue", "list", "--json").stdout) == [])
    assert len(relay.mails) == 1, "what was dropped is not sent"


def test_queue_works_while_the_gateway_does_not_run(make_world, relay):
    relay.stop()
    world = make_world(relay=relay).start()
    world.juliet.send_message(world.contact(world.romeo.address), "wait")
    world.gateway.wait_log("event=accepted")
    world.stop()
    items = json.loads(world.gateway.command("queue", "--json").stdout)
    assert len(items) == 1
    assert world.gateway.command("queue", "drop", items[0]["id"]).returncode == OK
    assert json.loads(world.gateway.command("queue", "--json").stdout) == []


def test_wrong_usage_is_64(resting):
    assert resting.gateway.command("sing").returncode == USAGE
    assert resting.gateway.command("queue", "burn").returncode == USAGE
    assert resting.gateway.command().returncode == USAGE


def test_a_wrong_configuration_names_file_line_option_and_what_is_expected(resting):
    conf = resting.gateway.conf
    resting.gateway.configure({"queue": {"lifetime": "soon"}})
    line = next(n for n, text in enumerate(conf.read_text().splitlines(), 1) if "soon" in text)
    result = resting.gateway.command("check")
    assert result.returncode == CONFIG
    assert re.search(rf"{re.escape(conf.name)}:{line}: queue\.lifetime: .*expected",
                     result.stdout + result.stderr)


def test_a_bad_new_file_leaves_the_old_one_in_force(prosody_world):
    world = prosody_world
    good = world.gateway.conf.read_text()
    world.gateway.conf.write_text("jid = \n")
    world.gateway.process.popen.send_signal(1)
    world.gateway.wait_log("event=reload-refused")
    token = new_id("reload")
    world.juliet.send_message(world.contact(world.romeo.address), token)
    world.romeo.wait_body(token)
    rule = f'map "nurse@capulet.example" {{ mail = "angelica@{w.GATEWAY}" }}\n'
    world.gateway.conf.write_text(good + rule)
    world.gateway.process.popen.send_signal(1)
    world.gateway.wait_log("event=reloaded")
    token = new_id("reload")
    world.jabber_side.client("nurse").send_message(world.contact(world.romeo.address), token)
    assert world.romeo.wait_body(token)["From"].addresses[0].addr_spec == f"angelica@{w.GATEWAY}"


def test_the_log_has_no_body_no_subject_and_no_secret(prosody_world):
    world = prosody_world
    body, subject, answer = new_id("body"), new_id("subject"), new_id("answer")
    world.juliet.send_message(world.contact(world.romeo.address), body, subject=subject)
    world.romeo.answer(world.romeo.wait_body(body), answer)
    world.juliet.wait_message(has(answer))
    log = world.gateway.log_text()
    for private in (body, subject, answer, w.SECRET, w.MAIL_PASSWORD):
        assert private not in log


# The files in etc/.

def uncommented(text):
    """The sample with every option that is off switched on, and the secrets in the file taken out.
    """
    on = [line[1:] if re.match(r"#(\S|   )", line) else line for line in text.splitlines()]
    return "\n".join(line for line in on if not re.match(r"\s*(secret|password) =", line)) + "\n"


def test_the_sample_configuration_is_accepted(resting):
    conf = resting.gateway.conf
    conf.write_text((ETC / "postern.conf").read_text())
    assert "ok   configuration" in resting.gateway.command("check").stdout
    rules = resting.gateway.folder / "addresses"
    rules.write_text("nurse@example.org angelica@example.com\n")
    sample = uncommented((ETC / "postern.conf").read_text())
    assert '"/etc/postern/addresses"' in sample
    conf.write_text(sample.replace("/etc/postern/addresses", str(rules)))
    told = resting.gateway.command("map", "juliet@example.org")
    assert told.returncode == OK, told.stderr
    assert "juliet.c@example.com" in told.stdout


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_the_service_unit_is_valid_and_confined(tmp_path):
    unit = tmp_path / "postern.service"
    text = (ETC / "systemd" / "postern.service").read_text()
    text = re.sub(r"^Documentation=.*\n", "", text, flags=re.M)  # the manual is not installed here
    unit.write_text(text.replace("/usr/local/bin/postern", "/bin/true"))
    verify = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert verify.returncode == 0 and not verify.stderr, verify.stderr
    security = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit],
        capture_output=True, text=True)
    assert security.returncode == 0, security.stdout


def test_convert_prints_one_stanza_a_line(resting):
    mail = ("From: romeo@montague.example\nTo: juliet@mail.capulet.example\nSubject: x\n\n"
            "first line\nsecond line\n")
    printed = resting.gateway.command("convert", "--to", "jabber", stdin=mail).stdout
    assert printed.count("\n") == 1
    assert "first line&#10;second line" in printed
