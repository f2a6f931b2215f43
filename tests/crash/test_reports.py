"""A failure is told once, whichever way it is learned."""

import pytest


@pytest.fixture
def slow(bed):
    made = bed.instance({"queue": {"retry_first": 2, "retry_max": 2}})
    yield made
    made.close()


def test_what_was_told_while_the_mail_waited_for_its_next_try_is_not_told_again(slow):
    """The host says wait, so the mail is due again; before that, an error that is final comes."""
    token = slow.mail(user="busy", kind="refused")
    slow.gateway.launch()
    slow.settle()
    _, reports = slow.ledger.relay_copies()
    assert len(reports[token]) == 1, f"{reports[token]}\n{slow.show_logs()}"
    assert len(slow.people.copies(token)) == 1, "told as failed, so not tried again"
