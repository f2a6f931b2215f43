"""The process dies at each durable step of a user's own mailbox: what came and what left is there."""

import tempfile
from pathlib import Path

import pytest

import steps
import world as w
from bed import Crashing
from gateway import merge
from jabber import has, new_id
from mail import body_of, parse
from people import wait_for
from servers import postfix
from servers.prosody import Prosody
from test_own_mailbox import JULIET, Provider, accounts, fields_of, submit

DEATH_S, SETTLE_S = 30, 30


class Bed:
    def __init__(self, folder):
        self.folder = folder
        self.mail_side = w.MailSide(folder).start()
        self.jabber_side = w.JabberSide(folder, Prosody).start()
        self.provider = Provider(Path(tempfile.mkdtemp(prefix="own", dir=folder))).start()
        self.juliet = self.jabber_side.client("juliet")

    def stop(self):
        self.jabber_side.stop()
        self.provider.stop()
        self.mail_side.stop()

    def copies(self, token):
        """The Message-IDs of what lies in Sent."""
        return {parse(m)["Message-ID"] for m in self.provider.sent("juliet", token)}

    def received(self, token):
        return {m["Message-ID"] for m in self.provider.user("romeo").mails() if token in body_of(m)}

    def gateway(self):
        return Crashing(tempfile.mkdtemp(prefix="gw", dir=self.folder), merge(
            w.options(self.jabber_side, self.mail_side), accounts(self.folder, self.provider)))


@pytest.fixture(scope="module")
def own_bed():
    why = postfix.missing_right()
    if why:
        pytest.skip(why)
    folder = w.private_folder()
    bed = Bed(folder)
    try:
        yield bed
    finally:
        bed.stop()
        w.remove(folder)


def up(gateway, die_at=None):
    gateway.launch(die_at=die_at)
    gateway.wait_up_or_dead()


def test_killed_as_soon_as_a_mailbox_is_kept(own_bed):
    romeo, juliet, gateway = own_bed.provider.user("romeo"), own_bed.juliet, own_bed.gateway()
    up(gateway)
    try:
        assert submit(juliet, **fields_of(own_bed.provider)).get("type") == "result"
        gateway.kill9()
        token = new_id()
        romeo.write(JULIET, "To thee", token)
        up(gateway)
        juliet.wait_message(has(token), SETTLE_S)
    finally:
        if gateway.process and gateway.process.is_alive():
            gateway.stop()


@pytest.mark.parametrize("name", steps.of_own_mailboxes())
def test_dies_at(own_bed, name):
    romeo, juliet, gateway = own_bed.provider.user("romeo"), own_bed.juliet, own_bed.gateway()
    contact = f"romeo\\40{romeo.address.partition('@')[2]}@{w.GATEWAY}"
    up(gateway)
    try:
        assert submit(juliet, **fields_of(own_bed.provider)).get("type") == "result"
        gateway.wait_log("own event=watching")
        gateway.kill9()
        up(gateway, die_at=name)
        token, answer = new_id(), new_id()
        romeo.write(JULIET, "To thee", token)
        juliet.send_message(contact, answer)
        wait_for(lambda: f"{name} to be passed\n{gateway.show_logs()}", gateway.is_dead, DEATH_S, 0.05)
        up(gateway)
        juliet.wait_message(has(token), SETTLE_S)
        if not any(answer in body_of(m) for m in romeo.mails()):
            juliet.send_message(contact, answer)  # it died before it was taken
        mail = romeo.wait_body(answer, SETTLE_S)
        assert mail["From"].addresses[0].addr_spec == JULIET
        wait_for(lambda: f"a copy of each in Sent\n{gateway.show_logs()}",
                 lambda: own_bed.copies(answer) >= own_bed.received(answer), SETTLE_S, 0.2)
        assert len(own_bed.provider.sent("juliet", answer)) == len(own_bed.copies(answer))
        assert len(juliet.stanzas(has(token))) <= 2
    finally:
        if gateway.process and gateway.process.is_alive():
            gateway.stop()
