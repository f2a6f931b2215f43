"""The machine fails, the wire fails, the clock jumps: nothing is told too early, nothing is lost,
nothing spins, and all goes on when the fault is over.
"""

import socket
import time

import pytest

from faults import Clock, Machine, Wire, is_spinning
from people import wait_for

DAY_S = 86400
QUIET_S = 1.5  # long enough that what should not happen would have


def start(instance, env=None):
    instance.gateway.launch(env=env)
    instance.gateway.wait_up_or_dead()
    assert not instance.gateway.is_dead(), instance.show_logs()


def finish(instance):
    instance.settle()
    instance.check_files()
    instance.check_database()
    figures = instance.ledger.verify(0)
    assert figures["twice"] == 0 and figures["never accepted"] == 0
    assert instance.gateway.stop() == 0


def wait_log(instance, text, timeout_s=20):
    wait_for(lambda: f"{text!r} in the log\n{instance.show_logs()}",
             lambda: text in instance.gateway.log_text(), timeout_s)


# The disk.

@pytest.mark.parametrize("fault", ["w", "s"], ids=["full", "fsync-fails"])
def test_what_cannot_be_made_safe_is_not_accepted(instance, fault):
    machine = Machine(instance.gateway.folder)
    start(instance, machine.env)
    before = [instance.mail(), instance.stanza()]
    instance.settle()
    machine.set(fault)
    mails = [instance.mail(), instance.mail(attachments=(2000,))]
    stanzas = [instance.stanza() for _ in range(3)]
    for token in stanzas:
        wait_for(lambda: f"the refusal of {token}\n{instance.show_logs()}",
                 lambda: instance.people.errors_for(token), 20)
    time.sleep(QUIET_S)
    relayed = instance.ledger.relay_copies()[0]
    assert len(instance.unread()) == len(mails), "marked as done and not safe"
    assert not any(token in relayed for token in stanzas), "sent and not safe"
    assert not any(instance.people.copies(token) for token in mails)
    assert not set(stanzas) & instance.ledger.linked()
    assert not instance.gateway.is_dead()
    assert not is_spinning(instance.gateway.process.pid)
    machine.set("")
    finish(instance)
    assert all(token in instance.ledger.relay_copies()[0] for token in before[1:])


@pytest.mark.parametrize("fault", ["w", "s"], ids=["full", "fsync-fails"])
def test_an_outcome_that_cannot_be_written_is_written_later_and_repeats_nothing(instance, fault):
    """The relay has it, and the disk cannot be told so."""
    machine = Machine(instance.gateway.folder)
    start(instance, machine.env)
    instance.relay.script("END", "451 4.3.0 not now", "250 2.0.0 taken")
    token = instance.stanza()
    wait_log(instance, "event=later")
    machine.set(fault)
    wait_for(lambda: f"the second try\n{instance.show_logs()}",
             lambda: token in instance.ledger.relay_copies()[0], 20)
    wait_log(instance, "event=write-failed")
    time.sleep(QUIET_S)
    assert instance.rows("SELECT count(*) FROM item") == [(1,)]
    machine.set("")
    finish(instance)


def test_nothing_is_told_before_it_is_on_the_disk(instance):
    """For a power cut, which no signal can play: in the order of the system calls the mark in the
    mailbox follows the sync of the log that has the mail, and so does the mail that a stanza became.
    """
    token = instance.mail()
    machine = Machine(instance.gateway.folder, token)
    start(instance, machine.env)
    instance.settle()
    assert instance.gateway.stop() == 0
    events = machine.trace()
    written = next(n for n, (word, text) in enumerate(events)
                   if word == "file" and text.endswith("-wal"))
    synced = next(n for n, (word, text) in enumerate(events)
                  if n > written and word == "sync" and text.endswith("-wal"))
    told = [n for n, (word, text) in enumerate(events) if "UID STORE" in text]
    sent = [n for n, (word, text) in enumerate(events) if word == "net-token" and "<message" in text]
    assert told and sent
    assert min(told) > synced, events[:written + 20]
    assert min(sent) > synced, "the stanza is sent only when the mail is safe"


