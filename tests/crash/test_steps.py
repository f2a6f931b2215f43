"""The process dies at every durable step once, both directions busy; nothing accepted is lost.

All steps run a few at a time, because they wait more than they compute; each test then looks at the
ledger of its own.
"""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

import steps
from bed import PROGRAM

AT_ONCE = 6
STEPS = steps.names()
DEATH_S = 30


def chosen(session):
    """The steps whose tests were asked for."""
    names = [re.search(r"\[(.*)\]", item.name) for item in session.items
             if item.name.startswith("test_dies_at[")]
    return [name.group(1) for name in names if name]


@pytest.fixture(scope="session")
def outcomes(bed, request):
    names = chosen(request.session)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield dict(zip(names, pool.map(lambda name: attempt(bed, name), names)))


def attempt(bed, name):
    instance = bed.instance()
    try:
        return run(instance, name)
    except Exception as e:  # told by the test that this step belongs to
        return e
    finally:
        instance.close()


def run(instance, name):
    """Traffic, death, a start without it; returns the ledger's figures."""
    gateway = instance.gateway
    if name.startswith(("smtp.", "submit.")):
        gateway.configure({"smtp": {"engine": "own" if name[1] == "u" else "libesmtp"}})
    instance.mails()
    if name.startswith("success."):
        instance.mail("asked", by_lmtp=True)
    if name.startswith("release."):
        instance.hold()
    gateway.launch(die_at=name)
    gateway.wait_up_or_dead()
    instance.stanzas()
    if name.startswith("release."):
        instance.people.appear("keeper", instance.domain)
    if name.startswith("stop."):
        gateway.process.popen.terminate()
    assert instance.wait_dead(DEATH_S), f"{name} is never passed\n{instance.show_logs()}"
    gateway.launch()
    gateway.wait_up_or_dead()
    instance.settle()
    instance.check_files()
    instance.check_database()
    figures = instance.ledger.verify(instance.crashes)
    status = gateway.stop()
    assert status == 0, f"it ended with {status}\n{instance.show_logs()}"
    return figures


@pytest.mark.parametrize("name", STEPS)
def test_dies_at(outcomes, name):
    outcome = outcomes[name]
    if isinstance(outcome, Exception):
        raise outcome
    assert outcome["in"] >= 9
    print(name, outcome)


def test_each_step_has_a_name_of_its_own():
    assert len(STEPS) > 40
    assert not steps.twice()


def test_the_usual_program_has_no_steps():
    """Not a word of it: nobody can make a running gateway die by its environment."""
    usual = PROGRAM.parents[2] / "postern"
    if not usual.exists():
        pytest.skip(f"{usual} is not built")
    assert b"POSTERN_DIE_AT" in PROGRAM.read_bytes()
    assert b"POSTERN_DIE_AT" not in usual.read_bytes()
