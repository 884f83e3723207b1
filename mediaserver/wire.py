"""What the switch and its dialog workers say to each other, and the frames it travels in.

A frame is `length (4 bytes, big-endian, of what follows) | kind (1 byte) | body`. Kind `J` is one JSON message with its
class name under "_"; kind `A` is caller audio (switch to worker) and kind `C` a clip too private for a file (worker to
switch): `key length (1 byte) | key | mu-law bytes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import orjson

from common.errors import ClarionError

#: A minute of mu-law fits; a worker that sends more is broken or hostile.
MAX_FRAME = 1 << 20
#: Bytes of the longest private clip (two minutes).
MAX_CLIP = MAX_FRAME - 300


class WireError(ClarionError):
    """The peer sent what is no frame or no message of the dialog protocol."""


# --- switch to worker


@dataclass(frozen=True, slots=True)
class StartDialog:
    """Get `application` ready for `call`, which rings: nobody hears of it before `CallAnswered`.

    `allow` are the origins and directories that may be fetched from, `listed` the organization's origins, at public
    addresses only. The session that the call may have had is replaced.
    """

    call: str
    application: str
    values: Mapping[str, Any]
    remote: str
    local: str
    organization: str
    revision: str
    allow: tuple[str, ...]
    listed: tuple[str, ...] = ()
    #: Kinds of `<transfer>` that the line can do.
    transfers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """The dialog may speak."""

    call: str


@dataclass(frozen=True, slots=True)
class KeyPressed:
    call: str
    key: str


@dataclass(frozen=True, slots=True)
class PlayEnded:
    call: str
    play: int
    completed: bool
    heard_ms: int


@dataclass(frozen=True, slots=True)
class CallOver:
    """The call was not answered, the far end hung up, or it was ended from outside."""

    call: str


@dataclass(frozen=True, slots=True)
class Transferred:
    """How `Transfer` ended: an outcome of `vxml.messages.Transferred`."""

    call: str
    transfer: int
    outcome: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Classify:
    """To the classification process: listen to `call` to `number`, as `common.classification.AnswerRules` say.

    Its audio follows as `A` frames, `CallAnswered` tells the answer, `CallOver` ends it.
    """

    call: str
    number: str
    profile: str
    timeout: float
    silence_detection: bool
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Render:
    """Speak `text` into a cached file and answer `Rendered` of the same name."""

    name: str
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class BeginRecording:
    """To the writing process: make `file`, below its directory, by a `common.recording.RecordMode`.

    Its audio follows as `A` frames of `recording`: halves of one length, what was heard and what was said.
    """

    recording: str
    file: str
    mode: str


@dataclass(frozen=True, slots=True)
class EndRecording:
    """`RecordingOver` follows."""

    recording: str


# --- worker to switch


@dataclass(frozen=True, slots=True)
class Clip:
    """One piece of a queue: a file of mu-law, silence, keys to send, or a private clip sent before under `inline`."""

    file: str = ""
    silence_ms: int = 0
    inline: str = ""
    keys: str = ""


@dataclass(frozen=True, slots=True)
class PlayClips:
    """`keys_seen` is how many keys of the call had reached the worker: a later one has barged in already."""

    call: str
    play: int
    clips: tuple[Clip, ...]
    stop_on_key: bool
    keys_seen: int


@dataclass(frozen=True, slots=True)
class StopPlay:
    call: str


@dataclass(frozen=True, slots=True)
class Listen:
    """Send (or stop sending) the caller's audio as `A` frames."""

    call: str
    on: bool


@dataclass(frozen=True, slots=True)
class MaskKeys:
    """Keys are private (or no longer) from the key with this index on, counted from 0 over the whole call."""

    call: str
    on: bool
    first: int


@dataclass(frozen=True, slots=True)
class HangUp:
    """Hang up once the present queue is played."""

    call: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Connect the caller to `destination`, a URI; seconds, 0 for none. `Transferred` follows."""

    call: str
    transfer: int
    kind: str
    destination: str
    connect_timeout: float
    max_seconds: float


@dataclass(frozen=True, slots=True)
class EndTransfer:
    """Take the caller back; the transfer's `Transferred` follows."""

    call: str


@dataclass(frozen=True, slots=True)
class Step:
    """A line for the call's trace, masked."""

    call: str
    text: str


#: Words of the grammar were heard or none, the recogniser failed, or nobody waited for it: the caller spoke on or left.
RECOGNITIONS = ("words", "nothing", "failed", "given_up")


