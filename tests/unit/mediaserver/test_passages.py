"""SSML for voices that read no mark-up."""

from __future__ import annotations

import pytest

from mediaserver.synthesis.passages import Passage, passages


def speak(inner: str) -> str:
    return f'<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en-US">{inner}</speak>'


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("Hello  there", [Passage("Hello there")]),
        ('One<break time="300ms"/>two', [Passage("One", pause_ms=300), Passage("two")]),
        ('One<break/> <break strength="strong"/>', [Passage("One", pause_ms=1100)]),
        ('A <prosody rate="slow">b</prosody> c', [Passage("A"), Passage("b", rate=0.8), Passage("c")]),
        ('<prosody rate="-20%" volume="50">b</prosody>', [Passage("b", rate=0.8, volume=0.5)]),
        ("<prosody rate='nonsense' pitch='high'>b</prosody>", [Passage("b")]),
        ('<emphasis level="strong">now</emphasis>', [Passage("now", rate=0.85, volume=1.4)]),
        ('<sub alias="Doctor">Dr.</sub> <say-as interpret-as="x">Ruiz</say-as>', [Passage("Doctor Ruiz")]),
        ("<s>One.</s><s>Two.</s>", [Passage("One.", pause_ms=250), Passage("Two.", pause_ms=250)]),
        ("a<!-- not said -->b", [Passage("ab")]),
        ("", []),
    ],
)
def test_pace_volume_and_pauses_are_told_apart(inner: str, expected: list[Passage]) -> None:
    assert list(passages(speak(inner))) == expected


def test_nested_manners_multiply_within_bounds() -> None:
    (one,) = passages(
        speak('<prosody rate="x-fast"><prosody rate="x-fast"><prosody rate="2">a</prosody></prosody></prosody>')
    )
    assert one.rate == 3.0


@pytest.mark.parametrize("text", ["<speak>", "no mark-up"])
def test_what_is_no_ssml_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        passages(text)


def test_entities_are_not_expanded() -> None:
    found = passages('<!DOCTYPE x [<!ENTITY e "lol">]><speak>said &e;</speak>')
    assert [one.text for one in found] == ["said"]
