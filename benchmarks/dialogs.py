"""The VoiceXML interpreter alone: dialogs a second, memory of a waiting session, reaction to a key, large grammars.

Rates and reactions are those of this one process, on one core, on a virtual clock; memory is that of worker processes
under the switch's pool, as deployed. Beside the dialogs stands what the ECMAScript engine alone costs for as many
pages, an empty context and an expression each: no interpreter over it can be faster.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import quickjs

from benchmarks.support.usage import usage_of
from mediaserver.switch.workers import WorkerKey
from tests.support.hostile_bench import Dialogs, hostile_bench
from vxml import Session, SessionConfig
from vxml.grammar import Matcher, link, parse_grammar
from vxml.grammar.tokens import words_of
from vxml.messages import Command, Fetch, Fetched, KeyPressed, Play, PlayEnded
from vxml.text import from_mapping, keys, run_text

BASE = "http://app.example/"
PAGES, FIELDS, DIALOGS, IDLE, TALKING, PHRASES = 20, 5, 1500, 300, 300, 10_000
WORKERS = 10
ROUNDS = 10


def page(number: int) -> str:
    """One of the application's pages; every fourth has one of the five fields."""
    after = f'<goto next="p{number + 1}.vxml"/>' if number + 1 < PAGES else '<submit next="end.vxml" method="post"/>'
    field = f"""<field name="f{number}" type="digits?length=2">
        <prompt>Number <value expr="{number}"/>, <value expr="greeting + name()"/>.</prompt>
        <filled><assign name="total" expr="total + Number(f{number})"/>{after}</filled></field>"""
    plain = f"""<block><if cond="total &gt; -1"><prompt>Page {number} of {PAGES}.</prompt></if>{after}</block>"""
    return f"""<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml" xml:lang="en-US" application="root.vxml">
      <form id="page{number}">{field if number % 4 == 0 else plain}</form></vxml>"""


def application() -> dict[str, str | bytes]:
    root = """<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml" xml:lang="en-US">
      <var name="total" expr="0"/><var name="greeting" expr="'dear '"/>
      <script>function name() { return session.connection.ccxml.values.first_name }</script>
      <noinput>Please type a number.<reprompt/></noinput><nomatch>Sorry.<reprompt/></nomatch></vxml>"""
    end = """<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml" application="root.vxml">
      <form><block><exit namelist="total"/></block></form></vxml>"""
    pages: dict[str, str | bytes] = {BASE + f"p{number}.vxml": page(number) for number in range(PAGES)}
    return {**pages, BASE + "root.vxml": root, BASE + "end.vxml": end}


def config() -> SessionConfig:
    return SessionConfig(BASE + "p0.vxml", {"first_name": "Ana"})


