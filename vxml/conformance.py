"""Running W3C Implementation Report tests (VoiceXML 2.0's `conf:` vocabulary) on a virtual clock.

A directory holds `.txml` pages. A case starts at a page from which `conf:pass` can be reached and to which no other
page leads; no case is known here by name.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lxml import etree

from vxml.check_names import undeclared
from vxml.document import SRGS_NS, VXML_NS, DocumentError, parse_element, parse_xml
from vxml.messages import Fetch, Fetched, FetchFailed, Hangup, Input, KeyPressed, Recorded, Spoken, Trace, Transferred
from vxml.session import SessionConfig
from vxml.text import Silence, run_text

_CONF: Final = "{http://www.w3.org/2002/vxml-conformance}"
_BASE: Final = "http://localhost/vxml/"
_LINK: Final = re.compile(r"([\w-]+)\.(?:txml|vxml)")
_OUTCOME: Final = re.compile(rb"'(busy|noanswer|network_busy|(?:near_end|far_end|network|maxtime)_disconnect)'")
_SAY: Final = re.compile(r"\bSay ([^.]*)[^S]*$")
_PRESS: Final = re.compile(
    r"\bPress ((?:(?:[0-9*#]|zero|one|two|three|four|five|six|seven|eight|nine|star|pound)\b ?)+)"
)
_DIGITS: Final = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "star": "*", "pound": "#",
}  # fmt: skip
_WORDS: Final = {
    "alpha": "chicago",
    "bravo": "san francisco",
    "charlie": "new york",
    "delta": "london",
    "echo": "tokyo",
    "foxtrot": "truth or consequences",
    "golf": "hackensack",
}
_EXECUTABLE: Final = ("block", "catch", "error", "filled", "foreach", "help", "if", "noinput", "nomatch")
_VOICE: Final = b"RIFF"
_VOICE_MS: Final = 1000
_CUE: Final = "conf-caller"
_ITEMS: Final = ("field", "initial", "record", "transfer", "object", "subdialog", "block")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One case: the page it starts at, why it failed ("" when it passed), and what to remark of one that passed."""

    case: str
    reason: str
    remark: str = ""

    @property
    def passed(self) -> bool:
        return not self.reason


def run_directory(folder: Path) -> Iterator[Verdict]:
    for case in start_pages(folder):
        yield run_case(folder, case)


def start_pages(folder: Path) -> list[str]:
    """Pages that lead to `conf:pass` and that no other page leads to."""
    sources = {path.stem: path.read_text("utf-8", "replace") for path in sorted(folder.glob("*.txml"))}
    links = {name: set(_LINK.findall(text)) & set(sources) - {name} for name, text in sources.items()}
    passing = {name for name, text in sources.items() if "conf:pass" in text}
    while True:
        more = {name for name in sources if name not in passing and links[name] & passing}
        if not more:
            break
        passing |= more
    led_to = set().union(*links.values())
    return [name for name in sources if name in passing and name not in led_to]


def run_case(folder: Path, case: str) -> Verdict:
    pages = _Pages(folder)
    config = SessionConfig(f"{_BASE}{case}.txml", recognizer=True, transfers=frozenset(("blind", "bridge")))
    transcript = run_text(config, pages.fetch, react=pages.react)
    ended = transcript.ended
    if ended is None:
        return Verdict(case, "did not end")
    result = ended.values.get("expr")
    if result == "conf:pass":
        return Verdict(case, "", pages.remark)
    return Verdict(case, str(result or f"{ended.reason} {ended.detail}".strip()))


