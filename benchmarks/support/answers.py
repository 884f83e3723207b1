"""A labelled corpus of what answers calls, made by espeak-ng and numpy: the same seed makes the same calls."""

from __future__ import annotations

import random
import subprocess
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soxr

from benchmarks.support.greetings import ENGLISH, OTHERS, Half, Language
from common.errors import ConfigError
from mediaserver.cpa.networks import NETWORKS
from mediaserver.dialog import audio, g711
from tests.support import phone_sounds as sounds
from tests.support.phone_sounds import RATE, Samples

#: Percent of what answers: people, machines, music, fax machines, nobody who says anything.
MIX = {"human": 50, "machine": 35, "music": 4, "fax": 6, "silence": 5}
#: Of people those at work, and those who say hello again; of machines those that pause in their greeting; of both
#: those that speak English.
_AT_WORK, _AGAIN, _PAUSING, _ENGLISH_PART = 0.1, 0.3, 0.15, 0.65
_ANNOUNCEMENT = "The number you have dialled is not in service. Please check the number and call again."
#: Decibels of line noise under full scale, None for a digital line, and whether it is a car's rumble.
_LINES = ((None, False), (-50.0, False), (-42.0, False), (-36.0, True), (-32.0, False))


@dataclass(frozen=True, slots=True)
class Sample:
    """One call: what it is, its audio as mu-law in frames of 20 ms (None: lost), and the moments known of it."""

    label: str  # human | machine | music | fax | silence, or network:COUNTRY:SOUND
    name: str
    frames: tuple[bytes | None, ...]
    #: Seconds from the answer at which the beep ends, None where there is none.
    beep: float | None = None


def corpus(calls: int, seed: int, half: Half) -> Iterator[Sample]:
    """Calls that are answered, mixed as `MIX` says."""
    chance = random.Random(f"{seed} {half}")
    for number in range(calls):
        label = chance.choices(tuple(MIX), tuple(MIX.values()))[0]
        yield _answered(label, number, chance, half)


def tones(seed: int) -> Iterator[Sample]:
    """Every tone of every network, and every special information tone, while it rings."""
    chance = random.Random(seed)
    for network in NETWORKS.values():
        for tone in network.tones:
            made = np.concatenate(
                (sounds.silence(chance.uniform(0, 1)), sounds.network_tone(tone, 13, chance.uniform(-30, -14)))
            )
            yield _over_line(f"network:{network.country}:{tone.sound}", network.country, made, chance)
    for name in sounds.SPECIAL:
        made = np.concatenate(
            (sounds.silence(0.4), sounds.special_tone(name), sounds.silence(0.3), speech(_ANNOUNCEMENT, "en-us"))
        )
        yield _over_line(f"network:US:{name}", name, made, chance)


def recordings(folder: Path) -> Iterator[Sample]:
    """An operator's own: LABEL-anything.wav, LABEL as in `Sample`; the recording begins at the answer."""
    for path in sorted(folder.glob("*.wav")):
        label = path.stem.partition("-")[0]
        if label not in MIX:
            raise ConfigError(f"{path}: name it LABEL-anything.wav; the labels are {', '.join(MIX)}")
        data = audio.to_ulaw(path.read_bytes(), "audio/wav", path.name)
        yield Sample(label, path.name, _frames(data))