def bare_engine_per_second() -> float:
    """An empty ECMAScript context made and dropped, twenty pages' expressions in it: the least that a dialog costs."""
    rates = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(DIALOGS // ROUNDS):
            context = quickjs.Context()
            for number in range(PAGES):
                context.eval(f"{number} + 1")
        rates.append(DIALOGS / ROUNDS / (time.process_time() - began))
    return max(rates)


def dialogs_per_second() -> float:
    fetch, typed = from_mapping(application()), keys("1122334455")
    run_text(config(), fetch, typed)
    rates = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(DIALOGS // ROUNDS):
            transcript = run_text(config(), fetch, typed)
            assert transcript.ended is not None
            assert transcript.ended.values == {"total": 165}, str(transcript)
        rates.append(DIALOGS / ROUNDS / (time.process_time() - began))
    # The best round: others shared their core with whatever else this machine does.
    return max(rates)


class Talk:
    """A session driven by hand, so that single turns can be timed."""

    def __init__(self) -> None:
        self._fetch = from_mapping(application())
        self._now = 0.0
        self.session = Session(config())
        self.session.start(0.0)
        self._serve(self.session.commands())

    def _serve(self, commands: list[Command]) -> None:
        """Answer fetches and let prompts end, until the session waits for the caller."""
        while commands:
            for command in commands:
                self._now += 0.001
                if isinstance(command, Fetch):
                    answer = self._fetch(command)
                    assert isinstance(answer, Fetched)
                    self.session.receive(answer, self._now)
                elif isinstance(command, Play):
                    self.session.receive(PlayEnded(command.id, True), self._now)
            commands = self.session.commands()

    def press(self, key: str) -> float:
        """Seconds from a key to its commands; pages that it asks for are served afterwards."""
        self._now += 0.1
        began = time.perf_counter()
        self.session.receive(KeyPressed(key), self._now)
        commands = self.session.commands()
        took = time.perf_counter() - began
        self._serve(commands)
        return took


async def memory_per_session() -> float:
    """KB by which real worker processes grow for each of many sessions that wait for their first key.

    Proportional set size of ten workers, full against holding one session each.
    """
    name = next(iter(application())).removeprefix(BASE)
    pages = {page.removeprefix(BASE): body.encode() for page, body in application().items() if isinstance(body, str)}
    with tempfile.TemporaryDirectory(prefix="clarion-bench-") as directory:
        async with hostile_bench(Path(directory), {"application": pages}, WORKERS + 1) as dialogs:
            for number in range(WORKERS):
                dialogs.begin(f"first-{number}", f"0/{name}", WorkerKey("organization", str(number)))
            before = await _settled(dialogs)
            for number in range(IDLE):
                dialogs.begin(f"idle-{number}", f"0/{name}", WorkerKey("organization", str(number % WORKERS)))
            return (await _settled(dialogs) - before) * 1024 / IDLE


async def _settled(dialogs: Dialogs) -> float:
    """MB of all workers, once every session has asked its question and waits."""
    await asyncio.sleep(3)
    return usage_of(dialogs.pool.pids).memory


def reactions() -> list[float]:
    """Milliseconds from a key to what follows, over many sessions at once, key by key."""
    talks = [Talk() for _ in range(TALKING)]
    chance = random.Random(1)
    took = []
    for key in "1122334455":
        chance.shuffle(talks)
        took += [talk.press(key) * 1000 for talk in talks]
    assert all(talk.session.ended for talk in talks)
    return sorted(took)


def phrases() -> Iterator[str]:
    chance = random.Random(2)
    syllables = [a + b for a in "bcdfghklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "il")]
    words = ["".join(chance.choices(syllables, k=3)) for _ in range(4000)]
    for number in range(PHRASES):
        yield " ".join(chance.choices(words, k=chance.randint(2, 4))) + f" {words[number % 4000]}"


def grammar_rates() -> tuple[float, float, float]:
    """Seconds to compile, matches a second of phrases that are there, and of others."""
    said = list(phrases())
    items = "".join(f"<item>{phrase}<tag>out={number}</tag></item>" for number, phrase in enumerate(said))
    body = f"""<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" mode="voice" xml:lang="en-US" root="r"
      tag-format="semantics/1.0"><rule id="r"><one-of>{items}</one-of></rule></grammar>""".encode()
    began = time.process_time()
    grammar = link(parse_grammar(body))
    compiled = time.process_time() - began
    began = time.process_time()
    sample = said[::2]
    for phrase in sample:
        matcher = Matcher(grammar)
        for word in words_of(phrase):
            matcher.feed(word)
        assert matcher.matched
    matched = len(sample) / (time.process_time() - began)
    began = time.process_time()
    for phrase in sample:
        matcher = Matcher(grammar)
        for word in [*words_of(phrase), "surplus"]:
            matcher.feed(word)
        assert not matcher.matched
    return compiled, matched, len(sample) / (time.process_time() - began)


def main() -> int:
    failed = False

    def show(what: str, value: float, unit: str, limit: float | None = None, at_least: bool = False) -> None:
        nonlocal failed
        kept = limit is None or (value >= limit if at_least else value <= limit)
        failed = failed or not kept
        beside = (
            "" if limit is None else f"   (limit: {'>=' if at_least else '<='} {limit:g}{'' if kept else ': MISSED'})"
        )
        print(f"{what:<58} {value:>10,.1f} {unit:<4}{beside}")

    show(f"{FIELDS}-field dialogs over {PAGES} pages, a core", dialogs_per_second(), "/s", 300, True)
    show("the engine alone: a context and an expression a page", bare_engine_per_second(), "/s")
    show(f"memory of a waiting session, {IDLE} in {WORKERS} workers", asyncio.run(memory_per_session()), "KB", 400)
    took = reactions()
    show(f"reaction to a key, {TALKING} sessions, median", statistics.median(took), "ms")
    show(f"reaction to a key, {TALKING} sessions, p99", took[int(len(took) * 0.99)], "ms", 10)
    show(f"reaction to a key, {TALKING} sessions, longest", took[-1], "ms")
    compiled, matched, refused = grammar_rates()
    show(f"grammar of {PHRASES:,} phrases, compiled", compiled * 1000, "ms")
    show(f"grammar of {PHRASES:,} phrases, phrases matched", matched, "/s")
    show(f"grammar of {PHRASES:,} phrases, others refused", refused, "/s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