class _Pages:
    """Serves the pages as VoiceXML and plays the caller that they describe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._script: dict[str, list[Input | Silence]] = {}
        self._visits: Counter[str] = Counter()
        self._made_up = 0
        self._outcome = ""
        #: What to say of a case that passed.
        self.remark = ""
        #: The caller is being recorded: what is said or typed is the recording and its end.
        self._records = False

    def fetch(self, request: Fetch) -> Fetched | FetchFailed:
        name = request.url.partition("?")[0].rpartition("/")[2]
        path = self._folder / name
        if not path.is_file() and name.endswith(".vxml"):
            path = path.with_suffix(".txml")
        if not name or not path.is_file():
            made_up = self._missing_root(name)
            if made_up:
                self.remark = f"the set lacks its root document {name}; made up: {made_up.decode()}"
            return Fetched(request.id, request.url, 200 if made_up else 404, made_up)
        body = path.read_bytes()
        if path.suffix == ".txml":
            # A page that tests one outcome of a transfer needs a far end that behaves so.
            told = _OUTCOME.search(body)
            self._outcome = told[1].decode() if told else ""
            # What does not parse is left as it is: the browser is to refuse it.
            with contextlib.suppress(DocumentError):
                body = self._voicexml(body)
        return Fetched(request.id, request.url, 200, body)

    def _missing_root(self, name: str) -> bytes:
        """A root document that the set lacks: the variables that its leaves read and nobody declares, b"" when none."""
        found: dict[str, None] = {}
        for path in sorted(self._folder.glob("*.txml")) if name else ():
            with contextlib.suppress(DocumentError):
                leaf = parse_xml(path.read_bytes())
                if leaf.get("application").rpartition("/")[2] == name:
                    found |= dict.fromkeys(variable for _, variable in undeclared(leaf, [leaf], [], probed=True))
        variables = "".join(f'<var name="{variable}" expr="\'\'"/>' for variable in found)
        return f'<vxml version="2.0" xmlns="{VXML_NS}">{variables}</vxml>'.encode() if variables else b""

    def react(self, trace: Trace) -> list[Input | Silence]:
        if trace.kind == "prompt":
            told = self._obey(trace.text)
            return [_recorded(one) for one in told] if self._records else told
        if trace.kind == "log" and trace.text.startswith(_CUE):
            kind, _, value = trace.text.removeprefix(f"{_CUE}: ").partition(" ")
            return _given(kind, value)
        if trace.kind != "item":
            return []
        kind, _, name = trace.text.partition(" ")
        self._records = kind == "record"
        given = self._script.get(name, [])
        if kind == "transfer" and self._outcome and not (given and self._outcome == "near_end_disconnect"):
            return [Transferred(0, self._outcome)]
        visit = self._visits[name]
        self._visits[name] += 1
        now = given[visit : visit + 1]
        return [_recorded(one) for one in now] if self._records else now

    def _obey(self, prompt: str) -> list[Input | Silence]:
        """Cases without `conf:speech` tell their caller by the prompt: "Say London.", "Press 1."."""
        if keys := _PRESS.search(prompt):
            return [KeyPressed(_DIGITS.get(key, key)) for key in keys[1].lower().split()]
        told = _SAY.search(prompt)
        words = told[1].lower().strip() if told else ""
        if not words or words.startswith("nothing"):
            return []
        known = [Spoken(word) for word in _WORDS.values() if words.startswith(word)]
        return list(known or [Spoken(words)])

    def _voicexml(self, body: bytes) -> bytes:
        # Copies of the suite exist in which renaming .vxml to .txml has also hit the namespace.
        root = parse_element(body.replace(b"http://www.w3.org/2001/txml", VXML_NS.encode()))
        for element in list(root.iter(f"{_CONF}*")):
            if element.getparent() is not None:
                self._replace(element)
        return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8"))

    def _replace(self, element: Any) -> None:
        kind = element.tag.removeprefix(_CONF)
        if kind == "pass":
            _become(element, "exit", {"expr": "'conf:pass'"})
        elif kind == "fail":
            reason = "'" + element.get("reason", "").replace("\\", "").replace("'", "\\'") + "'"
            _become(element, "exit", {"expr": f"'fail: ' + {reason} + ({element.get('expr') or repr('')})"})
        elif kind == "comment":
            _become(element, "log", {})
        elif kind == "grammar":
            self._grammar(element)
        elif kind == "phrase":
            words = _WORDS.get(element.get("utterance"), element.get("utterance"))
            parent = element.getparent()
            parent.text = (parent.text or "") + words
            parent.remove(element)
        else:
            self._caller(element, kind)

    def _grammar(self, element: Any) -> None:
        words = _WORDS.get(element.get("utterance"), element.get("utterance"))
        key = element.get("dtmf") or element.get("key")
        interp = element.get("interp")
        element.tag = f"{{{SRGS_NS}}}grammar"
        element.attrib.clear()
        element.set("version", "1.0")
        element.set("root", "r")
        element.set("mode", "dtmf" if key else "voice")
        rule = etree.SubElement(element, f"{{{SRGS_NS}}}rule", id="r")
        rule.text = key or words
        if interp:
            is_object = interp.strip().startswith("{")
            element.set("tag-format", "semantics/1.0" if is_object else "semantics/1.0-literals")
            etree.SubElement(rule, f"{{{SRGS_NS}}}tag").text = f"out = {interp}" if is_object else interp

    def _caller(self, element: Any, kind: str) -> None:
        """What the caller does at this item, kept under the item's name."""
        value = element.get("value", "")
        given = _given(kind, value)
        owner = element.getparent()
        if etree.QName(owner).localname in _EXECUTABLE:
            # Where the script comes by, it gives the cue itself.
            _become(element, "log", {"label": _CUE})
            element.text = f"{kind} {value}"
            return
        owner.remove(element)
        while owner is not None and etree.QName(owner).localname not in (*_ITEMS, "menu"):
            owner = owner.getparent()
        if owner is None:
            return
        if etree.QName(owner).localname == "menu":
            if not owner.get("id"):
                self._made_up += 1
                owner.set("id", f"conf_menu_{self._made_up}")
            name = f"_menu_{owner.get('id')}$"
        else:
            name = owner.get("name")
            if not name:
                self._made_up += 1
                name = f"conf_item_{self._made_up}"
                owner.set("name", name)
        self._script.setdefault(name, []).extend(given)


def _given(kind: str, value: str) -> list[Input | Silence]:
    """What the caller does at `conf:speech`, `conf:key`, `conf:hangup` and, where it is none of them, silence."""
    if kind == "speech":
        return [Spoken(_WORDS.get(value, value))]
    if kind in ("key", "dtmf"):
        return [KeyPressed(key) for key in value.replace(" ", "")]
    return [Hangup()] if kind == "hangup" else [Silence()]


def _recorded(given: Input | Silence) -> Input | Silence:
    """What the caller says or types as the recording that comes of it."""
    if isinstance(given, Spoken):
        return Recorded(0, _VOICE, _VOICE_MS, "silence")
    return Recorded(0, _VOICE, _VOICE_MS, given.key) if isinstance(given, KeyPressed) else given


def _become(element: Any, tag: str, attributes: dict[str, str]) -> None:
    element.tag = f"{{{VXML_NS}}}{tag}"
    element.attrib.clear()
    for name, value in attributes.items():
        element.set(name, value)
