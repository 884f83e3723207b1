"""Prompt content to what a player is told: speech (plain, or SSML where it has mark-up), audio, breaks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, Protocol
from xml.sax.saxutils import escape, quoteattr

from vxml.document import SSML_NS, Node
from vxml.interpreter.model import Choice
from vxml.messages import AudioItem, BreakItem, PromptItem, SpeechItem
from vxml.ssml.markup import ELEMENTS, attributes
from vxml.ssml.say_as import say_as

_STRENGTH: Final = {"none": 0, "x-weak": 100, "weak": 250, "medium": 500, "strong": 750, "x-strong": 1000}
_TIME: Final = re.compile(r"\+?(\d+(?:\.\d*)?|\.\d+)(ms|s)")
#: VoiceXML 1.0 had sizes.
_SIZE: Final = {"none": "none", "small": "weak", "medium": "medium", "large": "strong"}
_SILENT: Final = frozenset(("desc", "meta", "metadata"))
#: Characters that a computed value may hold and an XML document may not.
_NOT_XML: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAX_BREAK_MS: Final = 60_000


class Voice(Protocol):
    """What rendering needs from the interpreter: values, addresses, choices."""

    def text(self, source: str, line: int) -> str: ...
    def is_private(self, text: str) -> bool: ...
    def audio_url(self, node: Node) -> str | None: ...
    def recording(self, text: str) -> str | None: ...
    def mark(self, node: Node) -> str: ...
    def audio(self, url: str, node: Node, alternate: tuple[PromptItem, ...]) -> AudioItem: ...
    def choices(self, node: Node) -> tuple[Choice, ...]: ...
    def in_choice(self, choice: Choice) -> Voice: ...
    def each(self, node: Node) -> Iterator[None]: ...
    def ignore(self, what: str) -> None: ...


class Renderer:
    def __init__(self, voice: Voice, language: str) -> None:
        self._voice = voice
        self._language = language
        self._items: list[PromptItem] = []
        self._text: list[str] = []
        self._said: list[str] = []
        self._open: list[str] = []
        self._marked_up = False
        self._private = False
        #: Marks: how many items come before it, and its name.
        self.marks: list[tuple[int, str]] = []

    def render(self, content: Iterable[Node | str]) -> tuple[PromptItem, ...]:
        self._walk(content)
        self._flush()
        return tuple(self._items)

    def _walk(self, content: Iterable[Node | str]) -> None:
        for part in content:
            if isinstance(part, str):
                self._say(part)
            elif part.tag == "value":
                self._value(part)
            elif part.tag == "audio":
                self._audio(part)
            elif part.tag == "break":
                self._break(part)
            elif part.tag == "mark":
                self._flush()
                self.marks.append((len(self._items), self._voice.mark(part)))
            elif part.tag == "enumerate":
                self._enumerate(part)
            elif part.tag == "foreach":
                for _ in self._voice.each(part):
                    self._walk(part.children)
            elif part.tag == "say-as":
                self._say_as(part)
            elif part.tag == "sub":
                self._say(part.get("alias"))
            elif part.tag in ELEMENTS:
                self._in_language(part)
            elif part.tag == "lexicon":
                self._voice.ignore(f"line {part.line}: lexicon {part.get('uri').partition('?')[0]}")
            elif part.tag not in _SILENT:
                self._walk(part.children)

    def _say(self, text: str) -> None:
        text = _NOT_XML.sub(" ", text)
        self._text.append(escape(text))
        self._said.append(text)

    def _value(self, node: Node) -> None:
        text = self._voice.text(node.get("expr"), node.line)
        if url := self._voice.recording(text):
            self._flush()
            self._items.append(AudioItem(url))
        else:
            self._say(text)

    def _audio(self, node: Node) -> None:
        url = self._voice.audio_url(node)
        if url is None:
            self._walk(node.children)
            return
        self._flush()
        alternate = Renderer(self._voice, self._language).render(node.children)
        self._items.append(self._voice.audio(url, node, alternate))

    def _break(self, node: Node) -> None:
        match = _TIME.fullmatch(node.get("time").strip())
        if match:
            milliseconds = round(float(match[1]) * (1 if match[2] == "ms" else 1000))
        else:
            strength = node.get("strength") or _SIZE.get(node.get("size"), "medium")
            milliseconds = _STRENGTH.get(strength, _STRENGTH["medium"])
        self._flush()
        if milliseconds:
            self._items.append(BreakItem(min(milliseconds, _MAX_BREAK_MS)))

    def _enumerate(self, node: Node) -> None:
        for choice in self._voice.choices(node):
            if node.children:
                outer, self._voice = self._voice, self._voice.in_choice(choice)
                self._walk(node.children)
                self._voice = outer
            elif choice.dtmf:
                self._say(f" For {choice.text}, press {choice.dtmf}. ")
            else:
                self._say(f" {choice.text}. ")

    def _say_as(self, node: Node) -> None:
        """The words for the text and values inside (say-as holds nothing else)."""
        text = "".join(
            part if isinstance(part, str) else self._voice.text(part.get("expr"), part.line) for part in _values(node)
        )
        # Once in words, a private number is no longer recognised as such.
        self._private = self._private or self._voice.is_private(text)
        kind = node.get("interpret-as") or node.get("type")
        self._say(say_as(text, kind, node.get("format"), self._language))

    def _in_language(self, node: Node) -> None:
        """Another language is another voice: a stretch of speech of its own."""
        language = node.get("xml:lang", self._language)
        if language == self._language:
            self._element(node)
            return
        self._flush()
        outer, self._language = self._language, language
        self._element(node)
        self._flush()
        self._language = outer

    def _element(self, node: Node) -> None:
        attrs = "".join(f" {name}={quoteattr(value)}" for name, value in attributes(node).items())
        tag = f"<{ELEMENTS[node.tag]}{attrs}>"
        self._marked_up = True
        self._open.append(tag)
        self._text.append(tag)
        self._walk(node.children)
        self._text.append(_closing(tag))
        self._open.pop()

    def _flush(self) -> None:
        """End the present stretch of speech; elements still open go on in the next one."""
        said = " ".join("".join(self._said).split())
        if said:
            private = self._private or self._voice.is_private(said)
            if self._marked_up:
                inner = "".join(self._text) + "".join(_closing(tag) for tag in reversed(self._open))
                text = f'<speak version="1.0" xmlns="{SSML_NS}" xml:lang={quoteattr(self._language)}>{inner}</speak>'
                self._items.append(SpeechItem(text, self._language, True, private))
            else:
                self._items.append(SpeechItem(said, self._language, False, private))
        self._text = list(self._open)
        self._said = []
        self._private = False
        self._marked_up = bool(self._open)


def _closing(tag: str) -> str:
    return f"</{tag[1:].partition(' ')[0].rstrip('>')}>"


def _values(node: Node) -> Iterator[Node | str]:
    for part in node.children:
        if isinstance(part, str) or part.tag == "value":
            yield part
