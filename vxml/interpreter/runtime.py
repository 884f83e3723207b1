"""What one session has of everything that dialogs share: commands going out, keys coming in, ECMAScript, limits."""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from vxml.budget import CpuBudget
from vxml.document import as_utf8
from vxml.ecmascript import Engine
from vxml.grammar import Grammar, GrammarError, ParsedGrammar, link, parse_grammar
from vxml.interpreter.control import AwaitFetch, AwaitInput, Runaway, Steps, Thrown
from vxml.interpreter.privacy import Privacy
from vxml.interpreter.properties import DEFAULTS
from vxml.messages import (
    Command,
    EndReason,
    Fetch,
    Fetched,
    FetchFailed,
    Hangup,
    Play,
    PlayEnded,
    PromptItem,
    SpeechItem,
    Trace,
)
from vxml.weighted_cache import WeightedCache

if TYPE_CHECKING:
    from vxml.interpreter.execution import Execution
    from vxml.interpreter.platform_objects import PlatformObject


@dataclass(frozen=True, slots=True)
class Redirect:
    """One number that the call was redirected from; `pi` and `si` are presentation and screening information."""

    uri: str
    pi: str = ""
    si: str = ""
    reason: str = "unknown"


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """The call as `session.connection` and `session.avaya` show it."""

    local_uri: str = ""
    remote_uri: str = ""
    protocol: str = "sip"
    #: Universal call id, `session.avaya.ucid`.
    ucid: str = ""
    #: User-to-user information, `session.avaya.uui` and `session.connection.aai`.
    uui: str = ""
    #: Who set up the call: "local" (we) or "remote".
    originator: str = "local"
    #: The originally called number first, the last redirecting one last.
    redirects: tuple[Redirect, ...] = ()
    #: Headers of the message that set up the call, `session.connection.protocol.sip.headers`.
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a script may use before its session is ended."""

    #: Elements run and items visited between two inputs of the caller.
    steps: int = 20_000
    #: Subdialogs within subdialogs.
    depth: int = 20
    #: CPU seconds between two inputs of the caller, and those of one script or expression.
    turn_seconds: float = 1.2
    script_seconds: float = 1.0
    #: Bytes of ECMAScript.
    script_memory: int = 32 << 20
    #: Pages, grammars and scripts fetched between two inputs of the caller.
    fetches: int = 200
    #: Prompts queued and not yet played, and the characters to be spoken in them.
    queued_prompts: int = 2000
    queued_characters: int = 20_000


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """`application` is the first document's URL; `values` become `session.connection.ccxml.values.*` (JSON values)."""

    application: str
    values: Mapping[str, object] = field(default_factory=dict)
    connection: ConnectionInfo = field(default_factory=ConnectionInfo)
    limits: Limits = field(default_factory=Limits)
    #: Property defaults of the platform, over the specification's.
    properties: Mapping[str, str] = field(default_factory=dict)
    #: Spoken input can come; without it voice grammars stay silent.
    recognizer: bool = False
    #: Languages ("en") that the recogniser understands; empty for any.
    recognizer_languages: frozenset[str] = frozenset()
    #: Builtin grammars ("boolean") that it understands; None for any. The others listen for keys alone.
    recognizer_builtins: frozenset[str] | None = None
    #: Kinds of transfer that the shell carries out: blind, bridge, consultation.
    transfers: frozenset[str] = frozenset()
    #: What `<object>` can be, by its classid.
    objects: Mapping[str, PlatformObject] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueuedPrompt:
    items: tuple[PromptItem, ...]
    bargein: bool
    hotword: bool
    #: Seconds to wait for input after it, where it is the last one (section 4.1.7).
    timeout: float
    marks: tuple[tuple[int, str], ...] = ()


