"""Fixtures: servers are started once for the whole run, and only those that a chosen test asks for."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import world as w  # noqa: E402
from servers import postfix  # noqa: E402
from servers.ejabberd import Ejabberd  # noqa: E402
from servers.jabberd2 import Jabberd2  # noqa: E402
from servers.prosody import Prosody  # noqa: E402

HOSTS = {"prosody": Prosody, "ejabberd": Ejabberd, "jabberd2": Jabberd2}


@pytest.fixture(scope="session")
def folder():
    made = w.private_folder()
    yield made
    w.remove(made)


@pytest.fixture(scope="session")
def mail_side(folder):
    why = postfix.missing_right()
    if why:
        pytest.skip(why)
    side = w.MailSide(folder)
    try:
        yield side.start()
    finally:
        side.stop()


@pytest.fixture(scope="session", params=list(HOSTS))
def jabber_side(request, folder):
    side = w.JabberSide(folder, HOSTS[request.param])
    try:
        yield side.start()
    finally:
        side.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the end of every log of the servers that the test used."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if hasattr(value, "show_logs"):
                report.sections.append((f"logs of {name}", value.show_logs()))
