"""Tones of networks, fax machines and special information, told from their sound."""

from __future__ import annotations

import numpy as np
import pytest

from mediaserver.cpa.classifier import Classifier
from mediaserver.cpa.events import Decided, Heard, Sound, Verdict
from mediaserver.cpa.networks import NETWORKS, RECOMMENDED, Network, NetworkTone, network_of
from tests.support import phone_sounds as sounds

TONES = [
    pytest.param(network, tone, id=f"{network.country}-{tone.sound}")
    for network in NETWORKS.values()
    for tone in network.tones
]


def heard(samples: sounds.Samples, network: Network = RECOMMENDED, *, answered: bool = False) -> list[object]:
    classifier = Classifier(network=network)
    if answered:
        classifier.answered(0.0)
    classifier.receive(sounds.mulaw(samples), len(samples) / sounds.RATE)
    return list(classifier.events())


def sounds_in(events: list[object]) -> list[Sound]:
    return [event.sound for event in events if isinstance(event, Heard)]


@pytest.mark.parametrize(("network", "tone"), TONES)
def test_the_tones_of_each_network_are_told_while_it_rings(network: Network, tone: NetworkTone) -> None:
    cycle = sum(tone.cadence) / 1000
    seconds = cycle * (tone.cycles + 1) + 0.2
    samples = np.concatenate((sounds.silence(0.3), sounds.network_tone(tone, seconds)))
    noisy = samples + sounds.noise(len(samples) / sounds.RATE, -42)[: len(samples)]

    assert sounds_in(heard(noisy, network)) == [tone.sound]


@pytest.mark.parametrize("name", sounds.SPECIAL)
def test_the_segments_of_special_information_tones_tell_the_reason(name: str) -> None:
    samples = np.concatenate((sounds.silence(0.4), sounds.special_tone(name), sounds.syllables(0.5)))

    assert sounds_in(heard(samples)) == [Sound(name)]


def test_a_network_tone_in_an_answered_call_is_no_answer_of_anybody() -> None:
    samples = np.concatenate((sounds.silence(0.4), sounds.special_tone("sit_vacant"), sounds.syllables(2)))

    decided = [event for event in heard(samples, answered=True) if isinstance(event, Decided)]

    assert [(one.verdict, one.sound) for one in decided] == [(Verdict.NETWORK, Sound.SIT_VACANT)]


@pytest.mark.parametrize(
    ("hertz", "seconds", "sound"),
    [(1100, 0.5, Sound.FAX_CALLING), (2100, 1.0, Sound.FAX_ANSWER), (2225, 1.0, Sound.MODEM)],
)
def test_fax_machines_and_modems_are_told_by_their_tone(hertz: float, seconds: float, sound: Sound) -> None:
    samples = np.concatenate((sounds.silence(1.5), sounds.tone((hertz,), seconds), sounds.silence(0.2)))

    decided = [event for event in heard(samples, answered=True) if isinstance(event, Decided)]

    assert [(one.verdict, one.sound) for one in decided] == [(Verdict.FAX, sound)]


def test_speech_while_it_rings_is_no_tone() -> None:
    assert heard(sounds.syllables(6)) == []


@pytest.mark.parametrize(("number", "country"), [("+12125550100", "US"), ("+4930123456", "DE"), ("+35312345", "ITU")])
def test_the_number_names_the_network(number: str, country: str) -> None:
    assert network_of(number).country == country
