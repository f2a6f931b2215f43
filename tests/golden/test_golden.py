"""Each golden pair is one test; run.py beside this file says what they are."""

import email
import email.policy
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


def transactions(output):
    """The mails of an output, each without its envelope; where there are several they end as in SMTP."""
    text = run.split_output(output)[1]
    several = "\n.\nMAIL FROM:" in text
    for one in text.removesuffix(".\n").split("\n.\n") if several else [text]:
        mail = one.split("\n\n", 1)[1]
        yield mail.replace("\n..", "\n.") if several else mail


def mails():
    return [p for p in sorted(run.HERE.glob("to-mail/*.eml"))]


@pytest.mark.parametrize("path", mails(), ids=[p.stem for p in mails()])
def test_mail_is_sound(path):
    """Another parser than ours has nothing to complain of in any mail."""
    for mail in transactions(path.read_bytes().decode()):
        check_mail(email.message_from_bytes(mail.replace("\n", "\r\n").encode(), policy=email.policy.default))


def check_mail(message):
    for part in message.walk():
        assert not part.defects
        for name, value in part.items():
            assert not value.defects, name
    for name in ("Date", "From", "Message-ID", "Subject", "To"):
        assert len(message.get_all(name, [])) == 1, name
    assert len(message["From"].addresses) == 1


def test_there_are_pairs():
    assert len(run.cases()) >= 15
