"""Fixtures: servers are started once for the whole run, and only those that a chosen test asks for.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import world as w  # noqa: E402
from fake.smtp_relay import FakeRelay  # noqa: E402
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


@pytest.fixture(scope="session")
def hosts(folder):
    """Gives the running host server of a name; each is started at first use."""
    sides = {}

    def side(name):
        why = HOSTS[name].missing_right()
        if why:
            pytest.skip(why)
        if name not in sides:
            sides[name] = w.JabberSide(folder, HOSTS[name])
            sides[name].start()
        return sides[name]

    yield side
    for started in sides.values():
        started.stop()


@pytest.fixture(scope="session", params=list(HOSTS))
def jabber_side(request, hosts):
    """Each host server in turn."""
    return hosts(request.param)


@pytest.fixture
def make_world(folder, hosts, mail_side):
    """Makes worlds with a configuration or a relay of their own; they end with the test."""
    made = []

    def make(changes=None, relay=None, host="prosody"):
        made.append(w.World(folder, hosts(host), mail_side, changes, relay))
        return made[-1]

    make.show_logs = lambda: "\n".join(world.show_logs() for world in made)
    yield make
    statuses = [world.stop() for world in made]
    assert not any(statuses), f"a gateway did not end well: {statuses}\n{make.show_logs()}"


@pytest.fixture
def world(make_world, jabber_side):
    """The world as an administrator sets it up, on each host server in turn."""
    return make_world(host=jabber_side.server.name).start()


@pytest.fixture
def prosody_world(make_world):
    """The same on Prosody alone, for what does not depend on the host."""
    return make_world().start()


@pytest.fixture
def relay():
    with FakeRelay() as fake:
        yield fake


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the end of every log of the servers that the test used."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if hasattr(value, "show_logs"):
                report.sections.append((f"logs of {name}", value.show_logs()))
