"""The process is killed at moments of nobody's choosing, both directions under load."""

import os
import random

import pytest

from bed import Feeder

KILLS = int(os.environ.get("POSTERN_KILLS", "24"))
AT_ONCE = 3


def run(instance, kills, seed, die_at=None):
    """Kills the gateway again and again; returns the ledger's figures."""
    chance = random.Random(seed)
    gateway = instance.gateway
    feeder = Feeder(instance, 0.02)
    feeder.start()
    try:
        for _ in range(kills):
            gateway.launch(die_at(chance) if die_at else None)
            if not instance.wait_dead(chance.choice((0.05, 0.2, 0.5, 1.0)) * chance.random() + 0.02):
                instance.kill()
    finally:
        feeder.stop()
    gateway.launch()
    gateway.wait_up_or_dead()
    instance.settle(120)
    instance.check_files()
    instance.check_database()
    figures = instance.ledger.verify(instance.crashes)
    assert gateway.stop() == 0
    assert instance.crashes == kills
    return figures


@pytest.mark.parametrize("seed", range(AT_ONCE))
def test_killed_at_random(bed, seed):
    instance = bed.instance({"smtp": {"engine": ("libesmtp", "own")[seed % 2]}})
    try:
        figures = run(instance, KILLS // AT_ONCE, seed)
    finally:
        instance.close()
    print(figures)
    assert figures["accepted"] > 20


def test_dies_at_a_step_of_any_name(bed):
    """The n-th step whichever it is: between two that one test for each name would meet first."""
    instance = bed.instance()
    try:
        figures = run(instance, KILLS // AT_ONCE, 7, lambda chance: f"any:{chance.randint(1, 400)}")
    finally:
        instance.close()
    print(figures)
    assert figures["accepted"] > 20
