"""Faults that take their time, for `make soak`: they end by a limit of half a minute, or go byte by
byte.
"""

import pytest

from faults import Wire, cpu_s
from people import wait_for

HALF_OPEN_S = 90


@pytest.fixture
def wired(bed):
    made = bed.instance()
    made.wires = {"jabber": Wire(bed.prosody.component_port), "smtp": Wire(made.relay.port),
                  "imap": Wire(bed.dovecot.imap_port)}
    made.gateway.configure({
        "jabber": {"port": made.wires["jabber"].port}, "smtp": {"port": made.wires["smtp"].port},
        "mailbox": {"bridge": {"port": made.wires["imap"].port}}})
    yield made
    made.close()
    for wire in made.wires.values():
        wire.close()


def test_a_stream_that_is_half_open_is_given_up_and_nothing_is_lost(wired):
    """The wire swallows all and says nothing: the barrier is not answered, and the stream goes."""
    wire = wired.wires["jabber"]
    wired.gateway.launch()
    wired.gateway.wait_up_or_dead()
    wire.stop()
    tokens = [wired.mail() for _ in range(5)]
    wait_for(lambda: f"the stream to be given up\n{wired.show_logs()}",
             lambda: "state=lost" in wired.gateway.log_text(), HALF_OPEN_S)
    assert not any(wired.people.copies(token) for token in tokens)
    wire.go_on()
    wired.settle(120)
    wired.ledger.verify(1)
    assert cpu_s(wired.gateway.process.pid) < 5
    assert wired.gateway.stop() == 0


@pytest.mark.parametrize("peer", ["smtp", "imap"])
def test_a_peer_that_is_slow_delays_nobody_else(wired, peer):
    """Fifty bytes a second from the one; the other direction has no reason to wait."""
    wired.wires[peer].byte_pause_s = 0.02
    wired.gateway.launch()
    wired.gateway.wait_up_or_dead()
    slow = wired.stanza() if peer == "smtp" else wired.mail()
    quick = [wired.mail() if peer == "smtp" else wired.stanza() for _ in range(3)]
    def has_arrived():
        if peer == "smtp":
            return all(wired.people.copies(token) for token in quick)
        relayed = wired.ledger.relay_copies()[0]
        return all(token in relayed for token in quick)
    wait_for(lambda: f"the quick ones\n{wired.show_logs()}", has_arrived, 20)
    wired.settle(240)
    assert slow in wired.ledger.entries
    wired.ledger.verify(0)
    assert wired.gateway.stop() == 0