@dataclass(frozen=True, slots=True)
class Recognized:
    """An utterance was with the recogniser for so many seconds; `outcome` is one of RECOGNITIONS."""

    call: str
    outcome: str
    seconds: float


@dataclass(frozen=True, slots=True)
class DialogOver:
    """The session ended; `reason` is a vxml EndReason, private `values` are masked already."""

    call: str
    reason: str
    values: Mapping[str, Any]
    detail: str


@dataclass(frozen=True, slots=True)
class Classified:
    """From the classification process: an event of `mediaserver.cpa.events` by its class name; `at` is monotonic."""

    call: str
    event: str
    at: float
    verdict: str = ""
    sound: str = ""


@dataclass(frozen=True, slots=True)
class RecordingOver:
    """From the writing process: the file is whole; `problem` says why it ended too early.

    `recording` is "" for a file that an earlier process left behind, which was mended: `file` names it.
    """

    recording: str
    file: str
    duration_ms: int
    problem: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """`file` is "" when it could not be spoken."""

    name: str
    file: str


@dataclass(frozen=True, slots=True)
class Beat:
    """The worker's loop turns."""


@dataclass(frozen=True, slots=True)
class Lookups:
    """What the worker found in its caches since it said so last, and what it did not."""

    clips_found: int = 0
    clips_missed: int = 0
    pages_found: int = 0
    pages_missed: int = 0


@dataclass(frozen=True, slots=True)
class Audio:
    """A frame of kind `A` or `C`: mu-law of call `key`, or the private clip `key`."""

    key: str
    audio: bytes = field(repr=False)


Message = (
    StartDialog
    | CallAnswered
    | KeyPressed
    | PlayEnded
    | CallOver
    | Transferred
    | Classify
    | Render
    | BeginRecording
    | EndRecording
    | PlayClips
    | StopPlay
    | Listen
    | MaskKeys
    | HangUp
    | Transfer
    | EndTransfer
    | Step
    | Recognized
    | DialogOver
    | Classified
    | RecordingOver
    | Rendered
    | Beat
    | Lookups
)
_CLASSES: dict[str, type[Any]] = {kind.__name__: kind for kind in Message.__args__}
_FIELDS = {name: frozenset(item.name for item in fields(kind)) for name, kind in _CLASSES.items()}
_JSON, _HEARD, _CLIP = b"J", b"A", b"C"


def encode(message: Message) -> bytes:
    body = {name: getattr(message, name) for name in _FIELDS[type(message).__name__]}
    return _frame(_JSON, orjson.dumps({"_": type(message).__name__, **body}, default=_as_json))


def encode_heard(call: str, audio: bytes) -> bytes:
    return _frame(_HEARD, _keyed(call, audio))


def encode_clip(clip: str, audio: bytes) -> bytes:
    return _frame(_CLIP, _keyed(clip, audio))


class Decoder:
    """Takes bytes as they come, gives whole messages; raises WireError and is useless afterwards."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message | Audio]:
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= 4:
            length = int.from_bytes(buffer[start : start + 4])
            if not 1 <= length <= MAX_FRAME:
                raise WireError(f"a frame of {length} bytes")
            if len(buffer) - start - 4 < length:
                break
            frame = bytes(buffer[start + 4 : start + 4 + length])
            start += 4 + length
            yield _decode(frame)
        del buffer[:start]


def _decode(frame: bytes) -> Message | Audio:
    kind, body = frame[:1], frame[1:]
    if kind == _JSON:
        return _message(body)
    if kind not in (_HEARD, _CLIP) or not body or len(body) <= body[0]:
        raise WireError("a frame of unknown kind or without its key")
    return Audio(body[1 : 1 + body[0]].decode("ascii", "replace"), body[1 + body[0] :])


def _message(body: bytes) -> Message:
    try:
        values = orjson.loads(body)
        kind = _CLASSES[values.pop("_")]
        if kind is PlayClips:
            values["clips"] = tuple(Clip(**clip) for clip in values["clips"])
        elif kind is StartDialog:
            values |= {name: tuple(values[name]) for name in ("allow", "listed", "transfers")}
        message: Message = kind(**values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WireError(f"not a message: {error}") from error
    return message


def _frame(kind: bytes, body: bytes) -> bytes:
    return (len(body) + 1).to_bytes(4) + kind + body


def _keyed(key: str, audio: bytes) -> bytes:
    name = key.encode("ascii")
    return bytes((len(name),)) + name + audio


def _as_json(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)
