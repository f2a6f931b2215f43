"""Each golden pair is one test; run.py beside this file says what they are."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import run  # noqa: E402


@pytest.mark.parametrize("direction,name", run.cases(), ids=["/".join(c) for c in run.cases()])
def test_pair(direction, name, request):
    trouble = run.check(direction, name, request.config.getoption("--update"))
    if trouble:
        pytest.fail(trouble, pytrace=False)


def test_there_are_pairs():
    assert len(run.cases()) >= 15
