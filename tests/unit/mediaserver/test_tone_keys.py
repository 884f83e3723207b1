"""Keys in the audio: what ITU-T Q.24 wants heard and passed over; and one count for a key that comes several ways."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.switch.rtp.dtmf import KEYS
from mediaserver.switch.rtp.key_ways import KeyWays, Way
from mediaserver.switch.rtp.tone_keys import ToneKeys, key_tone
from tests.support.key_sounds import pressed, to_ulaw


def heard(audio: bytes) -> str:
    return "".join(ToneKeys().hear(audio + b"\xff" * 400))


def test_the_tones_we_send_are_the_keys_we_hear() -> None:
    assert heard(b"".join(map(key_tone, KEYS))) == KEYS


@pytest.mark.parametrize(
    "how",
    [
        {"ms": 40},
        {"ms": 800},
        {"offset": 0.015},
        {"offset": -0.015},
        {"row_db": -10.0, "column_db": -17.0},
        {"row_db": -13.0, "column_db": -9.5},
        {"row_db": -25.0, "column_db": -25.0},
        {"row_db": -3.0, "column_db": -3.0},
        {"snr": 12.0},
    ],
    ids=str,
)
def test_every_key_within_the_limits_is_heard_once(how: dict[str, float]) -> None:
    chance = random.Random(1)
    assert heard(b"".join(pressed(key, chance, **how) for key in KEYS)) == KEYS


@pytest.mark.parametrize(
    "how",
    [
        {"ms": 12},
        {"offset": 0.035},
        {"offset": -0.035},
        {"row_db": -8.0, "column_db": -20.0},
        {"row_db": -20.0, "column_db": -12.0},
        {"row_db": -40.0, "column_db": -40.0},
    ],
    ids=str,
)
def test_what_is_no_key_is_passed_over(how: dict[str, float]) -> None:
    chance = random.Random(1)
    assert heard(b"".join(pressed(key, chance, **how) for key in KEYS)) == ""


def test_noise_and_single_tones_are_no_keys() -> None:
    chance = random.Random(1)
    noise = to_ulaw([chance.gauss(0, 1500) for _ in range(24_000)])
    whistle = to_ulaw([4000 * math.sin(2 * math.pi * 941 * n / 8000) for n in range(4000)])
    assert heard(noise) == heard(whistle) == ""


def test_a_packet_lost_in_a_key_makes_no_second_one() -> None:
    key = pressed("5", random.Random(1), ms=200)
    assert heard(key[:700] + key[860:]) == "5"


@settings(max_examples=30)
@given(st.binary(max_size=600), st.integers(1, 480))
def test_any_audio_in_any_pieces_gives_the_same_keys(audio: bytes, size: int) -> None:
    ear, found = ToneKeys(), []
    audio += key_tone("7") + b"\xff" * 400
    for start in range(0, len(audio), size):
        found += ear.hear(audio[start : start + size])
    assert "".join(found) == "".join(ToneKeys().hear(audio))


def counted(arrivals: list[tuple[str, Way, float]]) -> str:
    ways = KeyWays()
    return "".join(key for key, way, now in arrivals if ways.counts(key, way, now))


def test_a_key_that_comes_several_ways_counts_once() -> None:
    both = [
        ("5", Way.EVENT, 0.0),
        ("5", Way.TONES, 0.06),
        ("5", Way.INFO, 0.4),
        ("5", Way.EVENT, 0.5),
        ("5", Way.INFO, 0.8),
    ]
    assert counted(both) == "55"
    assert (
        counted([("5", Way.TONES, 0.0), ("5", Way.EVENT, 0.1), ("6", Way.EVENT, 0.3), ("6", Way.TONES, 0.35)]) == "56"
    )


def test_the_same_key_again_by_the_same_way_counts_again() -> None:
    assert counted([("5", Way.TONES, 0.0), ("5", Way.TONES, 0.2), ("5", Way.TONES, 0.4)]) == "555"
    assert counted([("5", Way.INFO, 0.0), ("5", Way.EVENT, 3.0)]) == "55"


def test_once_telephone_events_came_tones_count_no_more() -> None:
    assert counted([("5", Way.EVENT, 0.0), ("5", Way.TONES, 1.5), ("9", Way.TONES, 9.0)]) == "5"


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("12"), st.floats(0.1, 3)), max_size=12), st.floats(0.0, 0.09))
def test_events_with_their_tones_in_the_audio_count_as_the_events_alone(
    presses: list[tuple[str, float]], behind: float
) -> None:
    now, arrivals = 0.0, []
    for key, pause in presses:
        now += pause
        arrivals += [(key, Way.EVENT, now), (key, Way.TONES, now + behind)]
    assert counted(arrivals) == "".join(key for key, _ in presses)
