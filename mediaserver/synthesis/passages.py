"""SSML as a row of plain passages, for synthesisers that read no mark-up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from lxml import etree

#: Milliseconds of `<break strength>` and of one without attributes (SSML 1.0 section 3.2.3).
_BREAKS = {"none": 0, "x-weak": 100, "weak": 250, "": 400, "medium": 400, "strong": 700, "x-strong": 1200}
_RATES = {"x-slow": 0.6, "slow": 0.8, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.6}
_VOLUMES = {"silent": 0.0, "x-soft": 0.25, "soft": 0.5, "medium": 1.0, "default": 1.0, "loud": 1.4, "x-loud": 2.0}
_EMPHASES = {"strong": (0.85, 1.4), "moderate": (0.92, 1.2), "none": (1.0, 1.0), "reduced": (1.05, 0.8)}
_TIME = re.compile(r"\+?(\d+(?:\.\d*)?|\.\d+)(ms|s)")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?%?")
_SENTENCES = frozenset(("p", "s"))
_PAUSE_AFTER_SENTENCE = 250
_SLOWEST, _FASTEST, _LOUDEST = 0.3, 3.0, 4.0


@dataclass(frozen=True, slots=True)
class Passage:
    """`text` at `rate` times the usual speed and `volume` times the usual loudness, then `pause_ms` of silence."""

    text: str
    rate: float = 1.0
    volume: float = 1.0
    pause_ms: int = 0


def passages(ssml: str) -> tuple[Passage, ...]:
    """Of well-formed SSML, else ValueError. What is no pace, volume or pause is read as its words."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(ssml.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(str(error)) from error
    return tuple(_joined(_walk(root, Passage(""))))


def _walk(element: etree._Element, manner: Passage) -> Iterator[Passage]:
    if not isinstance(element.tag, str):
        return
    name = etree.QName(element).localname
    attributes = {key: str(value).strip() for key, value in element.attrib.items()}
    if name == "break":
        yield replace(manner, pause_ms=_break(attributes))
    elif name == "sub" and "alias" in attributes:
        yield replace(manner, text=attributes["alias"])
    else:
        inner = _manner(name, attributes, manner)
        yield replace(inner, text=element.text or "")
        for child in element:
            yield from _walk(child, inner)
            yield replace(inner, text=child.tail or "")
        if name in _SENTENCES:
            yield replace(manner, pause_ms=_PAUSE_AFTER_SENTENCE)


def _manner(name: str, attributes: Mapping[str, str], manner: Passage) -> Passage:
    if name == "prosody":
        rate = manner.rate * _factor(attributes.get("rate", ""), _RATES)
        volume = manner.volume * _factor(attributes.get("volume", ""), _VOLUMES, percent_of=100)
    elif name == "emphasis":
        pace, strength = _EMPHASES.get(attributes.get("level", "moderate"), (1.0, 1.0))
        rate, volume = manner.rate * pace, manner.volume * strength
    else:
        return manner
    return replace(manner, rate=min(max(rate, _SLOWEST), _FASTEST), volume=min(volume, _LOUDEST))


def _factor(text: str, words: Mapping[str, float], percent_of: float = 1) -> float:
    """`fast`, `+20%`, `80%`, `1.2`; a volume is a number from 0 to 100. 1 where it is none of them."""
    if text in words:
        return words[text]
    if not _NUMBER.fullmatch(text):
        return 1.0
    number = float(text.rstrip("%"))
    if text.endswith("%"):
        return 1 + number / 100 if text[0] in "+-" else number / 100
    return max(0.0, 1 + number / percent_of if text[0] in "+-" else number / percent_of)


def _break(attributes: Mapping[str, str]) -> int:
    found = _TIME.fullmatch(attributes.get("time", ""))
    if found:
        return round(float(found[1]) * (1 if found[2] == "ms" else 1000))
    return _BREAKS.get(attributes.get("strength", ""), _BREAKS[""])


def _joined(pieces: Iterator[Passage]) -> Iterator[Passage]:
    """Neighbours in one manner as one passage, white space folded, nothing empty."""
    current: Passage | None = None
    for piece in pieces:
        if current and not current.pause_ms and (piece.rate, piece.volume) == (current.rate, current.volume):
            current = replace(current, text=f"{current.text}{piece.text}", pause_ms=piece.pause_ms)
            continue
        if current and current.pause_ms and not piece.text.strip():
            current = replace(current, pause_ms=current.pause_ms + piece.pause_ms)
            continue
        if current:
            yield from _worth_it(current)
        current = piece
    if current:
        yield from _worth_it(current)


def _worth_it(passage: Passage) -> Iterator[Passage]:
    text = " ".join(passage.text.split())
    if text or passage.pause_ms:
        yield replace(passage, text=text)
