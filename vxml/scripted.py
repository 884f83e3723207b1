"""Unit tests of scripts (`*.vxmltest.yaml`): what the caller does, what the script is to say, how it is to end.

A file is a mapping: `script` (a path beside the file, or an address), `values` for every test, `pages` (address to the
VoiceXML that is served there) and `tests`. A test has `name`, `values`, `steps` and, for the end, `exit` (names and
values), `ends` (exit, hangup ...), `prompts` (texts said anywhere). A step is one of

    expect: TEXT     said since the caller's last act: contains it; /.../ is a regular expression
    keys: "12#"      typed once the prompt is over   interrupt: "2"   typed into the next prompt
    say: WORDS       spoken                          record: "#"      spoken for a recording, ended by this key or ""
    silence: true    until the timer runs out        hangup: true
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from common.errors import ConfigError
from vxml.messages import Fetch, Fetched, FetchFailed, Hangup, KeyPressed, Recorded, Spoken
from vxml.session import SessionConfig
from vxml.text import WAV, BargeIn, CallerAct, Fetcher, Line, Silence, Transcript, run_text

_FILE_KEYS: Final = frozenset(("script", "values", "pages", "tests", "properties"))
_TEST_KEYS: Final = frozenset(("name", "values", "steps", "exit", "ends", "prompts"))
_STEPS: Final = frozenset(("expect", "keys", "interrupt", "say", "record", "silence", "hangup"))
_KEYS: Final = re.compile(r"[0-9*#A-Da-d, ]+")
_WITH_KEYS: Final = ("keys", "interrupt")
_END_OF_RECORDING: Final = re.compile(r"[0-9*#A-D]?")


@dataclass(frozen=True, slots=True)
class Step:
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class ScriptTest:
    name: str
    values: Mapping[str, Any]
    steps: tuple[Step, ...]
    exit: Mapping[str, Any] | None = None
    ends: str = ""
    prompts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScriptTests:
    script: str
    tests: tuple[ScriptTest, ...]
    pages: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Act:
    """What the caller did: a step, once the transcript had so many lines; an interruption comes after them."""

    step: Step
    lines: int


@dataclass(frozen=True, slots=True)
class TestResult:
    """`problems` is empty when the test passed. `visited` are the (document, dialog) pairs the call came through."""

    __test__ = False

    name: str
    problems: tuple[str, ...]
    transcript: Transcript
    visited: frozenset[tuple[str, str]]
    acts: tuple[Act, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.problems


# --- reading ----------------------------------------------------------------------------------------------


def read_tests(loaded: object, file: str) -> ScriptTests:
    """The tests of a file as YAML loads it. Raise ConfigError naming the file, the test and the mend."""
    top = _mapping(loaded, file, _FILE_KEYS)
    script = top.get("script")
    if not isinstance(script, str) or not script:
        raise ConfigError(f"{file}: script: name the file or address that the call begins with")
    common = _mapping(top.get("values") or {}, f"{file}: values")
    listed = top.get("tests")
    if not isinstance(listed, list) or not listed:
        raise ConfigError(f"{file}: tests: write a list with at least one test")
    tests = tuple(_read_test(one, f"{file}: test {number}", common) for number, one in enumerate(listed, start=1))
    pages = {str(url): str(body) for url, body in _mapping(top.get("pages") or {}, f"{file}: pages").items()}
    properties = {str(key): str(value) for key, value in _mapping(top.get("properties") or {}, file).items()}
    return ScriptTests(script, tests, pages, properties)


def _read_test(loaded: object, where: str, common: Mapping[str, Any]) -> ScriptTest:
    test = _mapping(loaded, where, _TEST_KEYS)
    name = str(test.get("name") or where)
    values = {**common, **_mapping(test.get("values") or {}, f"{where}: values")}
    steps = test.get("steps") or []
    if not isinstance(steps, list):
        raise ConfigError(f"{where}: steps: write a list")
    exit_values = test.get("exit")
    said = test.get("prompts") or []
    return ScriptTest(
        name,
        values,
        tuple(_read_step(step, f"{where}: step {number}") for number, step in enumerate(steps, start=1)),
        None if exit_values is None else _mapping(exit_values, f"{where}: exit"),
        str(test.get("ends") or ""),
        tuple(str(text) for text in (said if isinstance(said, list) else [said])),
    )


def _read_step(loaded: object, where: str) -> Step:
    if isinstance(loaded, str):
        loaded = {loaded: True}
    step = _mapping(loaded, where, _STEPS)
    if len(step) != 1:
        raise ConfigError(f"{where}: write one of {', '.join(sorted(_STEPS))}")
    kind, value = next(iter(step.items()))
    text = str(value)
    if kind in _WITH_KEYS and not _KEYS.fullmatch(text):
        raise ConfigError(f'{where}: {kind}: {text}: write keys in quotes, such as "12#"')
    if kind == "record" and not _END_OF_RECORDING.fullmatch(text):
        raise ConfigError(f'{where}: record: {text}: write the one key that ends it, such as "#", or "" for silence')
    return Step(str(kind), text)


def _mapping(value: object, where: str, known: frozenset[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: write names and values")
    unknown = sorted(str(key) for key in value if known is not None and key not in known)
    if known is not None and unknown:
        raise ConfigError(f"{where}: {unknown[0]} is not known; there are {', '.join(sorted(known))}")
    return value


# --- running ----------------------------------------------------------------------------------------------


def run_test(
    tests: ScriptTests, test: ScriptTest, application: str, fetch: Fetcher, *, recognizer: bool = True
) -> TestResult:
    """Hold the test's call on a virtual clock. `application` is the absolute address of the script."""
    actor = _Actor(test)
    config = SessionConfig(application, values=test.values, properties=tests.properties, recognizer=recognizer)
    first = actor.interruptions()
    transcript = run_text(config, _served(tests.pages, fetch), first, observe=actor.observe, ask=actor.act)
    problems = tuple(actor.finish(transcript))
    return TestResult(test.name, problems, transcript, frozenset(visited(transcript)), tuple(actor.acts))


