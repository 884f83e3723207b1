from __future__ import annotations

from pacing.hopper import Hopper, Item


def filled(*voices: bool, expires: float = 100.0) -> Hopper[int]:
    hopper: Hopper[int] = Hopper(capacity=10)
    hopper.put(Item(number, voice, expires) for number, voice in enumerate(voices))
    return hopper


def test_hands_out_in_order_and_apart_by_channel() -> None:
    hopper = filled(True, False, True)
    assert hopper.take(5, 0.0, voice=True) == [0, 2]
    assert hopper.take(5, 0.0, voice=False) == [1]
    assert len(hopper) == 0


def test_what_is_near_the_end_of_its_lease_is_given_back_instead_of_handed_out() -> None:
    hopper = filled(True, False)
    assert hopper.lapsing(94.0) == []
    assert hopper.take(2, 96.0, voice=True) == []
    assert hopper.lapsing(96.0) == [0, 1]
    assert len(hopper) == 0


def test_asks_for_more_only_when_it_has_run_down() -> None:
    assert filled(*[True] * 6).room() == 0
    assert filled(*[True] * 5).room() == 5


def test_clear_gives_everything_back() -> None:
    assert filled(True, False).clear() == [0, 1]
