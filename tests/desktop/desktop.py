"""A desktop nobody sees (Xvfb, openbox), and hands and eyes on it: windows by their titles, clicks at
places within them, pictures of one window.
"""

import os
import re
import subprocess
import time
from pathlib import Path

from servers.base import Process, wait_until

SIZE = "1280x900x24"


class Desktop:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.processes = []
        self.env = {"HOME": str(self.folder), "XDG_RUNTIME_DIR": str(self.folder), "LC_ALL": "C.UTF-8",
                    "QT_QPA_PLATFORM": "xcb", "GTK_THEME": "Adwaita", "TZ": "UTC",
                    "DBUS_SESSION_BUS_ADDRESS": "disabled:", "QT_HASH_SEED": "0"}

    def start(self):
        # It chooses a number that is free and tells it.
        read, write = os.pipe()
        os.set_inheritable(write, True)
        with open(self.folder / "xvfb.log", "wb") as log:
            self.server = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "Xvfb", "-displayfd", str(write), "-screen", "0", SIZE,
                 "-nolisten", "tcp"], pass_fds=[write], stdout=log, stderr=log)
        os.close(write)
        with os.fdopen(read) as told:
            self.env["DISPLAY"] = ":" + told.readline().strip()
        self.run("openbox", ["openbox"])
        time.sleep(1)
        return self

    def stop(self):
        for process in reversed(self.processes):
            process.stop()
        self.server.terminate()
        self.server.wait()

    def run(self, name, argv):
        self.processes.append(Process(name, argv, self.folder / f"{name}.log", self.env, self.folder))
        return self.processes[-1]

    def _do(self, *argv):
        return subprocess.run(argv, env={**os.environ, **self.env}, check=True, capture_output=True,
                              text=True).stdout

    def key(self, *keys):
        self._do("xdotool", "key", *keys)
        time.sleep(0.3)

    def type(self, text):
        self._do("xdotool", "type", "--delay", "15", "--", text)
        time.sleep(0.3)

    def rest(self):
        """Takes the pointer away from whatever it would light up."""
        self._do("xdotool", "mousemove", "1279", "899")
        time.sleep(0.4)

    def window(self, title, timeout_s=15):
        """The newest window whose title is (a regular expression) title."""
        def found():
            ids = subprocess.run(["xdotool", "search", "--onlyvisible", "--name", f"^{title}$"],
                                 env={**os.environ, **self.env}, capture_output=True, text=True).stdout.split()
            return ids and Window(self, ids[-1])
        window = wait_until(f"the window {title}", found, timeout_s)
        time.sleep(0.7)
        return window


class Window:
    def __init__(self, desktop, number):
        self.desktop = desktop
        self.number = number

    def geometry(self):
        text = self.desktop._do("xdotool", "getwindowgeometry", "--shell", self.number)
        return {name: int(value) for name, value in re.findall(r"(\w+)=(-?\d+)", text)}

    def place(self, x, y, width, height):
        self.desktop._do("xdotool", "windowsize", "--sync", self.number, str(width), str(height))
        self.desktop._do("xdotool", "windowmove", self.number, str(x), str(y))
        time.sleep(0.7)
        return self

    def click(self, x, y, times=1, button=1):
        """At a place within the window; negative: from its right or lower edge."""
        g = self.geometry()
        x, y = x if x >= 0 else g["WIDTH"] + x, y if y >= 0 else g["HEIGHT"] + y
        self.desktop._do("xdotool", "windowactivate", "--sync", self.number)
        self.desktop._do("xdotool", "mousemove", "--window", self.number, str(x), str(y), "sleep", "0.15",
                         "click", "--repeat", str(times), "--delay", "90", str(button))
        time.sleep(0.5)
        return self

    def picture(self, path):
        """What is in it, with its title left out."""
        self.desktop._do("xdotool", "windowactivate", "--sync", self.number)
        self.desktop.rest()
        self.desktop._do("import", "-window", self.number, str(path))

    def close(self):
        self.desktop._do("xdotool", "windowclose", self.number)
        time.sleep(0.5)
