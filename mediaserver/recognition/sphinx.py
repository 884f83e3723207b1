"""pocketsphinx under small grammars, with a background model that says whether the words were in the grammar at all.

The recogniser finds the likeliest words of the grammar in any sound. How far they are to be believed is told by two
models of whatever may have been said: the best senone of each frame, whatever word it is of, beside which the words'
own are scored, and a search over phones alone, which tells speech from silence: words that lie on its silence and
speech that no word lies on count against them. `benchmarks/recognition.py` measures what comes of it.

The model wants 16 kHz; telephone audio is brought there by a resampler. Of 36 city names 29 were found so, and 11 with
the model's features computed at 8 kHz (15 filters below 3.5 kHz); folding the low band up changed nothing.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pocketsphinx
import soxr
from numpy.typing import NDArray

from common.errors import ClarionError
from mediaserver.dialog import audio, g711
from mediaserver.recognition.pronounce import DIGITS, pronounce

_RATE = 16000
#: Grammars kept compiled, and words added, after which the process is better replaced.
_GRAMMARS, _WORDS = 32, 30_000
_TOKEN = re.compile(r"\bw(\d+)\b")
_VARIANT = re.compile(r"\(\d+\)$")
#: Weights of the logistic regression of "these were the words", fitted on 168 utterances and 120 strangers of three
#: synthetic voices with both kinds weighing the same; left out text by text, it took 83 % of the understood ones and
#: refused 81 % of the others.
_CONSTANT, _MISFIT, _WORST, _BARE, _SILENT = 8.4, 1.15, 0.38, 1.9, 5.6
#: The average misfit is over the words and so many frames of silence about them, with what those have on average,
#: however much there was of it.
_EDGES, _EDGE_MISFIT = 70, 2.0
#: Digital silence is in no training data: noise so far below the voice (dB) is put under everything.
_FLOOR_DB = -24.0
#: Seconds of it before and after.
_BEFORE, _AFTER = 0.1, 0.3
#: The phone search's names for silence and noise.
_NO_PHONES = frozenset(("SIL", "<sil>", "+SPN+", "+NSN+"))
#: What nobody says.
_UNHEARD = "ZH NG ZH NG ZH NG ZH NG ZH NG ZH NG"
#: The logarithm of a score too small for a float.
_NOTHING = -745.0
#: Below this wish for accuracy the decoder takes short cuts.
_HASTE = 0.3


class Unusable(ClarionError):
    """The grammar cannot be listened for."""


class Sphinx:
    def __init__(self) -> None:
        self._careful = _Words({}), _Background({})
        self._hasty: tuple[_Words, _Background] | None = None

    @property
    def tired(self) -> bool:
        """So much was added to it that a new one is better."""
        return any(pair is not None and pair[0].added > _WORDS for pair in (self._careful, self._hasty))

    def decode(
        self, ulaw: bytes, jsgf: str, words: Sequence[str], results: int, accuracy: float
    ) -> list[tuple[str, float]]:
        """Texts and confidences, likeliest first. Raise Unusable."""
        words_decoder, background = self._careful if accuracy >= _HASTE else self._short_cuts()
        pcm = _prepare(ulaw)
        found = words_decoder.decode(pcm, jsgf, words, results)
        if found is None:
            return []
        best = _confidence(found.segments, background.speech(pcm))
        return [(text, round(best * share, 3)) for text, share in found.texts]

    def _short_cuts(self) -> tuple[_Words, _Background]:
        """Every other frame is looked at, and half of the densities."""
        if self._hasty is None:
            config = {"ds": 2, "topn": 2}
            self._hasty = _Words(config), _Background(config)
        return self._hasty


@dataclass(frozen=True, slots=True)
class _Segment:
    """A word ("" for silence and noise) over the frames from `first` to `last`, with the logarithm of its score."""

    word: str
    first: int
    last: int
    score: float


@dataclass(frozen=True, slots=True)
class _Found:
    """Texts, likeliest first, with how likely they are beside the first, and where its words lie."""

    texts: list[tuple[str, float]]
    segments: list[_Segment]


def _prepare(ulaw: bytes) -> bytes:
    samples = g711.decode_ulaw(ulaw).astype(np.float32)
    loud = np.abs(samples)
    loud = samples[loud > np.max(loud, initial=0.0) / 10]
    level = float(np.sqrt(np.mean(loud * loud))) if len(loud) else 1000.0
    samples = np.pad(samples, (int(_BEFORE * audio.RATE), int(_AFTER * audio.RATE)))
    noise = np.random.default_rng(0).standard_normal(len(samples), dtype=np.float32)
    wide = soxr.resample(samples + noise * level * 10 ** (_FLOOR_DB / 20), audio.RATE, _RATE)
    linear: NDArray[np.int16] = np.clip(wide, -32768, 32767).astype(np.int16)
    return linear.tobytes()


def _within(segments: list[_Segment]) -> list[_Segment]:
    """From the first word to the last."""
    words = [number for number, one in enumerate(segments) if one.word]
    return segments[words[0] : words[-1] + 1] if words else []


def _confidence(segments: list[_Segment], speech: NDArray[np.bool_]) -> float:
    """0 to 1; `speech` is where the background model hears some, frame by frame."""
    frames = len(speech)
    covered = np.zeros(frames, dtype=bool)
    worst = 0.0
    for one in segments:
        if one.word:
            covered[one.first : one.last + 1] = True
            worst = max(worst, -one.score / (one.last - one.first + 1))
    misfit = (_EDGES * _EDGE_MISFIT - sum(one.score for one in _within(segments))) / (_EDGES + int(np.sum(covered)))
    bare = float(np.sum(speech & ~covered)) / max(1, int(np.sum(speech)))
    silent = float(np.sum(covered & ~speech)) / max(1, int(np.sum(covered)))
    evidence = _CONSTANT - _MISFIT * misfit - _WORST * worst - _BARE * bare - _SILENT * silent
    return 1 / (1 + math.exp(max(-50.0, min(50.0, -evidence))))


class _Words:
    """The grammars' decoder, with the dictionary of the model."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._decoder = _decoder(dict=pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"), **config)
        self._grammars: OrderedDict[str, dict[str, str]] = OrderedDict()
        self._tokens: dict[str, str] = {}
        self.added = 0

    def decode(self, pcm: bytes, jsgf: str, words: Sequence[str], results: int) -> _Found | None:
        """None where nothing was found. Raise Unusable."""
        name = hashlib.sha256("\0".join((jsgf, *words)).encode()).hexdigest()[:32]
        spelt = self._grammars.get(name)
        if spelt is None:
            spelt = self._load(name, jsgf, words)
        self._grammars.move_to_end(name)
        self._decoder.activate_search(name)
        best = _text(_run(self._decoder, pcm), spelt)
        if not best:
            return None
        texts = {best: 1.0}
        if results > 1:
            self._add_others(texts, results, spelt)
        return _Found(list(texts.items()), _segments(self._decoder))

    def _add_others(self, texts: dict[str, float], results: int, spelt: dict[str, str]) -> None:
        """Other ways to hear it, from the lattice."""
        top: float | None = None
        for number, one in enumerate(self._decoder.nbest() or ()):
            if one is None or number > 20 * results or len(texts) >= results:
                return
            score = math.log(one.score) if one.score > 0 else _NOTHING
            top = score if top is None else max(top, score)
            text = _text(one.hypstr or "", spelt)
            if text and text not in texts:
                least = min(texts.values())
                texts[text] = min(least, math.exp((score - top) / max(self._decoder.n_frames(), 1)))

    def _load(self, name: str, jsgf: str, words: Sequence[str]) -> dict[str, str]:
        # "4" beside "four" would only be a second way to write what was heard.
        twins = {digit: word for digit, word in zip("0123456789", DIGITS, strict=True) if word in words}
        meant = [twins.get(word, word) for word in words]
        tokens = [self._token(word) for word in meant]
        written = _TOKEN.sub(lambda found: tokens[int(found[1])], jsgf)
        try:
            self._decoder.add_jsgf_string(name, written)
        except (RuntimeError, ValueError) as error:
            raise Unusable("the recogniser cannot take the grammar") from error
        self._grammars[name] = dict(zip(tokens, meant, strict=True))
        if len(self._grammars) > _GRAMMARS:
            old, _ = self._grammars.popitem(last=False)
            self._decoder.remove_search(old)
        return self._grammars[name]

    def _token(self, word: str) -> str:
        """The dictionary's entry for `word`, made where there is none."""
        token = self._tokens.get(word)
        if token is None:
            token = self._tokens[word] = f"v{len(self._tokens)}"
            # A word that nobody can pronounce cannot be heard; the rest of its grammar can.
            for number, phones in enumerate(pronounce(word, self._known) or (_UNHEARD,)):
                self._decoder.add_word(token if number == 0 else f"{token}({number + 1})", phones, False)
                self.added += 1
        return token

    def _known(self, word: str) -> tuple[str, ...]:
        ways: list[str] = []
        while phones := self._decoder.lookup_word(f"{word}({len(ways) + 1})" if ways else word):
            ways.append(phones)
        return tuple(ways)


