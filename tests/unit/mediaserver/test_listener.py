"""The conversation's ear: from frames to what the session is told, with a recogniser in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from mediaserver.dialog.listener import Listener
from mediaserver.recognition.base import Hypothesis, RecognizerFailed, TableRecognizer, Utterance
from mediaserver.recognition.counting import CountingRecognizer
from mediaserver.recognition.endpoint import FRAME
from tests.unit.mediaserver.test_endpointing import buzz
from vxml.grammar.spoken import spoken_grammar
from vxml.messages import Input, RecognitionFailed, Recognize, SpeechStarted, SpeechTooLong, Spoken

pytestmark = pytest.mark.asyncio
SILENCE = b"\xff" * FRAME * 100
WORD = buzz(0.5)


class Bench:
    def __init__(self, *said: Hypothesis, recognizer: Any = None) -> None:
        self.told: list[Input] = []
        self.asked = 0
        self.said = said
        self.listener = Listener(recognizer or TableRecognizer(self.hear), self.told.append, self.run)

    def hear(self, audio: bytes) -> tuple[Hypothesis, ...]:
        self.asked += 1
        return self.said

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work)

    async def speak(self, *pieces: bytes) -> list[Input]:
        for piece in pieces:
            for start in range(0, len(piece), FRAME):
                self.listener.hear(piece[start : start + FRAME])
                await asyncio.sleep(0)
        self.listener.stop()
        return self.told


def command(spec: str = "boolean", **more: Any) -> Recognize:
    return Recognize((spoken_grammar(spec, "en-US"),), **more)


async def test_an_utterance_is_told_at_its_beginning_and_its_end() -> None:
    bench = Bench(Hypothesis("yes", 0.9), Hypothesis("yes please", 0.7))
    bench.listener.begin(command(max_results=2))
    assert await bench.speak(WORD, SILENCE) == [SpeechStarted(), Spoken("yes", 0.9, (("yes please", 0.7),))]
    assert bench.asked == 1


async def test_words_that_may_go_on_are_waited_for_longer() -> None:
    gap = SILENCE[: 45 * FRAME]
    going = Bench(Hypothesis("one two", 0.9))
    going.listener.begin(command("digits"))
    assert await going.speak(WORD, gap, WORD, SILENCE) == [SpeechStarted(), Spoken("one two", 0.9)]
    whole = Bench(Hypothesis("one two", 0.9))
    whole.listener.begin(command("digits?length=2"))
    await whole.speak(WORD, gap)
    assert whole.told == [SpeechStarted(), Spoken("one two", 0.9)]
    assert (going.asked, whole.asked) == (2, 1)


async def test_nothing_recognised_is_an_empty_answer() -> None:
    bench = Bench()
    bench.listener.begin(command())
    assert await bench.speak(WORD, SILENCE) == [SpeechStarted(), Spoken("", 0.0)]


async def test_a_hotword_passes_over_other_speech_in_silence() -> None:
    bench = Bench(Hypothesis("yes", 0.9))
    bench.said = ()
    bench.listener.begin(command(hotword=True))
    for piece in (WORD, SILENCE):
        for start in range(0, len(piece), FRAME):
            bench.listener.hear(piece[start : start + FRAME])
            await asyncio.sleep(0)
    assert (bench.told, bench.asked) == ([], 1)
    bench.said = (Hypothesis("no", 0.8),)
    assert await bench.speak(WORD, SILENCE) == [Spoken("no", 0.8)]


async def test_speech_that_began_under_a_hotword_is_announced_when_anything_counts() -> None:
    bench = Bench(Hypothesis("yes", 0.9))
    bench.listener.begin(command(hotword=True))
    for start in range(0, len(WORD) // 2, FRAME):
        bench.listener.hear(WORD[start : start + FRAME])
    bench.listener.begin(command())
    assert await bench.speak(WORD[len(WORD) // 2 :], SILENCE) == [SpeechStarted(), Spoken("yes", 0.9)]


async def test_endless_speech_is_too_long() -> None:
    bench = Bench()
    bench.listener.begin(command(max_speech=0.8))
    assert await bench.speak(buzz(2)) == [SpeechStarted(), SpeechTooLong()]
    assert bench.asked == 0


async def test_the_utterance_is_kept_where_it_is_asked_for() -> None:
    bench = Bench(Hypothesis("yes", 0.9))
    bench.listener.begin(command(keep_audio=True))
    spoken = (await bench.speak(WORD, SILENCE))[1]
    assert isinstance(spoken, Spoken)
    assert spoken.audio.startswith(b"RIFF")
    assert 900 <= spoken.duration_ms <= 1900


async def test_a_recogniser_that_fails_is_told() -> None:
    class Broken(TableRecognizer):
        async def recognize(self, utterance: Utterance) -> tuple[Hypothesis, ...]:
            raise RecognizerFailed("gone")

    bench = Bench(recognizer=Broken(lambda _: ()))
    bench.listener.begin(command())
    assert await bench.speak(WORD, SILENCE) == [SpeechStarted(), RecognitionFailed("gone")]


@pytest.mark.parametrize(
    ("said", "outcomes"), [((Hypothesis("yes", 0.9),), ["words"]), ((), ["nothing"]), (None, ["failed"])]
)
async def test_utterances_are_counted_by_how_they_went(
    said: tuple[Hypothesis, ...] | None, outcomes: list[str]
) -> None:
    def hear(audio: bytes) -> tuple[Hypothesis, ...]:
        if said is None:
            raise RecognizerFailed("gone")
        return said

    told: list[tuple[str, float]] = []
    moments = iter((1.0, 1.5))
    counting = CountingRecognizer(TableRecognizer(hear), lambda *one: told.append(one), lambda: next(moments))
    bench = Bench(recognizer=counting)
    bench.listener.begin(command())
    await bench.speak(WORD, SILENCE)
    assert told == [(outcome, 0.5) for outcome in outcomes]


async def test_nothing_is_told_after_the_listening_ended() -> None:
    bench = Bench(Hypothesis("yes", 0.9))
    bench.listener.begin(command())
    bench.listener.stop()
    assert not bench.listener.on
    assert await bench.speak(WORD, SILENCE) == []
