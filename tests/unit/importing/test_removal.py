from __future__ import annotations

from dataclasses import replace

import pytest

from app.models import Removal
from app.services.importing.removal import Facts, decide

GOOD = Facts("full", taken=900, rejected=5, unread=0, cut_off=False, before=1000, missing=100, most_removed=20)


def test_takes_out_who_is_not_in_a_good_file() -> None:
    assert decide(GOOD) == (Removal.DONE, "")


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        ({"taken": 0, "rejected": 0}, "no row"),
        ({"cut_off": True}, "cut off"),
        ({"taken": 4, "rejected": 5}, "more rows were rejected"),
    ],
)
@pytest.mark.parametrize("mode", ["full", "replace"])
def test_a_file_that_cannot_be_whole_takes_nobody_out(spoilt: dict[str, int], words: str, mode: str) -> None:
    verdict, said = decide(replace(GOOD, mode=mode, **spoilt))
    assert verdict is Removal.REFUSED
    assert words in said


def test_more_than_the_share_is_held_until_somebody_says_so() -> None:
    assert decide(replace(GOOD, missing=200))[0] is Removal.DONE
    verdict, words = decide(replace(GOOD, missing=201))
    assert verdict is Removal.HELD
    assert "201 of 1,000" in words
    assert decide(replace(GOOD, missing=201, mode="replace"))[0] is Removal.DONE
    assert decide(replace(GOOD, missing=1000, most_removed=100))[0] is Removal.DONE
    assert decide(replace(GOOD, missing=1, most_removed=0))[0] is Removal.HELD


@pytest.mark.parametrize("mode", ["full", "replace"])
def test_rows_without_a_readable_id_may_be_those_that_are_missing(mode: str) -> None:
    assert decide(replace(GOOD, mode=mode, unread=1))[0] is Removal.HELD
    assert decide(replace(GOOD, mode=mode, unread=1, missing=0))[0] is Removal.DONE
