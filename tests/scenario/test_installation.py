"""What an administrator is told and given: the README's steps, `make install`, the service manager."""

import os
import re
import shutil
import signal
import socket
import subprocess

import pytest

from gateway import PROGRAM
from servers.base import ETC, ROOT, wait_until

README = (ROOT / "README").read_text()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """What `make install` puts into a package."""
    folder = tmp_path_factory.mktemp("installed")
    made = subprocess.run(
        ["make", "-s", "-C", ROOT, "-o", "postern", "install", f"DESTDIR={folder}", "PREFIX=/usr"],
        capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder / "usr"


@pytest.mark.skipif(not (ROOT / "postern").exists(), reason="./postern is not built")
def test_make_install_brings_program_manual_service_and_samples(installed):
    assert os.access(installed / "bin/postern", os.X_OK)
    for page in ("man1/postern.1", "man5/postern.conf.5"):
        assert (installed / "share/man" / page).read_text().startswith(".Dd ")
    unit = (installed / "lib/systemd/system/postern.service").read_text()
    assert "ExecStart=/usr/bin/postern run\n" in unit and "/usr/local" not in unit
    samples = installed / "share/doc/postern/examples"
    for sample in (path for path in ETC.rglob("*") if path.is_file()):
        copy = samples / sample.relative_to(ETC)
        assert copy.read_text() == sample.read_text()
        assert copy.stat().st_mode & 0o777 == 0o644


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
@pytest.mark.skipif(not (ROOT / "postern").exists(), reason="./postern is not built")
def test_the_service_manager_understands_the_unit(installed, tmp_path):
    """No service is started: the unit is only read, and what it leaves to an attacker is rated."""
    unit = tmp_path / "postern.service"
    text = (installed / "lib/systemd/system/postern.service").read_text()
    unit.write_text(text.replace("/usr/bin/postern", str(installed / "bin/postern")))
    read = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True,
                          text=True)
    assert (read.returncode, read.stdout + read.stderr) == (0, "")
    rated = subprocess.run(["systemd-analyze", "security", "--offline=true", unit],
                           capture_output=True, text=True)
    found = re.search(r"exposure level for postern.service: ([0-9.]+)", rated.stdout)
    assert not found or float(found.group(1)) < 2, rated.stdout


def step(number):
    """The text of one step of the README's installation."""
    return re.search(rf"^{number}\. .*?(?=^\d\. |^\S+.*\n---)", README, re.M | re.S)[0]


def commands(text):
    """The lines that stand as commands in a step, with continued ones joined."""
    joined = text.replace("\\\n", "")
    return [line.strip() for line in joined.splitlines() if line.startswith("       ")]


def test_the_readme_names_only_files_that_exist():
    steps = README[README.index("Installing it\n"):README.index("When it does not work\n")]
    names = set(re.findall(r"(?<![\w/.-])((?:prosody|ejabberd|jabberd2|postfix|dovecot)/[\w.-]+)",
                           steps))
    assert len(names) >= 7, names
    for name in names:
        assert (ETC / name.rstrip(".")).is_file(), name
    for name in re.findall(r"^    ((?:doc|etc|tests)/\S*)", README, re.M):
        assert (ROOT / name).exists() or name == "doc/BENCHMARKS.md", name
    assert max(map(len, README.splitlines())) <= 100


def test_the_readme_puts_names_and_secrets_into_the_samples(tmp_path):
    """The very commands of step 2, in a folder of ours, and what postern makes of the result."""
    copy, conf = tmp_path / "postern-etc", tmp_path / "postern.conf"
    script = "\n".join(commands(step(2)))
    for old, new in (("/root/postern-etc", str(copy)), ("YOUR.DOMAIN", "capulet.example"),
                     ("install -o postern -g postern -m 600 postern.conf /etc/postern/postern.conf",
                      f"install -m 600 postern.conf {conf}")):
        assert old in script, old
        script = script.replace(old, new)
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    text = {path.name: path.read_text() for path in copy.rglob("*") if path.is_file()}
    assert not [name for name, t in text.items() if "change me" in t or "example.org" in t]
    section = {m[1]: m[2] for m in re.finditer(r"^(jabber|mailbox) .*?\"([0-9a-f]{32})\"",
                                               conf.read_text(), re.M | re.S)}
    assert section["jabber"] != section["mailbox"]
    for name in ("postern.cfg.lua", "postern.yml", "router-secret.xml"):
        assert section["jabber"] in text[name], name
    assert section["mailbox"] in text["postern.users"]
    told = subprocess.run([PROGRAM, "-c", conf, "check"], capture_output=True, text=True)
    assert "ok   configuration" in told.stdout, told.stdout
    told = subprocess.run([PROGRAM, "-c", conf, "map", "juliet@capulet.example"],
                          capture_output=True, text=True)
    assert "juliet@mail.capulet.example" in told.stdout


@pytest.mark.parametrize("command", [line for n in (3, 4) for line in commands(step(n))
                                     if line.startswith(("install ", "cp ", "cat "))])
def test_the_readme_installs_what_is_there(command):
    """Each file that a command of steps 3 and 4 takes is a sample; -d makes a folder instead."""
    words = command.replace(">>", " ").split()
    if "-d" not in words:
        taken = words[-2]
        assert (ETC / taken).is_file(), command


@pytest.mark.parametrize("words", [
    "cannot connect to", "the host refuses the secret: compare jabber.secret with",
    "the file holds a secret and can be read by others; type: chmod 600",
    "may not write in the folder", "give it to the user the gateway runs as, and run"])
def test_the_readme_quotes_the_program(words):
    said = " ".join(README.split())
    source = re.sub(r'"\s*"', "", " ".join(
        path.read_text() for folder in ("base", "bridge", "component", "mail", "store")
        for path in (ROOT / folder).rglob("*.c")))
    assert words in said and words in source


class Manager:
    """What the service manager does with Type=notify: a socket, and the words that arrive."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name)
        self.socket.setblocking(False)
        self.told = []

    def has_heard(self, word):
        try:
            while True:
                self.told += self.socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            return word in self.told


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_the_service_manager_is_told_of_start_and_end(make_world, tmp_path, monkeypatch, kind):
    name = str(tmp_path / "notify") if kind == "path" else f"@postern-test-{os.getpid()}"
    manager = Manager(name.replace("@", "\0", 1) if kind == "abstract" else name)
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    world = make_world().start()
    wait_until("READY=1", lambda: manager.has_heard("READY=1"))
    assert "STOPPING=1" not in manager.told
    world.gateway.process.popen.send_signal(signal.SIGHUP)
    world.gateway.wait_log("event=reloaded")
    assert world.gateway.process.is_alive()
    assert world.stop() == 0
    assert manager.has_heard("STOPPING=1")
    assert manager.told.index("READY=1") < manager.told.index("STOPPING=1")
    assert manager.told.count("READY=1") == manager.told.count("STOPPING=1") == 1


def test_a_wrong_configuration_is_never_ready(make_world, tmp_path, monkeypatch):
    manager = Manager(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    assert make_world({"queue": {"lifetime": "soon"}}).gateway.command("run").returncode == 78
    assert not manager.has_heard("READY=1")