class _Background:
    """Any phones in any order, by how often English has them after each other."""

    def __init__(self, config: dict[str, Any]) -> None:
        model = pocketsphinx.get_model_path("en-us/en-us-phone.lm.bin")
        # Context-independent phones: with the others a second of sound took six.
        self._decoder = _decoder(allphone=model, allphone_ci=True, lw=2.0, **config)

    def speech(self, pcm: bytes) -> NDArray[np.bool_]:
        """Frame by frame, whether somebody speaks."""
        _run(self._decoder, pcm)
        speech = np.ones(self._decoder.n_frames(), dtype=bool)
        for one in self._decoder.seg() or ():
            if one.word in _NO_PHONES:
                speech[one.start_frame : one.end_frame + 1] = False
        return speech


def _decoder(**config: Any) -> Any:
    # All senones are computed: scores are relative to a frame's best one, which makes that a background model.
    hmm = pocketsphinx.get_model_path("en-us/en-us")
    return pocketsphinx.Decoder(
        pocketsphinx.Config(hmm=hmm, lm=None, samprate=_RATE, loglevel="FATAL", compallsen=True, **config)
    )


def _run(decoder: Any, pcm: bytes) -> str:
    """What was found, "" for nothing."""
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return "" if found is None else str(found.hypstr or "")


def _segments(decoder: Any) -> list[_Segment]:
    """The marks of the sentence's ends repeat a neighbour's score and are left out."""
    return [
        _Segment(
            "" if one.word.startswith(("<", "[", "(")) else one.word,
            one.start_frame,
            one.end_frame,
            math.log(one.ascore) if one.ascore > 0 else _NOTHING,
        )
        for one in decoder.seg()
        if one.word not in ("<s>", "</s>")
    ]


def _text(tokens: str, spelt: dict[str, str]) -> str:
    return " ".join(spelt.get(_VARIANT.sub("", token), "") for token in tokens.split()).strip()
