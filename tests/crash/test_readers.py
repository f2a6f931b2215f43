"""Mails at which the process that reads mail goes wrong: each is set aside and told of, the rest flows,
and the gateway itself does not notice more than that.
"""

import json

from bed import MAIL
from mail import make_mail
from people import wait_for

TRIALS = ["segfault", "balloon", "socket"]


def hostile(instance, trial):
    to = f"juliet@{instance.domain}"
    mail = make_mail(f"evil-{trial}@{MAIL}", to, trial, trial)
    mail["X-Postern-Trial"] = trial
    return mail


def start(instance):
    instance.gateway.launch()
    instance.gateway.wait_up_or_dead()
    assert not instance.gateway.is_dead(), instance.show_logs()


def set_aside(instance):
    items = json.loads(instance.gateway.command("queue", "list", "--json").stdout)
    return sum(recipient["state"] == "set-aside" for item in items for recipient in item["recipients"])


def told(instance):
    return {mail.recipients[0] for mail in instance.relay.mails if not mail.sender}


def wait_aside(instance, count):
    wait_for(lambda: f"{count} mails set aside\n{instance.show_logs()}",
             lambda: set_aside(instance) == count, 60)


def finish(instance):
    figures = instance.ledger.verify(0)
    assert figures["twice"] == 0 and figures["never accepted"] == 0
    assert not instance.gateway.is_dead()
    assert instance.gateway.stop() == 0


def test_what_kills_the_reader_of_the_queue_is_set_aside(instance):
    start(instance)
    for trial in TRIALS:
        instance.mail(by_lmtp=True)
        mail = hostile(instance, trial)
        instance.mta.put(mail["From"], mail["To"], mail.as_bytes())
        instance.mail(by_lmtp=True)
        instance.mail()
    instance.settle()
    wait_aside(instance, len(TRIALS))
    wait_for(lambda: f"three reports\n{instance.show_logs()}",
             lambda: told(instance) == {f"evil-{trial}@{MAIL}" for trial in TRIALS}, 20)
    finish(instance)


def test_what_kills_the_reader_in_the_mailbox_is_set_aside(instance):
    start(instance)
    for trial in TRIALS:
        instance.mail()
        instance.lay(hostile(instance, trial).as_bytes())
        instance.mail()
    instance.settle()
    wait_aside(instance, len(TRIALS))
    assert not instance.unread()
    finish(instance)
