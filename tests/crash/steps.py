"""The names of all durable steps, gathered from the sources: nobody has to remember a new one."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STEP = re.compile(r'\bstep\("([^"]+)"\)')
FOLDERS = ("bridge", "component", "mail", "mapping", "store", "web")


def of_own_mailboxes():
    """Those of users' own mailboxes, which have a test and servers of their own."""
    return [name for name in every() if name.startswith("own.")]


def names():
    return [name for name in every() if not name.startswith("own.")]


def every():
    found = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.c")):
            found += STEP.findall(path.read_text())
    return sorted(found)


def twice():
    """Names that stand in two places: each of them would be tested at one only."""
    found = every()
    return sorted({name for name in found if found.count(name) > 1})
