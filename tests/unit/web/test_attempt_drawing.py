"""The attempt page's drawing of a call: its messages, its course, its sound."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.web.panel.contacts import ladder, media

BEGUN = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


def trace(*steps: tuple[float, str, str]) -> list[dict[str, Any]]:
    return [{"at": (BEGUN + timedelta(seconds=at)).isoformat(), "kind": kind, "text": text} for at, kind, text in steps]


def test_messages_go_between_the_parties_with_their_look() -> None:
    lines = ladder.read(
        trace(
            (0, "sip", "-> INVITE"),
            (0.1, "sip", "<- 180 Ringing"),
            (2, "sip", "<- 200 OK"),
            (2.1, "vxml", "prompt: Hello"),
            (3, "vxml", "key: 1"),
            (3.1, "vxml", "match: dtmf 1"),
            (4, "sip", "<- 486 Busy Here"),
            (5, "sip", "redirected to <sip:a@b>"),
        )
    )
    assert [(line.sender, line.receiver, line.look) for line in lines] == [
        ("Media server", "Called party", "request"),
        ("Called party", "Media server", "provisional"),
        ("Called party", "Media server", "success"),
        ("Script", "Called party", "prompt"),
        ("Called party", "Script", "key"),
        ("Script", "Script", "note"),
        ("Called party", "Media server", "failure"),
        ("Media server", "Media server", "note"),
    ]
    assert [line.seconds for line in lines] == [0, 0.1, 2, 2.1, 3, 3.1, 4, 5]


def test_retransmissions_are_one_line_with_a_count() -> None:
    lines = ladder.read(trace(*((at, "sip", "-> INVITE") for at in (0, 0.5, 1.5)), (2, "sip", "<- 100 Trying")))
    assert [(line.text, line.times) for line in lines] == [("INVITE", 3), ("100 Trying", 1)]
    assert [row["times"] for row in ladder.draw(lines)["rows"]] == [3, 1]


def test_where_the_script_is_and_what_is_too_much_stays_in_the_table() -> None:
    steps = [(0.0, "vxml", "dialog: main"), (0.0, "vxml", "item: field pin")]
    lines = ladder.read(trace(*steps, *((float(n), "vxml", f"log: {n}") for n in range(100))))
    drawing = ladder.draw(lines)
    assert len(lines) == 102
    assert len(drawing["rows"]) + drawing["left_out"] == 100
    assert drawing["left_out"] > 0


def test_the_course_has_the_phases_the_call_got_to() -> None:
    ended = BEGUN + timedelta(seconds=20)
    lines = ladder.read(trace((0, "sip", "-> INVITE"), (10, "vxml", "prompt: Hello"), (15, "vxml", "key: •")))
    whole = ladder.timeline(lines, BEGUN, BEGUN + timedelta(seconds=2), BEGUN + timedelta(seconds=10), ended)
    assert whole is not None
    assert [(phase.name, phase.x, phase.seconds) for phase in whole["phases"]] == [
        ("Dialling", 0, 2),
        ("Ringing", 10, 8),
        ("Talking", 50, 10),
    ]
    assert [(mark.x, mark.kind, mark.text) for mark in whole["marks"]] == [(50, "prompt", "Hello"), (75, "key", "•")]
    unanswered = ladder.timeline([], BEGUN, None, None, ended)
    assert unanswered is not None
    assert [phase.name for phase in unanswered["phases"]] == ["Dialling"]
    assert ladder.timeline(lines, BEGUN, None, None, None) is None


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.floats(0, 1e5), st.sampled_from(["sip", "vxml", "?"]), st.text(max_size=120)), max_size=30)
)
def test_any_trace_is_drawn(steps: list[tuple[float, str, str]]) -> None:
    lines = ladder.read(trace(*steps))
    drawing = ladder.draw(lines)
    assert sum(line.times for line in lines) == len(steps)
    assert all(len(row["text"]) <= 100 and row["y"] < drawing["height"] for row in drawing["rows"])


@pytest.mark.parametrize(
    ("rtp", "judged"),
    [
        ({"sent": 500, "received": 500, "lost": 0, "jitter_ms": 2, "remote_lost": 5}, ["good", "good"]),
        ({"sent": 500, "received": 490, "lost": 10, "jitter_ms": 2, "remote_lost": 25}, ["fair", "poor"]),
        ({"sent": 500, "received": 500, "lost": 0, "jitter_ms": 60}, ["poor", "unknown"]),
        ({"sent": 500, "received": 0, "lost": 0, "jitter_ms": 0.0, "remote_lost": None}, ["nothing", "unknown"]),
    ],
)
def test_sound_is_judged_both_ways(rtp: dict[str, Any], judged: list[str]) -> None:
    assert [way.judged for way in media.directions(rtp)] == judged


def test_a_call_without_media_has_no_sound() -> None:
    assert media.directions(None) == media.directions({}) == media.directions({"sent": 0}) == []