def visited(transcript: Transcript) -> Iterable[tuple[str, str]]:
    """(document, dialog) pairs in the order of the call."""
    document = ""
    for line in transcript.lines:
        if line.kind == "document":
            document = line.text
        elif line.kind == "dialog":
            yield document, line.text


def _served(pages: Mapping[str, str], fetch: Fetcher) -> Fetcher:
    def served(request: Fetch) -> Fetched | FetchFailed:
        body = pages.get(request.url, pages.get(request.url.partition("?")[0]))
        return Fetched(request.id, request.url, 200, body.encode()) if body is not None else fetch(request)

    return served


class _Actor:
    """The caller of one test, who checks what is said whenever the script waits for the caller."""

    def __init__(self, test: ScriptTest) -> None:
        self._test = test
        self._steps = list(test.steps)
        self._heard: list[str] = []
        self._lines = 0
        self._problems: list[str] = []
        self.acts: list[Act] = []

    def observe(self, line: Line) -> None:
        self._lines += 1
        if line.kind == "prompt":
            self._heard.append(line.text)

    def act(self) -> list[CallerAct]:
        while self._steps:
            step = self._steps.pop(0)
            if step.kind == "expect":
                self._expect(step.value)
                continue
            self._heard = []
            self.acts.append(Act(step, self._lines))
            return [*_inputs(step), *self.interruptions()]
        self.acts.append(Act(Step("hangup", ""), self._lines))
        return [Hangup()]

    def interruptions(self) -> list[CallerAct]:
        """What comes before the caller is asked again; expectations before it wait for the next silence."""
        made: list[CallerAct] = []
        while (at := next((n for n, step in enumerate(self._steps) if step.kind != "expect"), None)) is not None:
            if self._steps[at].kind != "interrupt":
                break
            step = self._steps.pop(at)
            self.acts.append(Act(step, self._lines))
            made += _inputs(step)
        return made

    def _expect(self, text: str) -> None:
        heard = " ".join(self._heard)
        if not _says(heard, text):
            self._problems.append(f'expected "{text}", heard "{heard}"')

    def finish(self, transcript: Transcript) -> list[str]:
        test, ended = self._test, transcript.ended
        for step in self._steps:
            if step.kind != "expect":
                self._problems.append(f"the call ended before the caller could do: {step.kind} {step.value}")
                break
            self._expect(step.value)
        everything = " ".join(transcript.prompts)
        self._problems += [f'"{text}" was never said' for text in test.prompts if not _says(everything, text)]
        if ended is None:
            return [*self._problems, "the call did not end"]
        if test.ends and ended.reason != test.ends:
            self._problems.append(f"expected the end {test.ends}, was {ended.reason} {ended.detail}".rstrip())
        for name, value in (test.exit or {}).items():
            if name not in ended.values:
                self._problems.append(f"exit: no {name} (ended by {ended.reason} {ended.detail}".rstrip() + ")")
            elif ended.values[name] != value and str(ended.values[name]) != str(value):
                self._problems.append(f"exit: expected {name} {value}, was {ended.values[name]}")
        return self._problems


def _says(heard: str, text: str) -> bool:
    if len(text) > 1 and text.startswith("/") and text.endswith("/"):
        return re.search(text[1:-1], heard, re.IGNORECASE) is not None
    return " ".join(text.lower().split()) in " ".join(heard.lower().split())


def _inputs(step: Step) -> list[CallerAct]:
    match step.kind:
        case "keys":
            return [KeyPressed(key.upper()) for key in step.value if key not in ", "]
        case "interrupt":
            return [BargeIn(KeyPressed(key.upper())) for key in step.value if key not in ", "]
        case "record":
            return [Recorded(0, WAV, 1000, step.value or "silence")]
        case "say":
            return [Spoken(step.value)]
        case "silence":
            return [Silence()]
    return [Hangup()]
