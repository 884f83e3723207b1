"""Decoders in processes of their own, so that neither their work nor their death delays a dialog.

A process takes one utterance at a time. It is started for the first one, killed when it takes too long over one, and
given up for a new one when it asks for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import orjson
import structlog

from mediaserver.dialog.helper import Died, Helper
from mediaserver.recognition.base import Hypothesis, RecognizerFailed, Utterance

#: Seconds a decoder may take to come up, for an utterance, and for each second of it besides.
_START, _BASE, _PER_SECOND = 30.0, 6.0, 3.0
#: Utterances that may wait for a decoder.
_QUEUE = 16
_RATE = 8000
#: Seconds without an utterance after which a decoder's memory is given back.
_IDLE = 120.0

_T = TypeVar("_T")

log = structlog.get_logger()


class SphinxRecognizer:
    """`processes` decoders at most, each made when it is needed. `module` is run by this Python."""

    name = "pocketsphinx"
    languages = frozenset(("en",))
    #: Of digits and dates it got none right by telephone (benchmarks/recognition.py).
    builtins: frozenset[str] | None = frozenset(("boolean",))

    def __init__(
        self, processes: int = 1, queue: int = _QUEUE, patience: float = _BASE, module: str = "mediaserver.recognition"
    ) -> None:
        self._module = module
        self._patience = patience
        self._most_waiting = queue
        self._waiting = 0
        self._idle: list[Helper] = []
        self._bedtimes: dict[Helper, asyncio.TimerHandle] = {}
        self._room = asyncio.Semaphore(processes)
        self._warming = False
        self._tasks: set[asyncio.Task[Any]] = set()

    def prepare(self) -> None:
        if not self._idle and not self._waiting and not self._warming:
            self._warming = True
            self._run(self._warm())

    async def recognize(self, utterance: Utterance) -> tuple[Hypothesis, ...]:
        if self._waiting >= self._most_waiting:
            raise RecognizerFailed(f"{self._waiting} utterances wait for a decoder")
        self._waiting += 1
        # Shielded: a decoder whose caller speaks on finishes first, for its answer would be taken for the next one's.
        return await asyncio.shield(self._run(self._in_turn(utterance)))

    async def close(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while self._idle:
            await self._wake().end()

    async def _warm(self) -> None:
        try:
            async with self._room:
                if not self._idle:
                    self._lay_down(await self._start())
        except RecognizerFailed as error:
            log.warning("no_decoder", error=str(error))
        finally:
            self._warming = False

    async def _in_turn(self, utterance: Utterance) -> tuple[Hypothesis, ...]:
        try:
            async with self._room:
                answer = await self._decode(utterance)
        finally:
            self._waiting -= 1
        if "error" in answer:
            raise RecognizerFailed(str(answer["error"]))
        return tuple(Hypothesis(text, confidence) for text, confidence in answer["found"])

    async def _decode(self, utterance: Utterance) -> dict[str, Any]:
        decoder = self._wake() if self._idle else await self._start()
        limit = self._patience + _PER_SECOND * len(utterance.audio) / _RATE
        try:
            async with asyncio.timeout(limit):
                answer: dict[str, Any] = orjson.loads(await decoder.ask(_question(utterance), utterance.audio))
        except TimeoutError as error:
            await decoder.end()
            raise RecognizerFailed(f"the decoder took longer than {limit:.0f} s and was killed") from error
        except (*Died, ValueError) as error:
            await decoder.end()
            raise RecognizerFailed("the decoder died") from error
        except asyncio.CancelledError:
            await decoder.end()
            raise
        if answer.get("tired"):
            await decoder.end()
        else:
            self._lay_down(decoder)
        return answer

    async def _start(self) -> Helper:
        try:
            return await Helper.start(self._module, patience=_START)
        except (TimeoutError, *Died) as error:
            raise RecognizerFailed("the decoder does not come up") from error

    def _lay_down(self, decoder: Helper) -> None:
        self._idle.append(decoder)
        self._bedtimes[decoder] = asyncio.get_running_loop().call_later(_IDLE, self._let_go, decoder)

    def _wake(self) -> Helper:
        decoder = self._idle.pop()
        self._bedtimes.pop(decoder).cancel()
        return decoder

    def _let_go(self, decoder: Helper) -> None:
        self._idle.remove(decoder)
        del self._bedtimes[decoder]
        self._run(decoder.end())

    def _run(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Its caller, if there still is one, hears of it too.
            log.debug("utterance_lost", error=str(error))


def _question(utterance: Utterance) -> bytes:
    grammar = utterance.grammar
    return orjson.dumps(
        {
            "jsgf": grammar.jsgf,
            "words": grammar.words,
            "results": utterance.max_results,
            "accuracy": utterance.accuracy,
        }
    )