class Runtime:
    def __init__(self, config: SessionConfig, now: float) -> None:
        self.config = config
        self.now = now
        #: Those of the platform.
        self.properties = {**DEFAULTS, **config.properties}
        limits = config.limits
        self.budget = CpuBudget(limits.turn_seconds)
        self.engine = Engine(time_limit=limits.script_seconds, memory_limit=limits.script_memory, budget=self.budget)
        self.session_scope = self.engine.new_scope("session")
        self.empty_scope = self.engine.new_scope()
        self.privacy = Privacy()
        self.keys: deque[str] = deque()
        self.queue: list[QueuedPrompt] = []
        self._queued_characters = 0
        self.recordings: dict[str, bytes] = {}
        #: Addresses of audio that was asked to be fetched ahead.
        self.prefetched: set[str] = set()
        self.hung_up = False
        #: The hang-up is known to the script: a further wait for input ends the session (section 1.5.4).
        self.final = False
        self.end_reason = EndReason.HANGUP
        self.disconnect_values: Mapping[str, Any] = {}
        self.swallow_termchar = False
        #: Where the last turn began, for whoever looks at the variables.
        self.visiting: Execution | None = None
        self._grammars: dict[str, Grammar] = {}
        self._clean_scopes: list[int] = []
        self._ignored: set[str] = set()
        self._out: list[Command] = []
        self._last_id = 0
        self._steps = 0
        self._fetches = 0

    # --- anonymous scopes

    def take_scope(self) -> int:
        """An empty scope; one that was given back clean where there is one."""
        return self._clean_scopes.pop() if self._clean_scopes else self.engine.new_scope()

    def give_scope(self, scope: int, used: bool) -> None:
        if used:
            self.engine.drop_scope(scope)
        else:
            self._clean_scopes.append(scope)

    # --- out

    def emit(self, command: Command) -> None:
        self._out.append(command)

    def trace(self, kind: str, text: str) -> None:
        self._out.append(Trace(kind, self.privacy.mask(text)))

    def drain(self) -> list[Command]:
        out, self._out = self._out, []
        return out

    def new_id(self) -> int:
        self._last_id += 1
        return self._last_id

    # --- limits

    def step(self) -> None:
        """Count one step; raise Runaway when the script takes too many without waiting for the caller."""
        self._steps += 1
        if self._steps > self.config.limits.steps:
            raise Runaway(f"{self.config.limits.steps} steps without waiting for the caller: an endless loop")
        self.budget.check()

    def new_turn(self) -> None:
        """The caller did something: limits per turn start anew."""
        self._steps = 0
        self._fetches = 0
        self.budget.renew()
        self.engine.new_turn()

    # --- fetching

    def fetch(self, request: Fetch) -> Steps[Fetched]:
        """Fetch and wait; raise error.badfetch events when it fails."""
        self._fetches += 1
        if self._fetches > self.config.limits.fetches:
            raise Runaway(f"{self.config.limits.fetches} fetches without waiting for the caller: an endless loop")
        if request.audio is not None:
            # Section 4.1.8: what is queued is heard before the fetchaudio.
            yield from self.play_out()
        self.emit(request)
        reply = yield AwaitFetch(request.id)
        shown = _without_query(request.url)
        if isinstance(reply, FetchFailed):
            raise Thrown("error.badfetch", f"{shown}: {reply.problem}{': ' + reply.detail if reply.detail else ''}")
        assert isinstance(reply, Fetched)
        if not 200 <= reply.status < 300:
            raise Thrown(f"error.badfetch.http.{reply.status}", f"{shown}: status {reply.status}")
        if "xml" in reply.content_type:
            return replace(reply, body=as_utf8(reply.body, reply.content_type))
        return reply

    def grammar(self, request: Fetch) -> Steps[Grammar]:
        """The compiled grammar that is asked for (a fragment names a rule).

        It is fetched once a session, unless the request says how old it may be.
        """
        url = request.url
        if url not in self._grammars or request.max_age is not None:
            address, _, rule = url.partition("#")
            try:
                parsed = yield from self._parsed_grammar(address, request)
                externals = yield from self.externals(parsed, address, request)
                self._grammars[url] = _linked(parsed, externals, rule, address)
            except GrammarError as error:
                raise Thrown("error.badfetch", f"{address}:{error.line}: {error}") from error
        return self._grammars[url]

    def externals(self, parsed: ParsedGrammar, base: str, like: Fetch) -> Steps[dict[str, ParsedGrammar]]:
        """The grammars that `parsed` refers to, and those that they refer to, by absolute URL, fetched as `like` is."""
        found: dict[str, ParsedGrammar] = {}
        wanted = [parsed.resolve(base, url) for url in parsed.externals]
        while wanted:
            url = wanted.pop()
            if url not in found:
                found[url] = yield from self._parsed_grammar(url, like)
                wanted += [found[url].resolve(url, inner) for inner in found[url].externals]
        return found

    def _parsed_grammar(self, url: str, like: Fetch) -> Steps[ParsedGrammar]:
        self.step()
        reply = yield from self.fetch(replace(like, id=self.new_id(), url=url))
        parsed = _parsed(reply.body)
        self.ignore_lexicons(parsed, _without_query(url))
        return parsed

    def ignore_lexicons(self, parsed: ParsedGrammar, where: str) -> None:
        for address in parsed.lexicons:
            self.ignore(f"{where}: lexicon {_without_query(address)}")

    def ignore(self, what: str) -> None:
        """Tell, once a session, of something in a page that has no effect here."""
        if what not in self._ignored and len(self._ignored) < _MAX_IGNORED:
            self._ignored.add(what)
            self.trace("log", f"{what} is ignored")

    # --- recordings

    def keep_recording(self, audio: bytes) -> str:
        """Keep WAV bytes; answers the value that stands for them in ECMAScript."""
        reference = f"recording:{self.new_id()}"
        self.recordings[reference] = audio
        return reference

    def recording_url(self, reference: str) -> str | None:
        audio = self.recordings.get(reference)
        return None if audio is None else "data:audio/wav;base64," + base64.b64encode(audio).decode("ascii")

    # --- playing

    def enqueue(self, prompt: QueuedPrompt) -> None:
        if len(self.queue) >= self.config.limits.queued_prompts:
            raise Runaway(f"{self.config.limits.queued_prompts} prompts queued and none played: an endless loop")
        self._queued_characters += sum(len(item.text) for item in prompt.items if isinstance(item, SpeechItem))
        if self._queued_characters > self.config.limits.queued_characters:
            raise Runaway(f"more than {self.config.limits.queued_characters} characters queued to be spoken")
        self.queue.append(prompt)

    def take_queue(self) -> list[QueuedPrompt]:
        """The queue, neighbours of one kind joined, so that each becomes one `Play`."""
        joined: list[QueuedPrompt] = []
        for prompt in self.queue:
            last = joined[-1] if joined else None
            if last and (last.bargein, last.hotword) == (prompt.bargein, prompt.hotword):
                marks = last.marks + tuple((len(last.items) + at, name) for at, name in prompt.marks)
                joined[-1] = QueuedPrompt(
                    last.items + prompt.items, prompt.bargein, prompt.hotword, prompt.timeout, marks
                )
            else:
                joined.append(prompt)
        self.queue = []
        self._queued_characters = 0
        return joined

    def play_out(self) -> Steps[None]:
        """Play what is queued and wait for its end, input or not: before leaving the call."""
        for prompt in self.take_queue():
            if self.hung_up or not prompt.items:
                continue
            play = Play(self.new_id(), prompt.items, prompt.bargein, prompt.marks)
            self.emit(play)
            while not self.hung_up:
                happened = yield AwaitInput()
                if isinstance(happened, Hangup):
                    break
                if isinstance(happened, PlayEnded) and happened.id == play.id:
                    break


