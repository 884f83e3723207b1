"""An attempt's trace drawn: who said what to whom, from top to bottom; and when it rang, talked and heard keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

LANES: Final = (("Called party", 190), ("Media server", 520), ("Script", 850))
WIDTH: Final = 960
_CALLED, _SERVER, _SCRIPT = (x for _, x in LANES)
_TOP, _ROW = 58, 34
#: Rows of a readable drawing; the table has them all.
_MOST = 80
_SHORT, _LONG = 44, 92
#: Steps of a script that say where it is, for the table alone.
_POSITIONS = frozenset(("dialog", "item"))


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table: seconds from the first; `sender` and `receiver` are lanes, the same for a note.

    `times` is how often it was said in a row (retransmissions).
    """

    seconds: float
    kind: str
    sender: str
    receiver: str
    text: str
    look: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """A prompt or key on the timeline, `x` in percent."""

    x: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Phase:
    x: float
    width: float
    name: str
    seconds: float


def read(steps: Sequence[Any]) -> list[Line]:
    """The trace as lines; what is said again at once is one line with a count."""
    lines: list[Line] = []
    for step in steps:
        seconds = (_moment(step) - _moment(steps[0])).total_seconds()
        line = _line(str(step.get("kind", "")), str(step.get("text", "")), seconds)
        last = lines[-1] if lines else None
        if last is not None and line.kind == "sip" and (last.text, last.sender) == (line.text, line.sender):
            lines[-1] = replace(last, times=last.times + 1)
        else:
            lines.append(line)
    return lines


def draw(lines: Sequence[Line]) -> dict[str, Any]:
    """Arrows and notes in pixels; `left_out` is how many lines are in the table alone."""
    shown = [line for line in lines if not _is_position(line)]
    drawn = list(_rows(shown[:_MOST]))
    return {
        "lanes": LANES,
        "rows": drawn,
        "width": WIDTH,
        "height": _TOP + _ROW * len(drawn) + 14,
        "left_out": len(shown) - len(drawn),
    }


def timeline(
    lines: Sequence[Line],
    started: datetime,
    ringing: datetime | None,
    answered: datetime | None,
    ended: datetime | None,
) -> dict[str, Any] | None:
    """Phases of the call with its prompts and keys, in percent of its length; None while it is under way."""
    if ended is None or (ended - started).total_seconds() <= 0:
        return None
    whole = (ended - started).total_seconds()
    moments = [(started, "Dialling"), (ringing, "Ringing"), (answered, "Talking")]
    begun = [(moment, name) for moment, name in moments if moment is not None]
    phases = []
    for number, (moment, name) in enumerate(begun):
        until = begun[number + 1][0] if number + 1 < len(begun) else ended
        seconds = max(0.0, (until - moment).total_seconds())
        phases.append(Phase(_percent((moment - started).total_seconds(), whole), 100 * seconds / whole, name, seconds))
    marks = [
        Mark(_percent(line.seconds, whole), line.look, line.text) for line in lines if line.look in ("prompt", "key")
    ]
    return {"phases": phases, "marks": marks, "seconds": whole}


def _percent(seconds: float, whole: float) -> float:
    return max(0.0, min(100.0, 100 * seconds / whole))


def _line(kind: str, text: str, seconds: float) -> Line:
    if kind == "sip" and text[:2] in ("->", "<-"):
        said = text[2:].strip()
        ends = ("Media server", "Called party") if text.startswith("->") else ("Called party", "Media server")
        return Line(seconds, kind, *ends, said, _sip_look(said))
    if kind in ("sip", "cpa"):
        return Line(seconds, kind, "Media server", "Media server", text, "note")
    what, _, rest = text.partition(": ")
    if what == "prompt":
        return Line(seconds, kind, "Script", "Called party", rest, "prompt")
    if what == "key":
        return Line(seconds, kind, "Called party", "Script", rest, "key")
    return Line(seconds, kind, "Script", "Script", text, "note")


def _sip_look(said: str) -> str:
    status = said[:3]
    if not status.isdigit():
        return "request"
    return {"1": "provisional", "2": "success"}.get(status[0], "failure")


def _is_position(line: Line) -> bool:
    return line.kind == "vxml" and line.text.partition(":")[0] in _POSITIONS


def _rows(lines: Sequence[Line]) -> Iterator[dict[str, Any]]:
    places = dict(LANES)
    for number, line in enumerate(lines):
        start, end = places[line.sender], places[line.receiver]
        is_note = start == end
        label = f"Key {line.text}" if line.look == "key" else line.text
        yield {
            "y": _TOP + _ROW * number + 22,
            "x1": start,
            "x2": end,
            "middle": start if is_note else (start + end) // 2,
            "is_note": is_note,
            "look": line.look,
            "seconds": line.seconds,
            "text": _cut(label, _LONG if _SCRIPT in (start, end) and not is_note else _SHORT),
            "times": line.times,
        }


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _moment(step: Any) -> datetime:
    return datetime.fromisoformat(str(step["at"]))
