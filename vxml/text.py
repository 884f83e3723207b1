"""Text mode: a session without a telephone, on a virtual clock, with scripted keys. For tests and the terminal."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lxml import etree

from vxml.messages import (
    AudioItem,
    BreakItem,
    Command,
    Disconnect,
    Ended,
    EndTransfer,
    Fetch,
    Fetched,
    FetchFailed,
    FetchProblem,
    Hangup,
    Input,
    KeyPressed,
    Play,
    PlayEnded,
    Private,
    PromptItem,
    Recognize,
    Record,
    Recorded,
    Spoken,
    StopPlay,
    StopRecognizing,
    Trace,
    Transfer,
    Transferred,
)
from vxml.session import Session, SessionConfig

Fetcher = Callable[[Fetch], Fetched | FetchFailed]

_MAX_TURNS = 10_000
_BLIND_DONE = "connection.disconnect.transfer"
#: Silences in a row that a caller without a script keeps before hanging up.
_PATIENCE = 20
#: How long a prompt lasts on the virtual clock.
_PROMPT_SECONDS = 1.0
#: Steps of the trace that end what the caller was typing.
INPUT_OVER = ("match", "event", "item", "end")
#: What a recording is in text mode: an empty WAV file, 8 kHz mu-law.
WAV = b"RIFF$\0\0\0WAVEfmt \x10\0\0\0\7\0\1\0@\x1f\0\0@\x1f\0\0\1\0\x08\0data\0\0\0\0"


@dataclass(frozen=True, slots=True)
class Silence:
    """The caller says nothing until the timer runs out."""


@dataclass(frozen=True, slots=True)
class BargeIn:
    """A key or hang-up in the middle of the prompt that comes next."""

    input: KeyPressed | Hangup


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the transcript: `kind` is prompt, key, spoken, silence, record, fetch, end or a trace's kind."""

    kind: str
    text: str


@dataclass(slots=True)
class Transcript:
    lines: list[Line] = field(default_factory=list)
    ended: Ended | None = None
    fetches: list[Fetch] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    seconds: float = 0.0

    def of(self, kind: str) -> list[str]:
        return [line.text for line in self.lines if line.kind == kind]

    @property
    def prompts(self) -> list[str]:
        return self.of("prompt")

    def __str__(self) -> str:
        return "\n".join(f"{line.kind:>9}  {line.text}" for line in self.lines)


#: What a scripted caller can do.
CallerAct = Input | Silence | BargeIn


def keys(script: str) -> list[CallerAct]:
    """`"12#n3"` as inputs: keys in order, `n` for a silence, `h` for hanging up, a comma for nothing."""
    made: list[CallerAct] = []
    for letter in script:
        if letter == "n":
            made.append(Silence())
        elif letter == "h":
            made.append(Hangup())
        elif letter not in ", ":
            made.append(KeyPressed(letter.upper()))
    return made


def from_mapping(pages: Mapping[str, str | bytes]) -> Fetcher:
    """Serve pages by their whole URL, or by URL without query; 404 for others."""

    def fetch(request: Fetch) -> Fetched | FetchFailed:
        body = pages.get(request.url, pages.get(request.url.partition("?")[0]))
        if body is None:
            return Fetched(request.id, request.url, 404, b"")
        return Fetched(request.id, request.url, 200, body.encode() if isinstance(body, str) else body)

    return fetch


def from_folder(folder: Path) -> Fetcher:
    """Serve `file:` URLs below `folder` only."""
    top = folder.resolve()

    def fetch(request: Fetch) -> Fetched | FetchFailed:
        parts = urlsplit(request.url)
        path = Path(unquote(parts.path)).resolve()
        if parts.scheme != "file" or not path.is_relative_to(top):
            return FetchFailed(request.id, FetchProblem.FORBIDDEN, "only files beside the script are read")
        if not path.is_file():
            return Fetched(request.id, request.url, 404, b"")
        return Fetched(request.id, request.url, 200, path.read_bytes())

    return fetch


