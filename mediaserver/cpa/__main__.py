"""The classification process: `python -m mediaserver.cpa FD` listens to all calls of a media server that want it.

FD is a Unix socket from the switch, which speaks the frames of `mediaserver.wire`. When it closes, the process ends.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from common.profiles import profile_of
from common.tasks import keep_going, note_failure
from mediaserver import wire
from mediaserver.cpa.classifier import Classifier
from mediaserver.cpa.events import LOST, CpaEvent, Decided, Heard
from mediaserver.cpa.networks import network_of
from mediaserver.cpa.spectrum import RATE

_READ = 65536
#: Seconds between two looks at calls whose far end may send nothing.
_TICK = 0.05


class Desk:
    """All calls of one switch; `now` is monotonic, the same clock as the switch's."""

    def __init__(self) -> None:
        self._calls: dict[str, Classifier] = {}

    def receive(self, message: wire.Message | wire.Audio, now: float) -> bytes:
        """Frames to send back."""
        match message:
            case wire.Classify():
                profile = profile_of(
                    message.profile,
                    message.timeout,
                    silence_detection=message.silence_detection,
                    figures=message.figures,
                )
                self._calls[message.call] = Classifier(profile, network_of(message.number))
            case wire.CallOver(call):
                self._calls.pop(call, None)
            case wire.CallAnswered(call) if (classifier := self._calls.get(call)) is not None:
                classifier.answered(now)
            case wire.Audio(call, audio) if (classifier := self._calls.get(call)) is not None:
                classifier.receive(audio, now)
                return _frames(call, classifier.events())
        return b""

    def receive_all(self, messages: list[wire.Message | wire.Audio], now: float) -> list[bytes]:
        """What came at once. Where we were late, audio waited: the last of a call ends `now`, all else was before."""
        behind: Counter[str] = Counter()
        for message in messages:
            if isinstance(message, wire.Audio):
                behind[message.key] += len(message.audio)
        told = []
        for message in messages:
            call = message.key if isinstance(message, wire.Audio) else getattr(message, "call", "")
            if isinstance(message, wire.Audio):
                behind[call] -= len(message.audio)
            told.append(self._tried(call, partial(self.receive, message, now - behind[call] / RATE), now))
        return told

    def tick(self, now: float) -> bytes:
        known = tuple(self._calls.items())
        return b"".join(
            self._tried(call, partial(_looked_at, call, classifier, now), now) for call, classifier in known
        )

    def _tried(self, call: str, step: Callable[[], bytes], now: float) -> bytes:
        """A defect met by one call ends its classification, and no other's."""
        try:
            return step()
        except Exception as error:
            note_failure("classification", error, call=call)
            self._calls.pop(call, None)
            return wire.encode(wire.Classified(call, LOST, now))


def _looked_at(call: str, classifier: Classifier, now: float) -> bytes:
    due = classifier.next_timer()
    if due is None or due > now:
        return b""
    classifier.handle_timer(now)
    return _frames(call, classifier.events())


def _frames(call: str, events: list[CpaEvent]) -> bytes:
    return b"".join(wire.encode(_classified(call, event)) for event in events)


def _classified(call: str, event: CpaEvent) -> wire.Classified:
    verdict = event.verdict.value if isinstance(event, Decided) else ""
    sound = event.sound.value if isinstance(event, Decided | Heard) and event.sound is not None else ""
    return wire.Classified(call, type(event).__name__, event.at, verdict, sound)


async def serve(peer: socket.socket) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=peer)
    desk, decoder = Desk(), wire.Decoder()
    ticking = asyncio.create_task(keep_going("classification", partial(_tick, desk, writer)))
    try:
        while data := await reader.read(_READ):
            messages = list(decoder.feed(data))
            writer.write(b"".join(desk.receive_all(messages, time.monotonic())))
    finally:
        ticking.cancel()
        writer.close()


async def _tick(desk: Desk, writer: asyncio.StreamWriter) -> None:
    while True:
        await asyncio.sleep(_TICK)
        writer.write(desk.tick(time.monotonic()))


def main(arguments: list[str]) -> int:
    # A Ctrl-C or a service manager's SIGTERM is for the switch alone, which drains first.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if os.getpriority(os.PRIO_PROCESS, 0) < 0:
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    gc.freeze()
    asyncio.run(serve(socket.socket(fileno=int(arguments[0]))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