def test_a_mail_goes_out_only_when_it_is_on_the_disk(instance):
    machine = Machine(instance.gateway.folder, "tok-x-")
    start(instance, machine.env)
    instance.stanza()
    instance.settle()
    assert instance.gateway.stop() == 0
    events = machine.trace()
    written = next(n for n, (word, text) in enumerate(events)
                   if word == "file" and text.endswith("-wal"))
    synced = next(n for n, (word, text) in enumerate(events)
                  if n > written and word == "sync" and text.endswith("-wal"))
    sent = next(n for n, (word, text) in enumerate(events) if word == "net-token")
    assert sent > synced


# Descriptors.

def test_descriptors_used_up_cost_time_and_nothing_else(instance):
    machine = Machine(instance.gateway.folder)
    start(instance, machine.env)
    machine.set("d")
    instance.mail()
    instance.mail(attachments=(500,))
    instance.stanza()
    with socket.create_connection(("127.0.0.1", instance.gateway.web_port)) as visitor:
        visitor.sendall(b"GET /f/x HTTP/1.0\r\n\r\n")
        time.sleep(QUIET_S)
        assert not is_spinning(instance.gateway.process.pid), \
            "a visitor who cannot be let in keeps it busy"
        assert not instance.gateway.is_dead(), instance.show_logs()
        machine.set("")
        visitor.settimeout(20)
        assert visitor.recv(100).startswith(b"HTTP/1"), "who waited is let in"
    finish(instance)


# The clock.

@pytest.fixture
def waiting(bed):
    """A gateway whose lifetime for mail is the usual one, so that a day is not the end of it."""
    made = bed.instance({"queue": {"retry_first": 1, "retry_max": 2, "lifetime": 432000}})
    yield made
    made.close()


@pytest.mark.parametrize("jump", [DAY_S, -DAY_S], ids=["forward", "back"])
def test_the_clock_jumps_a_day_while_mail_waits(waiting, jump):
    instance = waiting
    clock = Clock(instance.gateway.folder)
    start(instance, clock.env)
    instance.relay.script("MAIL", "451 4.3.0 not now")
    token = instance.stanza()
    wait_log(instance, "event=later")
    clock.set(jump)
    more = [instance.stanza(), instance.mail(), instance.mail(attachments=(500,))]
    time.sleep(QUIET_S)
    assert not is_spinning(instance.gateway.process.pid)
    assert "event=failed" not in instance.gateway.log_text(), "given up before its time"
    instance.relay.behave()
    finish(instance)
    assert not instance.people.errors_for(token) and more


@pytest.mark.parametrize("jump", [DAY_S, -DAY_S], ids=["forward", "back"])
def test_the_clock_jumps_a_day_between_two_lives(waiting, jump):
    instance = waiting
    clock = Clock(instance.gateway.folder)
    start(instance, clock.env)
    instance.relay.script("MAIL", "451 4.3.0 not now")
    instance.stanza()
    wait_log(instance, "event=later")
    assert instance.gateway.stop() == 0
    clock.set(jump)
    instance.relay.behave()
    start(instance, clock.env)
    instance.mail()
    finish(instance)


# The wire.

@pytest.fixture
def wired(bed):
    """A gateway with a wire of its own to each server."""
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


@pytest.mark.parametrize("peer", ["smtp", "imap"])
def test_a_peer_is_cut_off_again_and_again(wired, peer):
    """Each connection lives for a few bytes more than the one before it."""
    wire = wired.wires[peer]
    cuts = list(range(0, 420, 14))
    start(wired)
    for kind in range(3):
        wired.mail()
        wired.stanza()
    for cut in cuts:
        wire.cut_after = cut
        before = wire.connections
        if not wired.ledger.missing():
            wired.mail()
            wired.stanza()
        time.sleep(0.05)
        wire.cut_after = cut if wire.connections == before else cut
    wire.cut_after = None
    wired.settle()
    wired.ledger.verify(wire.connections)
    wired.check_files()
    assert wired.gateway.stop() == 0
