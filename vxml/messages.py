"""What goes into a VoiceXML session (inputs) and what comes out of it (commands).

The session is driven so: `session.start(now)`, then for each thing that happens `session.receive(input, now)`;
after every call the shell carries out `session.commands()` and arms one timer for `session.next_timer()`,
calling `session.handle_timer(now)` when it is due. `now` is a monotonic clock in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from vxml.grammar.model import Grammar

# --- inputs ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer to `Fetch` `id`. `url` is the address after redirects; `status` is HTTP's (200 for files)."""

    id: int
    url: str
    status: int
    body: bytes
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class FetchProblem(StrEnum):
    #: No answer within the fetch's timeout.
    TIMEOUT = "timeout"
    #: Connection refused, name not found, TLS failure.
    UNREACHABLE = "unreachable"
    #: The address is not on the allow-list, or its scheme is not http, https or builtin.
    FORBIDDEN = "forbidden"
    #: The body is larger than the limit.
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class FetchFailed:
    id: int
    problem: FetchProblem
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PlayEnded:
    """The queue of `Play` `id` is over; `completed` is False when a key or `StopPlay` cut it short."""

    id: int
    completed: bool
    #: Milliseconds of audio heard, for marks and barge-in.
    heard_ms: int = 0
    #: The last of the play's marks that was passed, "" for none, and the milliseconds heard since.
    mark: str = ""
    mark_ms: int = 0


@dataclass(frozen=True, slots=True)
class PlayFailed:
    """An audio file could not be fetched or decoded and had no alternate; the rest of the queue was played."""

    id: int
    detail: str


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """One DTMF key, 0-9 * # A-D."""

    key: str


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak; `Spoken`, `SpeechTooLong` or `RecognitionFailed` follows. Not sent for a hotword."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One utterance, recognised. Only sent to sessions whose configuration says that there is a recogniser.

    `text` is "" (and the confidence 0) for speech in which no words of the grammars were found.
    """

    text: str
    confidence: float = 1.0
    #: What else it may have been, with its confidence, likelier first.
    others: tuple[tuple[str, float], ...] = ()
    #: The utterance as WAV and its length, where `Recognize.keep_audio` asked for it.
    audio: bytes = field(default=b"", repr=False)
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class SpeechTooLong:
    """The caller spoke for longer than `Recognize.max_speech`."""


@dataclass(frozen=True, slots=True)
class RecognitionFailed:
    """Nobody could be found to recognise what was said, or the recogniser died over it."""

    detail: str


@dataclass(frozen=True, slots=True)
class Hangup:
    """The far end hung up, or the call was ended from outside."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recording of `Record` `id`: WAV, length, and what ended it (a key, "silence", "maxtime" or "hangup")."""

    id: int
    audio: bytes
    duration_ms: int
    ended_by: str


@dataclass(frozen=True, slots=True)
class Transferred:
    """How `Transfer` `id` ended: a value of VoiceXML 2.1 section 2.3.7 (busy, noanswer, network_busy,
    near_end_disconnect, far_end_disconnect, network_disconnect, maxtime_disconnect, unknown), or an event such as
    connection.disconnect.transfer (a blind one succeeded) or error.connection.noroute.
    """

    id: int
    outcome: str
    duration_ms: int = 0


Input = (
    Fetched
    | FetchFailed
    | PlayEnded
    | PlayFailed
    | KeyPressed
    | SpeechStarted
    | Spoken
    | SpeechTooLong
    | RecognitionFailed
    | Hangup
    | Recorded
    | Transferred
)

# --- commands -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fetch:
    """Get a document, grammar, script or datum; answer with `Fetched` or `FetchFailed` of the same id."""

    id: int
    url: str
    method: str = "GET"
    body: bytes | None = None
    content_type: str = ""
    timeout: float = 10.0
    #: Seconds (VoiceXML maxage, maxstale); None leaves HTTP's rules alone.
    max_age: float | None = None
    max_stale: float | None = None
    #: Body and query hold values typed under clarion.private: never logged.
    private: bool = False
    #: What the caller hears while it takes long.
    audio: FetchAudio | None = None


@dataclass(frozen=True, slots=True)
class SpeechItem:
    """Text to synthesise: an SSML `<speak>` document when `ssml`, else plain text. `private` text is never logged."""

    text: str
    language: str = "en-US"
    ssml: bool = False
    private: bool = False


@dataclass(frozen=True, slots=True)
class BreakItem:
    milliseconds: int


