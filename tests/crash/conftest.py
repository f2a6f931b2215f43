"""Fixtures: one bed of real servers for the whole run, built when a test first asks for it."""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
os.environ.setdefault("POSTERN", str(ROOT / "build" / "crash" / "postern"))
sys.path[:0] = [str(HERE), str(HERE.parent / "scenario"), str(HERE.parent)]

from bed import Bed  # noqa: E402


@pytest.fixture(scope="session")
def bed():
    why = Bed.missing_right()
    if why:
        pytest.skip(why)
    with Bed() as made:
        yield made


@pytest.fixture
def instance(bed):
    """A gateway of its own between the shared servers."""
    made = bed.instance()
    yield made
    made.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if hasattr(value, "show_logs"):
                report.sections.append((f"logs of {name}", value.show_logs()))