@cache
def speech(words: str, voice: str) -> Samples:
    command = ["espeak-ng", "--stdout", "-v", voice, "-s", "160", words]
    data = subprocess.run(command, capture_output=True, check=True, timeout=20).stdout
    samples = np.frombuffer(data[44 : 44 + len(data[44:]) // 2 * 2], "<i2").astype(np.float64) / 32768
    narrow = soxr.resample(samples, int.from_bytes(data[24:28], "little"), RATE)
    loud = np.flatnonzero(np.abs(narrow) > 0.01)
    return np.asarray(narrow[loud[0] : loud[-1] + 1] if len(loud) else narrow)


def _answered(label: str, number: int, chance: random.Random, half: Half) -> Sample:
    lead = sounds.silence(chance.uniform(0.15, 1.3))
    name, beep = f"{label}-{number}", None
    match label:
        case "human":
            made = np.concatenate((lead, _person(chance, half), sounds.silence(chance.uniform(2.5, 5))))
        case "machine":
            greeting = _machine(chance, half)
            made = np.concatenate((lead, greeting, sounds.silence(chance.uniform(0.3, 1.5))))
            if chance.random() < 0.8:
                hertz, long = chance.choice((440, 620, 850, 1000, 1270, 1400, 2000)), chance.uniform(0.2, 0.9)
                made = np.concatenate((made, sounds.tone((hertz,), long, chance.uniform(-22, -12))))
                beep = len(made) / RATE
            made = np.concatenate((made, sounds.silence(6)))
        case "music":
            made = np.concatenate((lead, _music(8, chance)))
        case "fax":
            made = np.concatenate(
                (sounds.silence(chance.uniform(1.8, 2.5)), sounds.tone((2100,), 3), sounds.silence(1))
            )
            if chance.random() < 0.4:
                cng = (sounds.silence(1), sounds.tone((1100,), 0.5), sounds.silence(3), sounds.tone((1100,), 0.5))
                made = np.concatenate(cng)
        case _:
            made = sounds.silence(22)
    return _over_line(label, name, made, chance, beep)


def _person(chance: random.Random, half: Half) -> Samples:
    language = _language(chance)
    lines = language.business if chance.random() < _AT_WORK else language.people
    said = _spoken(lines, language, chance, half)
    if chance.random() < _AGAIN:
        return np.concatenate((said, sounds.silence(chance.uniform(1.5, 2.5)), speech("Hello?", "en-us")))
    return said


def _machine(chance: random.Random, half: Half) -> Samples:
    language = _language(chance)
    lines = language.pausing if chance.random() < _PAUSING else language.machines
    return _spoken(lines, language, chance, half)


def _language(chance: random.Random) -> Language:
    return ENGLISH if chance.random() < _ENGLISH_PART else chance.choice(OTHERS)


def _spoken(lines: tuple[str, ...], language: Language, chance: random.Random, half: Half) -> Samples:
    voice = chance.choice(half.of(language.voices) or language.voices)
    parts: list[Samples] = []
    for words in chance.choice(half.of(lines)).split("|"):
        parts += [sounds.silence(chance.uniform(0.4, 1.2)), speech(words, voice)]
    return sounds.at_level(np.concatenate(parts[1:]), chance.uniform(-28, -16))


def _music(seconds: float, chance: random.Random) -> Samples:
    """Chords with a decay, changed twice a second."""
    made = []
    for _ in range(int(seconds * 2)):
        root = chance.choice((220, 247, 262, 294, 330, 349, 392))
        chord = [
            sounds.tone((root * ratio * order,), 0.5, -6 * order) for ratio in (1, 1.25, 1.5) for order in (1, 2, 3)
        ]
        made.append(np.sum(chord, axis=0) * np.exp(-np.arange(RATE // 2) / RATE * 3))
    return sounds.at_level(np.concatenate(made), -20)


def _over_line(label: str, name: str, made: Samples, chance: random.Random, beep: float | None = None) -> Sample:
    level, rumble = chance.choice(_LINES)
    if level is not None:
        hiss = sounds.noise(len(made) / RATE, level, chance.randrange(1 << 30))[: len(made)]
        made = made + (sounds.at_level(np.convolve(hiss, np.ones(8) / 8, "same"), level) if rumble else hiss)
    linear = np.clip(np.rint(made * 32767), -32768, 32767).astype(np.int16)
    if chance.random() < 0.5:
        linear = g711.decode_alaw(_alaw(linear))
    loss = chance.choice((0.0, 0.0, 0.01, 0.05))
    frames = tuple(None if chance.random() < loss else frame for frame in _frames(g711.encode_ulaw(linear)))
    return Sample(label, name, frames, beep)


def _alaw(linear: g711.Samples) -> bytes:
    codes = np.arange(256, dtype=np.uint8)
    values = g711.decode_alaw(codes.tobytes()).astype(np.int32)
    order = np.argsort(values)
    borders = (values[order][1:] + values[order][:-1]) / 2
    return codes[order][np.searchsorted(borders, linear)].tobytes()


def _frames(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[at : at + 160] for at in range(0, len(data) - 159, 160))


def save(sample: Sample, folder: Path) -> None:
    """As a WAV of 8 kHz, silence where a packet was lost."""
    folder.mkdir(parents=True, exist_ok=True)
    data = b"".join(frame or b"\xff" * 160 for frame in sample.frames)
    with wave.open(str(folder / f"{sample.label.replace(':', '_')}-{sample.name}.wav"), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(g711.decode_ulaw(data).tobytes())