@dataclass(frozen=True, slots=True)
class AudioItem:
    """Recorded audio at a URL; `alternate` is spoken where it cannot be had."""

    url: str
    alternate: tuple[PromptItem, ...] = ()
    timeout: float = 10.0
    #: Seconds (VoiceXML maxage, maxstale); None leaves HTTP's rules alone.
    max_age: float | None = None
    max_stale: float | None = None


@dataclass(frozen=True, slots=True)
class FetchAudio:
    """Played until a fetch is done (VoiceXML 2.1 section 6.1.1), from `delay` seconds on, and once begun for
    `minimum` seconds at least; from its beginning again where it is shorter than the fetch.
    """

    item: AudioItem
    delay: float
    minimum: float


PromptItem = SpeechItem | BreakItem | AudioItem


@dataclass(frozen=True, slots=True)
class Play:
    """Play items in order; answer `PlayEnded`. With `bargein`, the first key stops it at once (in the switch)."""

    id: int
    items: tuple[PromptItem, ...]
    bargein: bool = True
    #: `<mark>`s: how many of the items come before it, and its name.
    marks: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Prefetch:
    """Audio that the document may play (fetchhint): get it ready now, if there is time. Nothing is answered."""

    items: tuple[AudioItem, ...]


@dataclass(frozen=True, slots=True)
class StopPlay:
    """Cut the present queue; its `PlayEnded(completed=False)` follows."""


@dataclass(frozen=True, slots=True)
class Recognize:
    """Listen for words of `grammars`, prompts playing or not, until one answer is given or `StopRecognizing` comes.

    A second one while the first listens changes how it listens; speech under way goes on. With `hotword`, speech that
    matches no grammar is passed over in silence. Times are seconds (VoiceXML 2.1 section 6.3.2), the others 0 to 1.
    """

    grammars: tuple[Grammar, ...] = field(repr=False)
    hotword: bool = False
    #: Silence after words that match and cannot go on.
    complete_timeout: float = 0.6
    #: Silence after words that do not match, or could go on.
    incomplete_timeout: float = 1.2
    max_speech: float = 30.0
    #: 1 hears the faintest voice, 0 needs a loud one.
    sensitivity: float = 0.5
    #: 1 wants the best recognition, 0 the fastest.
    accuracy: float = 0.5
    max_results: int = 1
    keep_audio: bool = False


@dataclass(frozen=True, slots=True)
class StopRecognizing:
    """Stop listening; nothing is answered."""


@dataclass(frozen=True, slots=True)
class Record:
    """Record the caller; answer `Recorded`. Seconds throughout; `term_keys` end it ("" for none, "any" for all)."""

    id: int
    max_seconds: float
    final_silence: float
    beep: bool
    term_keys: str = "any"
    #: How long the caller may stay silent before the first word.
    timeout: float = 5.0


@dataclass(frozen=True, slots=True)
class Transfer:
    """Connect the caller to `destination` (a tel: or sip: URI); answer `Transferred`. Times are seconds, 0 for none.

    Sent only for the kinds (blind, bridge, consultation) that the session's configuration names.
    """

    id: int
    kind: str
    destination: str
    connect_timeout: float = 0.0
    max_seconds: float = 0.0
    aai: str = ""
    #: Played to the caller until the other end answers.
    audio: AudioItem | None = None
    #: Keys and words of the caller are wanted meanwhile: they may ask for the end by `EndTransfer`.
    listens: bool = False


@dataclass(frozen=True, slots=True)
class EndTransfer:
    """Take the caller back from `Transfer` `id`, whose `Transferred` follows."""

    id: int


@dataclass(frozen=True, slots=True)
class Private:
    """Keys from now on are (or are no longer) private: mask them everywhere and pause call recording.

    `waiting` keys were received before and are not used yet: they fall under it too.
    """

    on: bool
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Hang up after the queued prompts were played."""


class EndReason(StrEnum):
    #: `<exit>`.
    EXIT = "exit"
    #: `<disconnect>`.
    DISCONNECT = "disconnect"
    #: Nothing left to do in the document.
    FINISHED = "finished"
    #: The far end hung up (after any connection.disconnect.hangup handler ran).
    HANGUP = "hangup"
    #: An error event no handler took; `detail` says which and where.
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over. `values` is the namelist (JSON values); names in `private` must not be logged or kept."""

    reason: EndReason
    values: Mapping[str, Any] = field(default_factory=dict)
    private: frozenset[str] = frozenset()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """One step for the call's trace (already masked): a document entered, an item visited, an event thrown, a log."""

    kind: str
    text: str


Command = (
    Fetch
    | Play
    | Prefetch
    | StopPlay
    | Recognize
    | StopRecognizing
    | Record
    | Transfer
    | EndTransfer
    | Private
    | Disconnect
    | Ended
    | Trace
)
