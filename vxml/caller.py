"""What a caller must do in a real call to repeat a conversation that was held on the virtual clock.

The caller of a real call hears where a prompt begins and ends, and nothing else: the script is written in these terms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from vxml.scripted import Act, Step
from vxml.text import Line

#: Steps of the trace that a real call has too; the others are the virtual clock's own.
COMPARED: Final = frozenset(
    (
        "dialog",
        "document",
        "end",
        "event",
        "goto",
        "hangup",
        "item",
        "key",
        "log",
        "match",
        "prompt",
        "return",
        "subdialog",
        "submit",
        "transfer",
    )
)
#: Seconds of speech for a recording.
_SPEECH: Final = 1.2


def caller_script(lines: Sequence[Line], acts: Iterable[Act]) -> str:
    """The steps of a simulated customer (see docs/reference/simulated-carrier.md) that do what `acts` did."""
    return " ".join(_steps(lines, list(acts)))


def _steps(lines: Sequence[Line], acts: list[Act]) -> Iterator[str]:
    listening, quiet = False, 0.0
    for number in range(len(lines) + 1):
        while acts and acts[0].lines == number and (acts[0].step.kind != "interrupt" or listening):
            act = acts.pop(0)
            if act.step.kind == "silence":
                continue
            if listening:
                yield "talk" if act.step.kind == "interrupt" else "prompt"
            elif quiet:
                # No prompt told that the time was up.
                yield f"wait:{quiet:g}"
            listening, quiet = False, 0.0
            yield from _act(act.step)
        if number == len(lines):
            return
        line = lines[number]
        if line.kind == "silence":
            if listening:
                yield "prompt"
            listening, quiet = False, quiet + _seconds(line)
        elif line.kind == "prompt":
            listening, quiet = True, 0.0
            # An interruption was decided on before its prompt came.
            if acts and acts[0].step.kind == "interrupt":
                acts[0] = Act(acts[0].step, number + 1)


def _act(step: Step) -> Iterator[str]:
    keys = "".join(key for key in step.value.upper() if key not in ", ")
    match step.kind:
        case "keys" | "interrupt":
            yield f"keys:{keys}"
        case "say":
            yield f"say:{_SPEECH}"
        case "record":
            yield f"say:{_SPEECH}"
            if keys:
                yield f"keys:{keys}"
        case "hangup":
            yield "hangup"


def _seconds(line: Line) -> float:
    return float(line.text.partition(" ")[0])
