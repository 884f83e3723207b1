"""A dialog worker: at most 32 sessions of one organization and revision, in a process that may be killed any time."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import resource
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from common.tasks import Tasks, keep_going, note_failure
from mediaserver import wire
from mediaserver.clipstore import ClipStore
from mediaserver.dialog import audio
from mediaserver.dialog.conversation import Conversation, Session
from mediaserver.dialog.fetch import HttpFetcher
from mediaserver.dialog.prompts import PromptRenderer
from mediaserver.dialog.speech import EspeakSynthesizer, SpeechSynthesizer
from mediaserver.recognition.base import SpeechRecognizer
from mediaserver.recognition.process import SphinxRecognizer
from mediaserver.synthesis.neural import PiperSynthesizer, find_voices
from vxml import ConnectionInfo, SessionConfig
from vxml import Session as VoiceXmlSession

#: Seconds between signs of life.
BEAT = 0.5
_READ = 65536
#: Sessions after whose end the collector runs: each leaves some 25 KB of documents and script memory in cycles, of
#: whose size the collector knows nothing. It takes 2 to 5 ms, since the mother's objects are frozen.
_ENDED_BEFORE_COLLECTION = 16

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """Where clips are kept, and what one worker may take of the machine (bytes of address space)."""

    clip_directory: str
    memory: int = 2 << 30
    speech_program: str = "espeak-ng"
    #: Where models of neural voices may lie.
    voices: str = ""
    #: "pocketsphinx" or "none".
    recognizer: str = "none"


def confine(config: WorkerConfig) -> None:
    """Limits that hold even while a script runs away."""
    resource.setrlimit(resource.RLIMIT_AS, (config.memory, config.memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


async def serve(peer: socket.socket, config: WorkerConfig, synthesizer: SpeechSynthesizer | None = None) -> None:
    """Speak with the switch over `peer` until it goes away."""
    reader, writer = await asyncio.open_unix_connection(sock=peer)
    worker = Worker(config, writer, synthesizer or _synthesizer(config))
    beat = asyncio.create_task(keep_going("beat", worker.beat))
    decoder = wire.Decoder()
    try:
        while data := await reader.read(_READ):
            for message in decoder.feed(data):
                worker.take(message)
    except ConnectionError:
        log.debug("switch_gone")
    finally:
        beat.cancel()
        await worker.close()
        writer.close()


class Worker:
    def __init__(self, config: WorkerConfig, writer: asyncio.StreamWriter, synthesizer: SpeechSynthesizer) -> None:
        self._writer = writer
        self._store = ClipStore(Path(config.clip_directory))
        self._synthesizer = synthesizer
        self._recognizer: SpeechRecognizer | None = SphinxRecognizer() if config.recognizer == "pocketsphinx" else None
        self._fetcher = HttpFetcher()
        self._renderer = PromptRenderer(self._store, synthesizer, self._fetcher)
        self._conversations: dict[str, Conversation] = {}
        self._beep = self._make_beep()
        self._tasks = Tasks()
        self._told = self._lookups()
        self._ended = 0

    async def beat(self) -> None:
        while True:
            self._send(wire.encode(wire.Beat()))
            self._tell_lookups()
            await asyncio.sleep(BEAT)

    def _lookups(self) -> tuple[int, int, int, int]:
        return self._store.found, self._store.missed, self._fetcher.found, self._fetcher.missed

    def _tell_lookups(self) -> None:
        counted = self._lookups()
        if counted != self._told:
            news = (now - before for now, before in zip(counted, self._told, strict=True))
            self._send(wire.encode(wire.Lookups(*news)))
            self._told = counted

    async def close(self) -> None:
        for conversation in self._conversations.values():
            conversation.close()
        if self._recognizer is not None:
            await self._recognizer.close()
        await self._synthesizer.close()
        await self._fetcher.close()

    def take(self, message: wire.Message | wire.Audio) -> None:
        """A defect met by one call's message ends its dialog, and no other's."""
        try:
            self.receive(message)
        except Exception as error:
            call = message.key if isinstance(message, wire.Audio) else getattr(message, "call", "")
            note_failure("dialog", error, call=call)
            if (conversation := self._conversations.pop(call, None)) is not None:
                conversation.close()
            self._send(wire.encode(wire.DialogOver(call, "error", {}, f"defect: {type(error).__name__}")))

    def receive(self, message: wire.Message | wire.Audio) -> None:
        match message:
            case wire.StartDialog():
                self._start(message)
            case wire.CallAnswered(call):
                if (conversation := self._conversations.get(call)) is not None:
                    conversation.answered()
            case wire.KeyPressed(call, key):
                if (conversation := self._conversations.get(call)) is not None:
                    conversation.press(key)
            case wire.PlayEnded(call, play, completed, heard_ms):
                if (conversation := self._conversations.get(call)) is not None:
                    conversation.played(play, completed, heard_ms)
            case wire.Audio(call, heard):
                if (conversation := self._conversations.get(call)) is not None:
                    conversation.heard(heard)
            case wire.CallOver(call):
                if (conversation := self._conversations.get(call)) is not None:
                    conversation.hung_up()
            case wire.Transferred(call, transfer, outcome, duration_ms):
                if (conversation := self._conversations.get(call)) is not None:
                    conversation.transferred(transfer, outcome, duration_ms)
            case wire.Render():
                self._tasks.start(self._render(message))
            case _:
                log.error("unexpected_message", kind=type(message).__name__)

    def _start(self, start: wire.StartDialog) -> None:
        if (replaced := self._conversations.get(start.call)) is not None:
            replaced.close()
        conversation = Conversation(
            start,
            _session(start, self._recognizer),
            self._fetcher,
            self._renderer,
            self._beep,
            self._send,
            self._over,
            self._recognizer,
        )
        self._conversations[start.call] = conversation
        conversation.start()

    def _over(self, call: str) -> None:
        self._conversations.pop(call, None)
        self._ended += 1
        if self._ended % _ENDED_BEFORE_COLLECTION == 0:
            asyncio.get_running_loop().call_soon(gc.collect)

    def _send(self, frame: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(frame)

    async def _render(self, request: wire.Render) -> None:
        key = hashlib.sha256(f"{self._synthesizer.name}\0{request.language}\0{request.text}".encode()).hexdigest()
        file = self._store.find(key)
        if file is None:
            try:
                clip = await self._synthesizer.speak(request.text, request.language, False)
                file = self._store.put(key, clip)
            except Exception as error:
                # Whatever it is, who asked waits for an answer.
                log.warning("not_rendered", name=request.name, error=str(error))
        self._send(wire.encode(wire.Rendered(request.name, file or "")))

    def _make_beep(self) -> str:
        """A quarter of a second of 1 kHz, on disk with the other clips."""
        file = self._store.find(_BEEP_KEY)
        if file is None:
            moments = np.arange(audio.RATE // 4, dtype=np.float32) / audio.RATE
            tone = (np.sin(2 * np.pi * 1000 * moments) / 3).astype(np.float32)
            file = self._store.put(_BEEP_KEY, audio.from_samples(tone, audio.RATE))
        return file


def _synthesizer(config: WorkerConfig) -> SpeechSynthesizer:
    espeak = EspeakSynthesizer(config.speech_program)
    voices = find_voices(config.voices)
    return PiperSynthesizer(voices, espeak) if voices else espeak


_BEEP_KEY = hashlib.sha256(b"beep-1000-250").hexdigest()


def _session(start: wire.StartDialog, recognizer: SpeechRecognizer | None) -> Session:
    connection = ConnectionInfo(local_uri=start.local, remote_uri=start.remote, ucid=start.call)
    config = SessionConfig(
        start.application,
        start.values,
        connection,
        transfers=frozenset(start.transfers),
        recognizer=recognizer is not None,
        recognizer_languages=recognizer.languages if recognizer is not None else frozenset(),
        recognizer_builtins=recognizer.builtins if recognizer is not None else None,
    )
    return VoiceXmlSession(config)
