"""Human or machine, and when a message may begin."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ConfigError, Refused
from common.profiles import HUMAN_FIRST, PROFILES, Profile, checked_figures
from mediaserver.cpa.classifier import Classifier
from mediaserver.cpa.events import (
    Corrected,
    CpaEvent,
    Decided,
    GreetingEnded,
    Heard,
    MessageMayStart,
    Settled,
    Sound,
    SpeechStarted,
    Verdict,
)
from tests.support import phone_sounds as sounds


def classified(*parts: sounds.Samples, profile: Profile = HUMAN_FIRST) -> list[CpaEvent]:
    classifier = Classifier(profile)
    classifier.answered(0.0)
    samples = np.concatenate(parts)
    classifier.receive(sounds.mulaw(samples), len(samples) / sounds.RATE)
    return classifier.events()


def decided(events: list[CpaEvent]) -> Decided:
    (decision,) = (event for event in events if isinstance(event, Decided))
    return decision


def moment(events: list[CpaEvent], kind: type[CpaEvent]) -> float:
    (event,) = (event for event in events if isinstance(event, kind))
    return event.at


def test_a_word_and_a_pause_are_a_person() -> None:
    events = classified(sounds.silence(0.5), sounds.syllables(0.6), sounds.silence(2))

    assert decided(events).verdict is Verdict.HUMAN
    assert decided(events).at == pytest.approx(1.1 + HUMAN_FIRST.short_pause, abs=0.1)
    assert moment(events, Settled) == pytest.approx(1.1 + HUMAN_FIRST.second_look, abs=0.1)
    assert moment(events, SpeechStarted) == pytest.approx(0.5, abs=0.06)
    assert moment(events, GreetingEnded) == pytest.approx(1.1, abs=0.1)


def test_speech_that_goes_on_is_a_machine_whose_message_follows_the_beep() -> None:
    beep = sounds.tone((1000,), 0.4)
    events = classified(sounds.silence(0.5), sounds.syllables(5), sounds.silence(0.7), beep, sounds.silence(1))

    assert decided(events).verdict is Verdict.MACHINE
    assert decided(events).at == pytest.approx(0.5 + HUMAN_FIRST.machine_clause, abs=0.1)
    assert [event.at for event in events if isinstance(event, Heard)] == [pytest.approx(6.6, abs=0.05)]
    (start,) = (event for event in events if isinstance(event, MessageMayStart))
    assert start.after_beep
    assert start.at >= 6.58


def test_a_message_does_not_wait_for_ever_for_a_beep() -> None:
    events = classified(sounds.syllables(5), sounds.silence(4))

    (start,) = (event for event in events if isinstance(event, MessageMayStart))
    assert not start.after_beep
    assert moment(events, GreetingEnded) == pytest.approx(5, abs=0.1)
    assert start.at == pytest.approx(5 + HUMAN_FIRST.beep_wait, abs=0.1)


def test_an_endless_greeting_is_talked_over_at_its_limit() -> None:
    profile = Profile(machine_speech=1.0, greeting_limit=2.0)

    events = classified(sounds.syllables(5), profile=profile)

    assert moment(events, MessageMayStart) == pytest.approx(decided(events).at + 2.0, abs=0.05)


def test_a_beep_after_a_short_greeting_is_a_machine() -> None:
    events = classified(
        sounds.silence(0.2), sounds.syllables(1.0), sounds.silence(0.2), sounds.tone((850,), 0.3), sounds.silence(1)
    )

    assert decided(events).verdict is Verdict.MACHINE


def test_a_beep_of_a_fax_machines_frequency_after_speech_is_a_beep() -> None:
    events = classified(sounds.syllables(4), sounds.silence(0.3), sounds.tone((1100,), 0.6), sounds.silence(1))

    assert decided(events).verdict is Verdict.MACHINE
    assert Sound.BEEP in [event.sound for event in events if isinstance(event, Heard)]


@pytest.mark.parametrize(("detect", "verdict"), [(False, Verdict.HUMAN), (True, Verdict.SILENCE)])
@pytest.mark.parametrize("line", [sounds.silence(5), sounds.noise(5, -34)], ids=["quiet", "hissing"])
def test_an_answer_without_a_word_is_human_unless_silence_is_detected(
    line: sounds.Samples, detect: bool, verdict: Verdict
) -> None:
    events = classified(line, profile=Profile(silence_detection=detect))

    assert decided(events).verdict is verdict
    assert decided(events).at == pytest.approx(HUMAN_FIRST.initial_silence, abs=0.05)


def test_a_greeting_that_pauses_after_a_word_is_found_to_be_a_machine() -> None:
    greeting = (sounds.syllables(0.4), sounds.silence(0.8), sounds.syllables(4.5), sounds.silence(0.5))
    events = classified(*greeting, sounds.tone((1000,), 0.4), sounds.silence(1))

    assert decided(events).verdict is Verdict.HUMAN
    assert moment(events, Corrected) == pytest.approx(1.2 + HUMAN_FIRST.second_speech, abs=0.1)
    (start,) = (event for event in events if isinstance(event, MessageMayStart))
    assert start.after_beep


def test_a_beep_soon_after_a_word_is_a_machines() -> None:
    events = classified(
        sounds.syllables(0.4), sounds.silence(0.7), sounds.tone((1000,), 0.4), sounds.silence(1), profile=HUMAN_FIRST
    )

    assert [type(event) for event in events if isinstance(event, Corrected | MessageMayStart)] == [
        Corrected,
        MessageMayStart,
    ]


@pytest.mark.parametrize(
    ("then", "profile"),
    [
        (sounds.syllables(2.5), HUMAN_FIRST),
        (sounds.syllables(5, -30), HUMAN_FIRST),
        (sounds.syllables(5), Profile(second_look=0)),
        (sounds.syllables(5), Profile(timeout=3)),
    ],
    ids=["stops when talked to", "is an echo", "nobody looks again", "comes after the timeout"],
)
def test_a_person_remains_one_who(then: sounds.Samples, profile: Profile) -> None:
    events = classified(sounds.syllables(0.4), sounds.silence(0.8), then, sounds.silence(1), profile=profile)

    assert decided(events).verdict is Verdict.HUMAN
    assert [type(event) for event in events if isinstance(event, Corrected | Settled)] == [Settled]


def test_a_far_end_that_sends_nothing_is_decided_by_the_clock() -> None:
    classifier = Classifier()
    classifier.answered(100.0)

    classifier.handle_timer(100.0 + HUMAN_FIRST.initial_silence + 0.1)

    assert decided(classifier.events()).at == pytest.approx(104, abs=0.05)


def test_a_click_is_not_a_greeting() -> None:
    events = classified(sounds.silence(0.5), sounds.syllables(0.06), sounds.silence(1.5))

    assert [event for event in events if isinstance(event, Decided)] == []


def test_a_profile_without_patience_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"pause: give 0\.2 to 3 s"):
        Profile(pause=0.0)


def test_each_profile_may_have_its_figures_set_by_themselves() -> None:
    assert checked_figures("quick", {"pause": 1, "floor": -40}) == {"pause": 1.0, "floor": -40.0}
    assert PROFILES["quick"].machine_speech < HUMAN_FIRST.machine_speech


@pytest.mark.parametrize(
    ("figures", "complaint"),
    [
        ({"pause": 9}, "pause: give 0.2 to 3 s"),
        ({"pause": float("nan")}, "pause: give 0.2 to 3 s"),
        ({"floor": "soft"}, "floor: give -65 to -20 dBFS"),
        ({"timeout": 3}, "timeout: unknown figure; the figures are initial_silence, "),
        ({"short_speech": 2.5, "machine_speech": 2}, "short_speech: give at most 2 s"),
    ],
)
def test_a_figure_out_of_bounds_is_refused_by_name(figures: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Refused, match=complaint):
        checked_figures("human-first", figures)


_PARTS = st.lists(
    st.tuples(
        st.sampled_from(("silence", "speech", "noise", "tone", "busy", "loud")), st.floats(0.05, 1.2, allow_nan=False)
    ),
    max_size=5,
)


def _made(parts: list[tuple[str, float]]) -> bytes:
    makers = {
        "silence": sounds.silence,
        "speech": sounds.syllables,
        "noise": lambda seconds: sounds.noise(seconds, -30),
        "tone": lambda seconds: sounds.tone((1000,), seconds),
        "busy": lambda seconds: sounds.tone((425,), seconds),
        "loud": lambda seconds: sounds.noise(seconds, -3),
    }
    return b"".join(sounds.mulaw(makers[kind](seconds)) for kind, seconds in parts)


@settings(max_examples=25, deadline=None)
@given(_PARTS, st.lists(st.integers(1, 900), min_size=1, max_size=6), st.floats(0.2, 3.0))
def test_any_audio_in_any_blocks_has_one_verdict_in_time(
    parts: list[tuple[str, float]], sizes: list[int], timeout: float
) -> None:
    audio, profile = _made(parts), Profile(timeout=timeout)
    told = []
    for blocks in (cycle([160]), cycle(sizes)):
        classifier = Classifier(profile)
        classifier.answered(0.0)
        at = 0
        while at < len(audio):
            block = audio[at : at + next(blocks)]
            at += len(block)
            classifier.receive(block, at / sounds.RATE)
        events = classifier.events()
        classifier.handle_timer(max(at / sounds.RATE, timeout) + 1)
        told.append([*events, *classifier.events()])
    verdicts = [(decided(events).verdict, round(decided(events).at, 3)) for events in told]
    assert verdicts[0] == verdicts[1]
    assert decided(told[0]).at <= timeout + 1e-6