#: Weighed in bytes of source and in instructions.
_parsed_by_digest: WeightedCache[ParsedGrammar] = WeightedCache(4 << 20)
_linked_by_parts: WeightedCache[tuple[Grammar, tuple[ParsedGrammar, ...]]] = WeightedCache(400_000)
_MAX_IGNORED = 100


def _parsed(body: bytes) -> ParsedGrammar:
    digest = hashlib.blake2b(body, digest_size=20).digest()
    parsed = _parsed_by_digest.get(digest)
    if parsed is None:
        parsed = parse_grammar(body)
        _parsed_by_digest.put(digest, parsed, len(body))
    return parsed


def _linked(parsed: ParsedGrammar, externals: Mapping[str, ParsedGrammar], rule: str, base: str) -> Grammar:
    """The compiled grammar, shared between sessions; the parts are kept alive so that their ids stay theirs."""
    key = (id(parsed), rule, base if externals else "", *((url, id(inner)) for url, inner in externals.items()))
    held = _linked_by_parts.get(key)
    if held is None:
        held = (link(parsed, externals, rule, base), (parsed, *externals.values()))
        _linked_by_parts.put(key, held, len(held[0].code))
    return held[0]


@lru_cache(maxsize=4096)
def join_url(base: str, url: str) -> str:
    """`url` made absolute. Raise error.badfetch when it is not a URL."""
    try:
        return urljoin(base, url.strip())
    except ValueError as error:
        raise Thrown("error.badfetch", f"not a URL: {url}") from error


def _without_query(url: str) -> str:
    return url.partition("?")[0]