def run_text(
    config: SessionConfig,
    fetch: Fetcher,
    inputs: Iterable[CallerAct] = (),
    *,
    hang_up_at_end: bool = True,
    observe: Callable[[Line], None] | None = None,
    react: Callable[[Trace], Iterable[CallerAct]] | None = None,
    ask: Callable[[], Iterable[CallerAct]] | None = None,
    attach: Callable[[Session], None] | None = None,
    key_by_key: bool = False,
) -> Transcript:
    """Hold the conversation to its end. Once `inputs` are used up the caller stays silent, then hangs up.

    `react` answers what the caller does next on seeing a step of the trace; `ask`, once `inputs` are used up and the
    script waits for the caller, what the caller does then: after keys only when the script has had its answer, or with
    `key_by_key` at once, so that more keys may follow or a `Silence` ends them. `attach` is given the session first.
    """
    runner = _Runner(config, fetch, inputs, hang_up_at_end, observe, react, ask)
    runner.key_by_key = key_by_key
    if attach:
        attach(runner.session)
    return runner.run()


class _Runner:
    def __init__(
        self,
        config: SessionConfig,
        fetch: Fetcher,
        inputs: Iterable[CallerAct],
        hang_up_at_end: bool,
        observe: Callable[[Line], None] | None,
        react: Callable[[Trace], Iterable[CallerAct]] | None,
        ask: Callable[[], Iterable[CallerAct]] | None,
    ) -> None:
        self.session = Session(config)
        self._fetch = fetch
        self._inputs = deque(inputs)
        self._hang_up_at_end = hang_up_at_end
        self._observe = observe
        self._react = react
        self._ask = ask
        self._now = 0.0
        self._answers: deque[Input] = deque()
        self._playing: Play | None = None
        self._recording: Record | None = None
        self._transferring: Transfer | None = None
        self._silences = 0
        #: Keys were typed and the script still waits for more of them.
        self._typing = False
        self.key_by_key = False
        self.transcript = Transcript()

    def run(self) -> Transcript:
        self.session.start(self._now)
        for _ in range(_MAX_TURNS):
            for command in self.session.commands():
                self.transcript.commands.append(command)
                self._carry_out(command)
            if self.session.ended:
                break
            self._next()
        self.transcript.seconds = self._now
        return self.transcript

    def _note(self, kind: str, text: str) -> None:
        line = Line(kind, text)
        self.transcript.lines.append(line)
        if self._observe:
            self._observe(line)

    def _carry_out(self, command: Command) -> None:
        match command:
            case Trace(kind, text):
                self._note(kind, text)
                self._typing = self._typing and kind not in INPUT_OVER
                if self._react:
                    self._inputs.extend(self._react(command))
            case Fetch():
                self.transcript.fetches.append(command)
                self._answers.append(self._fetch(command))
            case Play():
                self._playing = command
                heard = " ".join(say(item) for item in command.items)
                self._note("prompt", heard)
                if self._react:
                    self._inputs.extend(self._react(Trace("prompt", heard)))
            case StopPlay():
                if self._playing:
                    # Cut at once: as far as its first mark.
                    mark = self._playing.marks[0][1] if self._playing.marks else ""
                    self._answers.append(PlayEnded(self._playing.id, False, mark=mark))
                    self._playing = None
            case Transfer():
                self._transferring = command
            case EndTransfer(number):
                self._transferring = None
                self._answers.append(Transferred(number, "near_end_disconnect"))
            case Record():
                self._recording = command
                self._note("record", f"up to {command.max_seconds:g} s")
            case Ended(reason, values):
                self.transcript.ended = command
                shown = {name: "•" if name in command.private else value for name, value in values.items()}
                self._note("ended", f"{reason} {shown if shown else ''}".strip())
            case Private() | Disconnect() | Recognize() | StopRecognizing():
                pass

    def _next(self) -> None:
        """Give the session the next thing that happens."""
        if self._answers:
            self.session.receive(self._answers.popleft(), self._now)
        elif self._playing and not self._barges_in(self._playing):
            playing, self._playing = self._playing, None
            self._now += _PROMPT_SECONDS
            mark = playing.marks[-1][1] if playing.marks else ""
            heard = int(_PROMPT_SECONDS * 1000)
            self.session.receive(PlayEnded(playing.id, True, heard, mark, heard), self._now)
        elif self._recording:
            self._recorded(self._recording)
        elif self._transferring:
            self._transfer(self._transferring)
        elif self._ask and self._typing and not self.key_by_key and not self._inputs:
            self._wait()
        elif self._inputs or self._asked():
            self._give(self._inputs.popleft())
        else:
            self._fall_silent()

    def _asked(self) -> bool:
        """Ask the caller for more; keys that come together are typed at once."""
        if self._ask:
            self._inputs.extend(self._ask())
        return bool(self._inputs)

    def _barges_in(self, playing: Play) -> bool:
        if not self._inputs:
            return False
        first = self._inputs[0]
        return isinstance(first, BargeIn) or (playing.bargein and isinstance(first, KeyPressed | Spoken | Hangup))

    def _transfer(self, transfer: Transfer) -> None:
        """Nobody is at the other end in text mode, unless the scripted inputs say so."""
        first = self._inputs[0] if self._inputs else None
        if isinstance(first, Hangup) or (transfer.listens and isinstance(first, KeyPressed | Spoken)):
            self._give(self._inputs.popleft())
            return
        outcome = Transferred(0, _BLIND_DONE if transfer.kind == "blind" else "noanswer")
        if isinstance(first, Transferred):
            outcome = first
            self._inputs.popleft()
        self._transferring = None
        self._note("transferred", outcome.outcome)
        self.session.receive(Transferred(transfer.id, outcome.outcome, outcome.duration_ms), self._now)

    def _recorded(self, record: Record) -> None:
        self._recording = None
        if not self._inputs:
            self._asked()
        given = self._inputs.popleft() if self._inputs else None
        if given is None and self._out_of_patience():
            self.session.receive(Recorded(record.id, b"", 0, "hangup"), self._now)
            self.session.receive(Hangup(), self._now)
        elif isinstance(given, Recorded):
            self.session.receive(Recorded(record.id, given.audio, given.duration_ms, given.ended_by), self._now)
        elif isinstance(given, Spoken | KeyPressed | Hangup):
            ended_by = given.key if isinstance(given, KeyPressed) else "hangup" if given == Hangup() else "silence"
            self.session.receive(Recorded(record.id, WAV, 1000, ended_by), self._now)
            if isinstance(given, Hangup):
                self.session.receive(given, self._now)
        else:
            self.session.receive(Recorded(record.id, b"", 0, "silence"), self._now)

    def _give(self, given: CallerAct) -> None:
        if isinstance(given, Silence):
            self._wait()
            return
        if isinstance(given, BargeIn):
            given = given.input
        if isinstance(given, Spoken):
            self._note("spoken", given.text)
        self._typing = isinstance(given, KeyPressed)
        self._now += 0.1
        self.session.receive(given, self._now)

    def _wait(self) -> None:
        self._typing = False
        due = self.session.next_timer()
        if due is None:
            return
        self._note("silence", f"{due - self._now:.1f} s")
        self._now = max(self._now, due)
        self.session.handle_timer(self._now)

    def _fall_silent(self) -> None:
        """The scripted caller has no more to say: let timers run out a while, then hang up."""
        if self._out_of_patience():
            self.session.receive(Hangup(), self._now)
        else:
            self._wait()

    def _out_of_patience(self) -> bool:
        self._silences += 1
        return self._silences > _PATIENCE and self._hang_up_at_end


def say(item: PromptItem) -> str:
    """A prompt item as a reader of the transcript would hear it."""
    if isinstance(item, BreakItem):
        return "..."
    if isinstance(item, AudioItem):
        if item.alternate:
            return " ".join(say(inner) for inner in item.alternate)
        return f"[{'recording' if item.url.startswith('data:') else item.url.rpartition('/')[2]}]"
    if item.private:
        return "•"
    if item.ssml:
        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        text: Any = etree.fromstring(item.text.encode(), parser).xpath("string()")
        return " ".join(str(text).split())
    return item.text
