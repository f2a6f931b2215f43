"""The gateway under test: its configuration, its process, its log, and ways to hurt it."""

import json
import os
import re
import subprocess
from collections import Counter
from pathlib import Path

from servers.base import PATIENCE_S, ROOT, Process, free_port, tail, wait_until

PROGRAM = Path(os.environ.get("POSTERN", ROOT / "postern"))
READY = (r"stream .*state=up", r"inbound .*event=watching")


def render(options, indent=""):
    """A dict as configuration: a dict is a section, a dict of dicts one section for each title."""
    lines = []
    for name, value in options.items():
        if isinstance(value, dict) and value and all(isinstance(v, dict) for v in value.values()):
            for title, section in value.items():
                lines.append(_section(f"{name} {_text(title)}", section, indent))
        elif isinstance(value, dict):
            lines.append(_section(name, value, indent))
        elif isinstance(value, (list, tuple)):
            lines.append(f"{indent}{name} = {{ {', '.join(map(_text, value))} }}\n")
        elif isinstance(value, int):
            lines.append(f"{indent}{name} = {value}\n")
        elif value is not None:
            lines.append(f"{indent}{name} = {_text(value)}\n")
    return "".join(lines)


def _section(head, options, indent):
    return f"{indent}{head} {{\n{render(options, indent + '    ')}{indent}}}\n"


def _text(value):
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def merge(base, changes):
    """base with changes laid over it, section by section; None takes an option away."""
    merged = dict(base)
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(merged.get(name), dict):
            merged[name] = merge(merged[name], value)
        else:
            merged[name] = value
    return merged


class Gateway:
    """One postern.  start() waits until it serves; every restart uses the same folder, database and
    ports.
    """

    def __init__(self, folder, options):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.web_port = free_port()
        self.log = self.folder / "postern.log"
        self.conf = self.folder / "postern.conf"
        self.database = self.folder / "postern.db"
        self.process = None
        self.env = None  # beside its own: of a clock that can be set
        self._log_start = 0
        self.options = merge({
            "web": {"listen": f"127.0.0.1:{self.web_port}",
                    "url": f"http://127.0.0.1:{self.web_port}"},
            "store": {"url": f"sqlite:{self.database}"},
        }, options)
        self.configure({})

    def configure(self, changes):
        """Writes the configuration anew; it counts from the next start or SIGHUP on."""
        self.options = merge(self.options, changes)
        self.conf.touch(mode=0o600)
        self.conf.write_text(render(self.options))

    def start(self, ready=READY):
        assert PROGRAM.exists(), f"{PROGRAM} is not built"
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        argv = [PROGRAM, "-c", self.conf, "run"]
        self.process = Process("postern", argv, self.log, env=self.env, cwd=self.folder)
        self.wait_log(*ready)
        return self

    def wait_log(self, *patterns, timeout_s=PATIENCE_S):
        """Waits until each pattern stands in the log since the last start, as often as it is given."""
        wanted = Counter(patterns).items()

        def all_there():
            text = self.log_text()
            if all(len(re.findall(pattern, text)) >= count for pattern, count in wanted):
                return True
            assert self.process.is_alive(), \
                f"postern ended with {self.process.popen.returncode}\n{self.show_logs()}"
            return False
        try:
            wait_until(f"{patterns} in the log", all_there, timeout_s)
        except TimeoutError as e:
            raise TimeoutError(f"{e}\n{self.show_logs()}") from e

    def log_text(self):
        """What the log says since the last start."""
        if not self.log.exists():
            return ""
        with open(self.log, "rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def stop(self):
        """Ends it in order; returns the exit status, None when it does not run."""
        process, self.process = self.process, None
        return process.stop() if process else None

    def kill9(self):
        """Ends it as a power cut would."""
        self.process.popen.kill()
        self.process.popen.wait()
        self.process = None

    def restart(self, ready=READY):
        self.stop()
        return self.start(ready)

    def command(self, *argv, stdin=None, timeout_s=60):
        """Runs postern with the same configuration, beside or without the one that serves."""
        return subprocess.run([PROGRAM, "-c", self.conf, *argv], input=stdin, capture_output=True,
                              text=True, timeout=timeout_s, cwd=self.folder)

    def queue(self):
        """What `postern queue list` tells.  What has arrived leaves the queue a moment later."""
        return json.loads(self.command("queue", "list", "--json").stdout)

    def show_logs(self):
        return f"--- {self.conf} ---\n{tail(self.conf)}\n--- {self.log} ---\n{tail(self.log, 200)}"
