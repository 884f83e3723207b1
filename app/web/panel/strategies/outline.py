"""A strategy drawn: boxes for handlers, lines for what follows, and the same in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.core.strategy import parser
from app.core.strategy.model import DONE, NEXT_ADDRESS, WAIT, Action, Channel, Result, Strategy
from common.errors import Refused

BOX_WIDTH, BOX_HEIGHT = 176, 58
_GAP_X, _GAP_Y, _EDGE = 84, 30, 12
#: How far right of a box the lines to the end go down, by kind.
_GUTTER = {"next": 14, "fail": 24, "default": 34}
_ICONS = {Channel.VOICE: "phone", Channel.SMS: "device-mobile-message", Channel.EMAIL: "mail"}
_VERBS = {Channel.VOICE: "Call", Channel.SMS: "SMS to", Channel.EMAIL: "Email to"}
_LONGEST = 19


@dataclass(frozen=True, slots=True)
class Box:
    """`kind` is handler or end; `x`, `y` its upper left corner."""

    name: str
    kind: str
    icon: str
    detail: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Line:
    """An SVG path between two boxes; `kind` is next, fail (retries used up) or default."""

    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class Step:
    """What follows some codes, in words. No codes: every other one."""

    codes: tuple[str, ...]
    retry: str
    target: str


@dataclass(frozen=True, slots=True)
class HandlerText:
    name: str
    icon: str
    detail: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Outline:
    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    handlers: tuple[HandlerText, ...]


def outline(xml: str) -> Outline | None:
    """None while the strategy cannot be read. Unknown completion codes do not matter to the drawing."""
    try:
        strategy = parser.parse(xml)
    except Refused:
        return None
    boxes = {box.name: box for box in _place(strategy)}
    lines = tuple(_line(boxes[source], boxes[target], kind) for source, target, kind in _edges(strategy))
    return Outline(
        width=max(box.x for box in boxes.values()) + BOX_WIDTH + _GUTTER["default"] + _EDGE,
        height=max(box.y for box in boxes.values()) + BOX_HEIGHT + _EDGE,
        boxes=tuple(boxes.values()),
        lines=lines,
        handlers=tuple(
            HandlerText(name, _ICONS[handler.action.channel], _detail(handler.action), tuple(_steps(handler.action)))
            for name, handler in strategy.handlers.items()
        ),
    )


def _place(strategy: Strategy) -> Iterator[Box]:
    """Handlers in columns by how many steps they are from the first; the end in a column of its own."""
    ranks = {strategy.initial: 0}
    queue = [strategy.initial]
    for name in queue:
        for source, target, _ in _edges(strategy):
            if source == name and target != DONE and target not in ranks:
                ranks[target] = ranks[name] + 1
                queue.append(target)
    for name in strategy.handlers:
        ranks.setdefault(name, max(ranks.values()) + 1)
    columns: dict[int, int] = {}
    for name in sorted(ranks, key=ranks.__getitem__):
        row = columns.get(ranks[name], 0)
        columns[ranks[name]] = row + 1
        action = strategy.handlers[name].action
        x, y = _EDGE + ranks[name] * (BOX_WIDTH + _GAP_X), _EDGE + row * (BOX_HEIGHT + _GAP_Y)
        yield Box(name, "handler", _ICONS[action.channel], _short(_detail(action)), x, y)
    below = max(columns.values())
    last = max(ranks.values())
    x, y = _EDGE + last * (BOX_WIDTH + _GAP_X), _EDGE + below * (BOX_HEIGHT + _GAP_Y) + _GAP_Y
    yield Box(DONE, "end", "circle-check", "Nothing more for this contact", x, y)


def _edges(strategy: Strategy) -> list[tuple[str, str, str]]:
    """(handler, next state, kind), each pair of states once; those that stay in the handler are left out."""
    found: dict[tuple[str, str], str] = {}
    for name, handler in strategy.handlers.items():
        for result in handler.action.results:
            target, kind = (result.retry.fail_state, "fail") if result.retry else (result.next_state, "next")
            if target not in (WAIT, NEXT_ADDRESS, name):
                found.setdefault((name, target), kind)
        default = handler.action.default_next
        if default not in (WAIT, NEXT_ADDRESS, name):
            found.setdefault((name, default), "default")
    return [(source, target, kind) for (source, target), kind in found.items()]


def _line(source: Box, target: Box, kind: str) -> Line:
    left, right, middle = target.x - 3, source.x + BOX_WIDTH, source.y + BOX_HEIGHT // 2
    aim = target.y + BOX_HEIGHT // 2
    if target.kind == "end":
        # Down between the columns, then along below all handlers: no line passes behind a box.
        gutter = right + _GUTTER[kind]
        end = left if target.x > source.x else target.x + BOX_WIDTH + 3
        return Line(f"M{right} {middle} H{gutter - 6} Q{gutter} {middle} {gutter} {middle + 6} V{aim} H{end}", kind)
    if target.x > source.x:
        half = (right + target.x) // 2
        return Line(f"M{right} {middle} C{half} {middle} {half} {aim} {left} {aim}", kind)
    if target.x == source.x:
        return Line(f"M{right} {middle} C{right + 44} {middle} {right + 44} {aim} {right + 3} {aim}", kind)
    low, x1, x2 = source.y + BOX_HEIGHT, source.x + BOX_WIDTH // 2, target.x + BOX_WIDTH // 2
    down = max(low, target.y + BOX_HEIGHT) + _GAP_Y
    return Line(f"M{x1} {low} C{x1} {down} {x2} {down} {x2} {target.y + BOX_HEIGHT + 3}", kind)


def _detail(action: Action) -> str:
    return f"{_VERBS[action.channel]} {', '.join(ref.name for ref in action.addresses)}"


def _steps(action: Action) -> Iterator[Step]:
    for result in action.results:
        yield Step(tuple(sorted(result.codes)), _retry_words(result), _target(result))
    yield Step((), "", action.default_next)


def _target(result: Result) -> str:
    return result.retry.fail_state if result.retry else result.next_state


def _retry_words(result: Result) -> str:
    retry = result.retry
    if retry is None:
        return ""
    times = "once" if retry.count == 1 else f"{retry.count} times"
    by = f", by {', '.join(ref.name for ref in retry.addresses)}" if retry.addresses else ""
    return f"Again {times}, after {', '.join(duration(length) for length in retry.intervals)}{by}; then"


def duration(seconds: float) -> str:
    """`90` as `90 s`, `7200` as `2 h`."""
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
