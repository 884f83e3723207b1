"""Packet loss and far ends that vanish: the right code for every call, and every channel comes back."""

from __future__ import annotations

import pytest

from common.control import Disposition
from mediaserver.switch.sip.events import Ended, Established, Failed
from tests.support.lossy_far import LossyFar
from tests.support.sip_bench import SipBench

SEEDS = range(20)
#: 64*T1, the longest a transaction waits, and a little for the ways.
PATIENCE = 35.0


def called(loss: float, seed: int, status: int, rings: float = 2.0, ring_timeout: float = 30.0) -> LossyFar:
    far = LossyFar(SipBench(), loss, seed, status=status, rings=rings)
    far.bench.call(ring_timeout=ring_timeout)
    return far


def ends(far: LossyFar) -> list[Ended | Failed]:
    return [*far.bench.of(Ended), *far.bench.of(Failed)]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tenth_of_the_packets_lost_costs_no_answer(seed: int) -> None:
    far = called(0.10, seed, 200)
    far.run(40.0)
    assert len(far.bench.of(Established)) == 1
    far.bench.hang_up()
    far.run(PATIENCE)
    assert ends(far) == [Ended("call-1", by_far_end=False)]
    assert far.rang == 1
    assert far.bench.agent.counts()[:2] == (0, 0)


@pytest.mark.parametrize("status", [404, 480, 486, 503, 603])
@pytest.mark.parametrize("seed", range(8))
def test_a_tenth_of_the_packets_lost_costs_no_code(seed: int, status: int) -> None:
    far = called(0.10, seed, status)
    far.run(60.0)
    (failed,) = ends(far)
    assert isinstance(failed, Failed)
    assert (failed.disposition, failed.sip_status) == (Disposition.REFUSED, status)


@pytest.mark.parametrize("seed", range(20))
def test_a_tenth_of_the_packets_lost_costs_no_cancel(seed: int) -> None:
    far = called(0.10, seed, 200, rings=1000.0, ring_timeout=5.0)
    far.run(5.0 + PATIENCE)
    (failed,) = ends(far)
    assert isinstance(failed, Failed)
    assert (failed.disposition, failed.sip_status) == (Disposition.RING_TIMEOUT, 487)


@pytest.mark.parametrize("status", [200, 486])
@pytest.mark.parametrize("seed", SEEDS)
def test_with_three_tenths_lost_no_channel_is_stuck(seed: int, status: int) -> None:
    far = called(0.30, seed, status, ring_timeout=10.0)
    far.run(20.0)
    far.bench.hang_up()
    far.run(64.0)
    assert len(ends(far)) == 1
    assert far.bench.agent.calls() == ()
    far.bench.assert_nothing_left()


@pytest.mark.parametrize("gone_after", [0.0, 0.05, 0.15, 1.0, 2.4, 5.0])
def test_a_far_end_that_vanishes_gives_its_channel_back_in_time(gone_after: float) -> None:
    """From the moment nobody can answer any more, or from our CANCEL or BYE, whichever is later."""
    far = called(0.0, 1, 200, ring_timeout=8.0)
    far.gone_at = far.bench.now + gone_after
    far.run(8.0)
    far.bench.hang_up()
    far.run(PATIENCE)
    assert len(ends(far)) == 1
    assert far.bench.agent.calls() == ()
