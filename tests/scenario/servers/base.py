"""What all private servers share: ports, processes, snippets, and failures that show the log."""

import fcntl
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ETC = ROOT / "etc"
START_TIMEOUT_S = 120
PATIENCE_S = 60  # for what comes in a moment where nobody else works: it takes no longer than it takes

PORTS = range(15000, 32000)  # below those that outgoing connections take theirs from
PORTS_FILE = Path(tempfile.gettempdir()) / f"postern-tests-ports.{os.getuid()}"

_given_ports = set()
_ports = []  # the file of the ports, open for as long as we run


class ServerFailure(Exception):
    """A server did not start, or died; the text has the end of its log."""


def _is_ours_alone(port):
    """Whether no other run of the tests on this machine has taken the port; from now on we have.

    The lock of a byte of a file: it goes with our process, whatever way that ends.
    """
    if not _ports:
        _ports.append(open(PORTS_FILE, "ab"))
    try:
        fcntl.lockf(_ports[0], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


def free_port():
    """A loopback port that nobody uses now, and that stays free while a server is restarted."""
    for port in random.sample(PORTS, 1000):
        if port in _given_ports or not _is_ours_alone(port):
            continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given_ports.add(port)
        return port
    raise ServerFailure(f"no free port on 127.0.0.1 in {PORTS}")


def wait_until(what, predicate, timeout_s=PATIENCE_S, every_s=0.05):
    """Calls predicate until it gives something true, and returns that."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s} s for {what}")
        time.sleep(every_s)


def is_listening(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


def snippet(path, replacements):
    """The text of a file below etc/ with names, ports and paths put in.

    Each replacement must be needed: a snippet that has changed its ways shall fail, not pass by
    luck.
    """
    text = (ETC / path).read_text()
    for old, new in replacements.items():
        if old not in text:
            raise ServerFailure(f"etc/{path} has no {old!r} any more")
        text = text.replace(old, str(new))
    return text


def tail(path, lines=60):
    try:
        return "\n".join(Path(path).read_text(errors="replace").splitlines()[-lines:])
    except OSError as e:
        return f"({e})"


class Process:
    """One process of ours with its output in a file; ends with us even when we are killed."""

    def __init__(self, name, argv, log, env=None, cwd=None):
        self.name = name
        self.log = Path(log)
        with open(self.log, "ab") as out:
            self.popen = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *map(str, argv)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                env=dict(os.environ, **(env or {})), cwd=cwd, start_new_session=True)

    @property
    def pid(self):
        return self.popen.pid

    def is_alive(self):
        return self.popen.poll() is None

    def stop(self, timeout_s=PATIENCE_S, signo=signal.SIGTERM):
        """Asks it to end, insists after a while; returns the exit status."""
        if self.is_alive():
            self.popen.send_signal(signo)
            try:
                self.popen.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        return self.popen.wait()


class Server:
    """A private server: start, stop, restart, log.  The folder is made here, ports by the module.
    """

    name = "server"

    def __init__(self, folder):
        self.folder = Path(folder) / self.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / (self.name + ".log")
        self.processes = []

    def run(self, argv, env=None, log=None):
        process = Process(self.name, argv, log or self.log, env=env, cwd=self.folder)
        self.processes.append(process)
        return process

    def wait_for(self, what, predicate, timeout_s=START_TIMEOUT_S):
        """Waits until predicate is true; fails at once, with the log, when a process of the server
        ends.
        """
        def answers():
            for process in self.processes:
                if not process.is_alive():
                    status = process.popen.returncode
                    raise ServerFailure(f"{self.name} ended with {status}\n{self.show_log()}")
            return predicate()
        try:
            wait_until(f"{self.name}: {what}", answers, timeout_s)
        except TimeoutError as e:
            raise ServerFailure(f"{e}\n{self.show_log()}") from e

    def wait_for_ports(self, ports):
        self.wait_for(f"ports {ports}", lambda: all(is_listening(port) for port in ports))

    def start(self):
        raise NotImplementedError

    def stop(self):
        for process in reversed(self.processes):
            process.stop()
        self.processes.clear()

    def restart(self):
        self.stop()
        self.start()

    def show_log(self):
        return self.show_file(self.log)

    @staticmethod
    def show_file(path):
        return f"--- {path} ---\n{tail(path)}"


class JabberServer(Server):
    """A host server: one Jabber domain with users, and the gateway's component.

    Has c2s_port for clients and component_port for the gateway.  sends_client_namespace: stanzas
    reach the component in jabber:client although its stream is jabber:component:accept.
    """

    sends_client_namespace = False

    @staticmethod
    def missing_right():
        """Why it cannot run here; None when it can."""
        return None

    def __init__(self, folder, domain, users, component, secret):
        super().__init__(folder)
        self.domain = domain
        self.users = dict(users)  # name -> password
        self.component = component
        self.secret = secret
        self.c2s_port = free_port()
        self.component_port = free_port()
