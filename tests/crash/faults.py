"""Ways to hurt a running gateway: a machine that fails (shim.c), a wire that fails, a clock that
jumps.
"""

import os
import socket
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHIM = ROOT / "build" / "crash" / "shim.so"
TICKS = os.sysconf("SC_CLK_TCK")


def build_shim():
    source = ROOT / "tests" / "crash" / "shim.c"
    SHIM.parent.mkdir(parents=True, exist_ok=True)
    if not SHIM.exists() or SHIM.stat().st_mtime < source.stat().st_mtime:
        subprocess.run([*os.environ.get("CC", "gcc").split(), "-std=gnu17", "-Wall", "-Wextra", "-Werror",
                        "-O1", "-shared", "-fPIC", "-o", SHIM, source, "-ldl"], check=True)
    return SHIM


class Machine:
    """The faults of the machine under one gateway; set() them while it runs."""

    def __init__(self, folder, token=None):
        self._file = Path(folder) / "faults"
        self._trace = Path(folder) / "trace"
        self._file.write_text("")
        self.env = {"LD_PRELOAD": str(build_shim()), "FAULT_FILE": str(self._file)}
        if token:
            self.env |= {"FAULT_TRACE": str(self._trace), "FAULT_TOKEN": token}

    def set(self, letters):
        new = self._file.with_suffix(".new")
        new.write_text(letters)
        new.rename(self._file)

    def trace(self):
        """[(word, text)] in order."""
        if not self._trace.exists():
            return []
        lines = self._trace.read_text(errors="replace").splitlines()
        return [tuple(line.split(" ", 1)) for line in lines if " " in line]


def cpu_s(pid):
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def is_spinning(pid, for_s=1.5):
    """Does it use most of a processor, with nothing to do?"""
    before = cpu_s(pid)
    time.sleep(for_s)
    return cpu_s(pid) - before > for_s / 2


class Wire:
    """A proxy on a port of its own: a wire that can be cut, stopped, or slowed down."""

    def __init__(self, port):
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self.cut_after = None  # bytes from the server, for the connections to come
        self.byte_pause_s = 0  # between bytes from the server
        self._flows = threading.Event()
        self._flows.set()
        self._pairs = []
        threading.Thread(target=self._listen, daemon=True).start()

    def stop(self):
        """Nothing passes any more, and nobody is told."""
        self._flows.clear()

    def go_on(self):
        self._flows.set()

    def close(self):
        self._flows.set()
        self._listener.close()
        for pair in self._pairs:
            for end in pair:
                end.close()

    def _listen(self):
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                if self._listener.fileno() < 0:
                    return
                client.close()
                continue
            self.connections += 1
            self._pairs.append((client, server))
            limit = self.cut_after
            for args in ((client, server, None), (server, client, limit)):
                threading.Thread(target=self._pass_on, args=args, daemon=True).start()

    def _pass_on(self, source, sink, limit):
        is_reply = limit is not None or self.byte_pause_s
        try:
            while limit is None or limit > 0:
                data = source.recv(65536 if limit is None else min(limit, 65536))
                if not data:
                    break
                self._flows.wait()
                if limit is not None:
                    limit -= len(data)
                if is_reply and self.byte_pause_s:
                    for n in range(len(data)):
                        time.sleep(self.byte_pause_s)
                        sink.sendall(data[n:n + 1])
                else:
                    sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Clock:
    """The wall clock of one gateway (shim.c); the monotonic one is left alone."""

    def __init__(self, folder):
        self._file = Path(folder) / "clock"
        self._file.write_bytes(bytes(8))
        self.env = {"LD_PRELOAD": str(build_shim()), "FAULT_CLOCK": str(self._file)}

    def set(self, seconds):
        """So far it is wrong from now on."""
        with open(self._file, "r+b", buffering=0) as clock:
            clock.write(seconds.to_bytes(8, "little", signed=True))
