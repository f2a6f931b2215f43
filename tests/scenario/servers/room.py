"""A mail server that is only unpacked (tests/mta.sh) runs in a room of its own.

Exim and OpenSMTPD look for users of their names, and OpenSMTPD for folders whose paths are compiled
in.  Neither is on this machine, nor shall be: in a mount namespace of its own the server sees a
passwd and group with these users, and folders of the test in the places it insists on.  Nobody
else sees any of it, and it is gone when the server ends.  That needs root.
"""

import os
import shutil
import subprocess
from pathlib import Path

from .base import ROOT

MTA = ROOT / "build" / "mta"


def missing_right(name, program):
    """Why the server cannot run here; None when it can."""
    if not (MTA / name / program).exists():
        return f"{name} is not unpacked (tests/mta.sh does that)"
    if os.geteuid() != 0:
        return f"a private {name} needs root: it wants users and folders of its own"
    if not shutil.which("unshare") or subprocess.run(
            ["unshare", "-m", "true"], capture_output=True).returncode != 0:
        return f"a private {name} needs a mount namespace, which may not be made here"
    return None


class Room:
    """folder: holds the files of the room; users: name -> number, of users and their groups."""

    def __init__(self, folder, users):
        self.folder = Path(folder)
        self.users = dict(users)
        self._mounts = []
        passwd = Path("/etc/passwd").read_text()
        group = Path("/etc/group").read_text()
        for name, number in self.users.items():
            passwd += f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n"
            group += f"{name}:x:{number}:\n"
        for name, text in (("passwd", passwd), ("group", group)):
            (self.folder / name).write_text(text)
            self.show(self.folder / name, f"/etc/{name}")

    def show(self, source, place):
        """Inside, source is what stands at place, which must exist outside as well."""
        self._mounts.append(f"mount --bind '{source}' '{place}'")

    def hide(self, place, *folders):
        """Inside, place is empty but for new empty folders of these names."""
        self._mounts.append(f"mount -t tmpfs -o mode=755 none '{place}'")
        self._mounts.extend(f"mkdir -p '{place}/{folder}'" for folder in folders)

    def argv(self, *command):
        """The command, to be run inside."""
        script = "; ".join(["set -e", "mount --make-rprivate /", *self._mounts, 'exec "$@"'])
        return ["unshare", "-m", "sh", "-c", script, "sh", *map(str, command)]
