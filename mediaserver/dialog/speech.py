"""Speech synthesis: the `SpeechSynthesizer` port and espeak-ng behind it."""

from __future__ import annotations

import asyncio
import re
import shutil
from typing import Protocol

import numpy as np
from lxml import etree

from common.errors import ClarionError
from mediaserver.dialog import audio

#: Seconds one utterance may take to be made.
_PATIENCE = 20.0
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
#: SSML espeak-ng may see. Not audio: espeak-ng would read a local file.
_SPOKEN = frozenset(["speak", "p", "s", "break", "prosody", "emphasis", "say-as", "sub", "voice", "phoneme", "mark"])
_WAV_HEADER = 44


class SpeechFailed(ClarionError):
    """The text could not be spoken."""


class SpeechSynthesizer(Protocol):
    """Text to 8 kHz mu-law. `name` tells voices apart in the cache."""

    name: str

    async def speak(self, text: str, language: str, ssml: bool) -> bytes:
        """Raise SpeechFailed."""
        ...

    async def close(self) -> None: ...


class ToneSynthesizer:
    """The in-memory adapter: 40 ms of tone for each character, no program needed."""

    name = "tone"

    async def speak(self, text: str, language: str, ssml: bool) -> bytes:
        moments = np.arange(len(text) * 320, dtype=np.float32) / audio.RATE
        return audio.from_samples((np.sin(2 * np.pi * 440 * moments) / 4).astype(np.float32), audio.RATE)

    async def close(self) -> None:
        """Holds nothing."""


class EspeakSynthesizer:
    """espeak-ng, one short process an utterance; the text goes by stdin, where `ps` cannot see it."""

    name = "espeak-ng"

    def __init__(self, program: str = "espeak-ng", at_once: int = 2, words_per_minute: int = 165) -> None:
        self._program = shutil.which(program) or program
        self._room = asyncio.Semaphore(at_once)
        self._speed = str(words_per_minute)

    async def speak(self, text: str, language: str, ssml: bool) -> bytes:
        spoken = _clean(text) if ssml else text
        async with self._room:
            for voice in _voices(language):
                wav = await self._run(spoken, voice, ssml)
                if wav is not None:
                    return _to_clip(wav)
        raise SpeechFailed(f"espeak-ng has no voice for {language}")

    async def close(self) -> None:
        """Its processes end with their utterances."""

    async def _run(self, text: str, voice: str, ssml: bool) -> bytes | None:
        """The WAV, or None where the voice is unknown."""
        arguments = ["--stdout", "--stdin", "-b", "1", "-s", self._speed, "-v", voice, *(["-m"] if ssml else [])]
        try:
            process = await asyncio.create_subprocess_exec(
                self._program,
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise SpeechFailed(f"{self._program} cannot be started: {error.strerror}; install espeak-ng") from error
        try:
            async with asyncio.timeout(_PATIENCE):
                wav, _ = await process.communicate(text.encode())
        except TimeoutError as error:
            raise SpeechFailed(f"espeak-ng took longer than {_PATIENCE:.0f} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return wav if process.returncode == 0 else None


def _to_clip(wav: bytes) -> bytes:
    try:
        return audio.to_ulaw(wav) if len(wav) > _WAV_HEADER else b""
    except audio.UnreadableAudio as error:
        raise SpeechFailed(str(error)) from error


def _voices(language: str) -> tuple[str, ...]:
    """What to try in turn: `de-AT` is spoken by `de-at` or else `de`, unknown languages in English."""
    if not _LANGUAGE.fullmatch(language):
        return ("en",)
    full = language.lower()
    return tuple(dict.fromkeys((full, full.partition("-")[0], "en")))


def _clean(ssml: str) -> str:
    """The same SSML with only elements that speak; the words of all others stay."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(ssml.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise SpeechFailed("the prompt is not well-formed SSML") from error
    for element in list(root.iter()):
        if not isinstance(element.tag, str):
            element.tail, tail = None, element.tail
            _replace_by_text(element, tail or "")
        elif etree.QName(element).localname not in _SPOKEN:
            element.tag = "s"
            element.attrib.clear()
    return str(etree.tostring(root, encoding="unicode"))


def _replace_by_text(element: etree._Element, text: str) -> None:
    parent = element.getparent()
    if parent is None:
        return
    before = element.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + text
    else:
        parent.text = (parent.text or "") + text
    parent.remove(element)
