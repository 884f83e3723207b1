"""What every `SpeechSynthesizer` does: the tone in memory, espeak-ng, and piper where it is installed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from mediaserver.dialog import g711
from mediaserver.dialog.speech import EspeakSynthesizer, SpeechSynthesizer, ToneSynthesizer
from mediaserver.synthesis.neural import PiperSynthesizer, find_voices

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]


def piper() -> SpeechSynthesizer:
    voices = find_voices("")
    if not voices:
        pytest.skip("piper is not installed: script/setup --voice")
    return PiperSynthesizer(voices, EspeakSynthesizer())


MAKERS: dict[str, Callable[[], SpeechSynthesizer]] = {
    "tone": ToneSynthesizer,
    "espeak-ng": EspeakSynthesizer,
    "piper": piper,
}


@pytest_asyncio.fixture(params=sorted(MAKERS), loop_scope="function")
async def synthesizer(request: pytest.FixtureRequest) -> AsyncIterator[SpeechSynthesizer]:
    made = MAKERS[request.param]()
    yield made
    await made.close()


def speak(inner: str) -> str:
    return f'<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en-US">{inner}</speak>'


def loudness(clip: bytes) -> float:
    samples = g711.decode_ulaw(clip).astype(np.float64)
    return float(np.sqrt(np.mean(samples**2)))


async def test_text_becomes_audible_telephone_audio(synthesizer: SpeechSynthesizer) -> None:
    clip = await synthesizer.speak("Your balance is twelve dollars.", "en-US", False)
    assert 8000 < len(clip) < 8000 * 12
    assert loudness(clip) > 300


async def test_more_text_takes_longer(synthesizer: SpeechSynthesizer) -> None:
    short = await synthesizer.speak("Good morning.", "en-US", False)
    assert len(
        await synthesizer.speak("Good morning to you and to everybody else in the house.", "en-US", False)
    ) > len(short)


async def test_several_at_once_are_each_spoken(synthesizer: SpeechSynthesizer) -> None:
    texts = ("One.", "This is a much longer sentence than the first.")
    first, second = await asyncio.gather(*(synthesizer.speak(text, "en-US", False) for text in texts))
    assert len(first) < len(second)


async def test_a_language_without_a_voice_of_its_own_is_spoken_all_the_same(synthesizer: SpeechSynthesizer) -> None:
    for language in ("de-AT", "es", "xx-XX"):
        assert loudness(await synthesizer.speak("Guten Tag, Maria.", language, False)) > 300


async def test_the_name_tells_the_voice_apart(synthesizer: SpeechSynthesizer) -> None:
    assert synthesizer.name


@pytest.mark.parametrize("name", ["espeak-ng", "piper"])
async def test_manner_is_heard(name: str) -> None:
    synthesizer = MAKERS[name]()
    try:
        plain = await synthesizer.speak(speak("Please hold the line."), "en-US", True)
        slow = await synthesizer.speak(speak('<prosody rate="slow">Please hold the line.</prosody>'), "en-US", True)
        soft = await synthesizer.speak(speak('<prosody volume="soft">Please hold the line.</prosody>'), "en-US", True)
        paused = await synthesizer.speak(speak('Please hold <break time="900ms"/> the line.'), "en-US", True)
    finally:
        await synthesizer.close()
    assert len(slow) > 1.1 * len(plain)
    assert loudness(soft) < 0.9 * loudness(plain)
    assert len(paused) > len(plain) + 4000


async def test_espeak_has_voices_of_both_genders() -> None:
    synthesizer = EspeakSynthesizer()
    said = {
        await synthesizer.speak(speak(f'<voice gender="{one}">Hello.</voice>'), "en-US", True)
        for one in ("male", "female")
    }
    assert len(said) == 2


async def test_a_neural_voice_that_dies_is_replaced_by_espeak(tmp_path: Path) -> None:
    broken = tmp_path / "en_US-broken.onnx"
    broken.write_bytes(b"no model")
    synthesizer = PiperSynthesizer({"en": broken}, ToneSynthesizer())
    assert await synthesizer.speak("Hello", "en-US", False) == await ToneSynthesizer().speak("Hello", "en-US", False)
    await synthesizer.close()
