"""What every `SpeechRecognizer` does: the table in memory, and pocketsphinx in a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from mediaserver.recognition.base import Hypothesis, RecognizerFailed, SpeechRecognizer, TableRecognizer, Utterance
from mediaserver.recognition.choice import SPHINX, choose
from mediaserver.recognition.counting import CountingRecognizer
from mediaserver.recognition.process import SphinxRecognizer
from simulators.carrier.audio import spoken
from simulators.carrier.sdp import PCMU
from vxml.grammar import WordGrammar, for_recognizer, link, parse_grammar
from vxml.grammar.spoken import spoken_grammar

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(150)]
SILENCE = b"\xff" * 2400


def voice(words: str) -> bytes:
    return SILENCE + b"".join(spoken(words, "en-us", PCMU)) + SILENCE


CITIES = for_recognizer(
    [
        link(
            parse_grammar(
                b"#ABNF 1.0 UTF-8;\nlanguage en-US;\nmode voice;\nroot $r;\n"
                b"$r = seattle | new york | washington | philadelphia;\n"
            )
        )
    ]
)
ANSWER = for_recognizer([spoken_grammar("boolean", "en-US")])


def counted() -> SpeechRecognizer:
    return CountingRecognizer(in_memory(), lambda outcome, seconds: None)


def in_memory() -> SpeechRecognizer:
    said = {voice(text): text for text in ("new york", "philadelphia", "yes please", "elephants are purple")}
    said[SILENCE] = ""
    return TableRecognizer(
        lambda audio: (Hypothesis(said[audio], 0.9), Hypothesis("seattle", 0.1)) if said[audio] else ()
    )


MAKERS: dict[str, Callable[[], SpeechRecognizer]] = {
    "memory": in_memory,
    "counted": counted,
    "pocketsphinx": SphinxRecognizer,
}


@pytest_asyncio.fixture(params=sorted(MAKERS), loop_scope="function")
async def recognizer(request: pytest.FixtureRequest) -> AsyncIterator[SpeechRecognizer]:
    made = MAKERS[request.param]()
    yield made
    await made.close()


def ask(words: str, grammar: WordGrammar = CITIES, results: int = 1) -> Utterance:
    return Utterance(voice(words), grammar, results)


async def test_words_of_the_grammar_are_found(recognizer: SpeechRecognizer) -> None:
    (found,) = await recognizer.recognize(ask("philadelphia"))
    assert found.text == "philadelphia"
    assert 0.5 < found.confidence <= 1


async def test_several_grammars_one_after_the_other(recognizer: SpeechRecognizer) -> None:
    recognizer.prepare()
    assert (await recognizer.recognize(ask("new york")))[0].text == "new york"
    assert (await recognizer.recognize(ask("yes please", ANSWER)))[0].text == "yes please"


async def test_other_words_are_refused_or_not_believed(recognizer: SpeechRecognizer) -> None:
    found = await recognizer.recognize(ask("elephants are purple"))
    assert all(one.confidence < 0.5 for one in found)


async def test_silence_is_nothing(recognizer: SpeechRecognizer) -> None:
    found = await recognizer.recognize(Utterance(SILENCE, CITIES))
    assert all(one.confidence < 0.5 for one in found)


async def test_results_are_at_most_as_many_as_asked_for_and_fall(recognizer: SpeechRecognizer) -> None:
    found = await recognizer.recognize(ask("philadelphia", results=3))
    assert 1 <= len(found) <= 3
    assert [one.confidence for one in found] == sorted((one.confidence for one in found), reverse=True)
    assert len({one.text for one in found}) == len(found)


async def test_requests_at_once_are_each_answered(recognizer: SpeechRecognizer) -> None:
    found = await asyncio.gather(*(recognizer.recognize(ask(words)) for words in ("new york", "philadelphia")))
    assert [one[0].text for one in found] == ["new york", "philadelphia"]


async def test_sphinx_is_chosen_where_it_is_installed_and_not_refused() -> None:
    assert (choose("auto"), choose("none"), choose("pocketsphinx")) == (SPHINX, "none", SPHINX)


@pytest.mark.parametrize(
    ("module", "says"),
    [("mediaserver.recognition.nowhere", "does not come up"), ("tests.support.hung_decoder", "killed")],
)
async def test_a_decoder_that_does_not_come_up_or_hangs_costs_its_utterance_alone(module: str, says: str) -> None:
    recognizer = SphinxRecognizer(patience=-0.5, module=module)
    with pytest.raises(RecognizerFailed, match=says):
        await recognizer.recognize(ask("new york"))
    await recognizer.close()


async def test_more_than_the_queue_holds_is_refused() -> None:
    recognizer = SphinxRecognizer(queue=1)
    first = asyncio.ensure_future(recognizer.recognize(ask("new york")))
    await asyncio.sleep(0)
    with pytest.raises(RecognizerFailed, match="wait"):
        await recognizer.recognize(ask("new york"))
    first.cancel()
    await recognizer.close()
