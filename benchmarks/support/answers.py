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

from mediaserver.cpa.networks import NETWORKS
from mediaserver.dialog import audio, g711
from tests.support import phone_sounds as sounds
from tests.support.phone_sounds import RATE, Samples

_VOICES = ("en-us", "en-gb", "en-us+f3", "en-gb+f4", "en-us+m3", "en-gb-scotland+f2")
_SHORT = (
    "Hello?", "Hello", "Yes?", "Hi, this is Anna.", "Smith residence.", "Good morning.", "Yeah, hello?",
    "Hello, who is this?", "Anderson.", "Speaking.", "Hi.", "Good afternoon, Miller and Sons.",
)  # fmt: skip
_BUSINESS = (
    "Good morning, Miller and Partners, Sarah speaking.",
    "Thank you for calling Green Valley Dental, how can I help you?",
)
_GREETINGS = (
    "Hi, you have reached Tom and Lisa. We can't come to the phone right now. Please leave a message after the beep.",
    "The person you are calling is not available. Please record your message after the tone.",
    "This is the voicemail of Peter Brown. I am away from my desk. Leave your name and number and I'll call back.",
    "Your call has been forwarded to an automatic voice message system. At the tone, please record your message.",
    "Hello, this is Emma. Sorry I missed your call. Leave me a message and I'll get back to you as soon as I can. Bye.",
    "Thank you for calling. Our office is closed at the moment. Our opening hours are nine to five, Monday to Friday.",
)
_OTHERS = {
    "de": ("Hallo?", "Ja, bitte?", "Guten Tag, hier ist Familie Weber. Bitte sprechen Sie nach dem Ton."),
    "fr-fr": ("Allô ?", "Oui, bonjour ?", "Bonjour, vous êtes chez Marie. Laissez un message après le bip sonore."),
    "es": ("¿Diga?", "¿Sí, dígame?", "Hola, ahora no puedo atenderte. Por favor, deja tu mensaje después de la señal."),
    "it": ("Pronto?", "Sì, chi parla?", "Salve, ora non sono in casa. Lasciate un messaggio dopo il segnale acustico."),
    "pt-br": ("Alô?", "Pois não?", "Olá, no momento não posso atender. Por favor, deixe seu recado após o sinal."),
}  # fmt: skip
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


def corpus(calls: int, seed: int) -> Iterator[Sample]:
    """`calls` answered ones, then every tone of every network, and every special information tone, while ringing."""
    chance = random.Random(seed)
    for number in range(calls):
        label = chance.choices(("human", "machine", "music", "fax", "silence"), (50, 35, 4, 6, 5))[0]
        yield _answered(label, number, chance)
    for network in NETWORKS.values():
        for tone in network.tones:
            made = np.concatenate(
                (sounds.silence(chance.uniform(0, 1)), sounds.network_tone(tone, 13, chance.uniform(-30, -14)))
            )
            yield _over_line(f"network:{network.country}:{tone.sound}", network.country, made, chance)
    for name in sounds.SPECIAL:
        made = np.concatenate(
            (sounds.silence(0.4), sounds.special_tone(name), sounds.silence(0.3), speech(_GREETINGS[1], "en-us"))
        )
        yield _over_line(f"network:US:{name}", name, made, chance)


def recordings(folder: Path) -> Iterator[Sample]:
    """An operator's own: LABEL-anything.wav, LABEL as in `Sample`; the recording begins at the answer."""
    for path in sorted(folder.glob("*.wav")):
        data = audio.to_ulaw(path.read_bytes(), "audio/wav", path.name)
        yield Sample(path.stem.partition("-")[0], path.name, _frames(data))


@cache
def speech(words: str, voice: str) -> Samples:
    command = ["espeak-ng", "--stdout", "-v", voice, "-s", "160", words]
    data = subprocess.run(command, capture_output=True, check=True, timeout=20).stdout
    samples = np.frombuffer(data[44 : 44 + len(data[44:]) // 2 * 2], "<i2").astype(np.float64) / 32768
    narrow = soxr.resample(samples, int.from_bytes(data[24:28], "little"), RATE)
    loud = np.flatnonzero(np.abs(narrow) > 0.01)
    return np.asarray(narrow[loud[0] : loud[-1] + 1] if len(loud) else narrow)


def _answered(label: str, number: int, chance: random.Random) -> Sample:
    lead = sounds.silence(chance.uniform(0.15, 1.3))
    name, beep = f"{label}-{number}", None
    match label:
        case "human":
            made = np.concatenate((lead, _person(chance), sounds.silence(chance.uniform(2.5, 5))))
        case "machine":
            greeting = _spoken(_GREETINGS, 2, chance)
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


def _person(chance: random.Random) -> Samples:
    said = _spoken(_BUSINESS, 0, chance) if chance.random() < 0.1 else _spoken(_SHORT, chance.randrange(2), chance)
    if chance.random() < 0.3:
        return np.concatenate((said, sounds.silence(chance.uniform(1.5, 2.5)), speech("Hello?", "en-us")))
    return said


def _spoken(words: tuple[str, ...], which: int, chance: random.Random) -> Samples:
    if words is not _BUSINESS and chance.random() < 0.35:
        voice = chance.choice(tuple(_OTHERS))
        said = speech(_OTHERS[voice][which], voice)
    else:
        said = speech(chance.choice(words), chance.choice(_VOICES))
    return sounds.at_level(said, chance.uniform(-28, -16))


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
