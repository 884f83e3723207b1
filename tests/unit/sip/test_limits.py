"""A trunk's limits hold in any second and at any moment, whatever comes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.switch.sip.limits import PATIENCE, TrunkLimits

calls = st.lists(st.tuples(st.floats(0, 0.6), st.floats(0.001, 5.0)), min_size=1, max_size=60)
ticks = st.lists(st.floats(0.0, 0.4), min_size=1, max_size=20)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 4), st.integers(0, 6), calls, ticks)
def test_no_second_and_no_moment_exceeds_the_limits(
    channels: int, rate: int, arrivals: list[tuple[float, float]], lateness: list[float]
) -> None:
    """Calls arrive after pauses and last a while; timers fire late, as timers do."""
    limits = TrunkLimits(channels, rate)
    now, starts, ends, up, settled = 0.0, [], {}, set(), set()

    def look() -> None:
        started, late = limits.take(now)
        for call in started:
            starts.append(now)
            up.add(call)
            ends[call] = now + arrivals[int(call)][1]
        settled.update(late)
        assert not channels or len(up) <= channels

    def run_until(end: float) -> None:
        nonlocal now
        while True:
            timer = limits.next_timer()
            due = min([*ends.values(), *([timer] if timer is not None else [])], default=end + 1)
            if due > end:
                break
            now = max(now, due) + lateness[len(starts) % len(lateness)]
            for call in [call for call, at in ends.items() if at <= now]:
                del ends[call]
                up.discard(call)
                limits.release(call)
                settled.add(call)
            look()
        now = max(now, end)

    for number, (pause, _) in enumerate(arrivals):
        run_until(now + pause)
        limits.ask(str(number), now)
        look()
    run_until(now + 500.0)
    assert settled == {str(number) for number in range(len(arrivals))}
    assert len(limits) == 0
    if rate:
        assert all(later - earlier > 1.0 for earlier, later in zip(starts, starts[rate:], strict=False))


def test_calls_start_in_the_order_they_came() -> None:
    limits = TrunkLimits(0, 1)
    for call in "abc":
        limits.ask(call, 0.0)
    assert [limits.take(at)[0] for at in (0.0, 1.1, 2.2)] == [["a"], ["b"], ["c"]]


def test_a_call_that_waits_too_long_is_given_up() -> None:
    limits = TrunkLimits(1, 0)
    limits.ask("a", 0.0)
    limits.ask("b", 1.0)
    assert limits.take(1.0) == (["a"], [])
    assert limits.next_timer() == 1.0 + PATIENCE
    assert limits.take(1.0 + PATIENCE) == ([], ["b"])


def test_another_try_of_a_call_counts_as_a_start() -> None:
    limits = TrunkLimits(0, 2)
    limits.ask("a", 0.0)
    limits.take(0.0)
    assert limits.again("a", 0.1)
    assert not limits.again("a", 0.2)
    assert not limits.again("unknown", 5.0)
