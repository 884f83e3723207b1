"""A script drawn: columns of dialogs from left to right, and lines for what leads from one to another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import igraph

from vxml.graph import Edge, Graph, Key, Vertex

BOX_WIDTH, BOX_HEIGHT = 172, 48
_COLUMN, _ROW, _MARGIN = 372, 74, 26
#: More than this no drawing makes readable, and no layout quick.
MOST: Final = 400
_LONGEST_TITLE, _LONGEST_LABEL = 23, 26

#: A document's places as jobs.test answers them: [kind, line, line of the dialog, ran].
Coverage = Mapping[str, Sequence[Sequence[Any]]]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Wire:
    """All edges between two boxes in one direction."""

    source: int
    target: int
    edges: tuple[Edge, ...]


def draw(graph: Graph, coverage: Coverage) -> dict[str, Any]:
    """Boxes, lines and the size of the picture, in pixels; too large a graph has none, and says so."""
    if len(graph.vertices) > MOST or len(graph.edges) > 4 * MOST:
        return {"boxes": [], "lines": [], "width": 0, "height": 0, "too_large": len(graph.vertices)}
    numbers = {vertex.key: number for number, vertex in enumerate(graph.vertices)}
    wires, loops = _wires(graph, numbers)
    places, bends = _layout(graph.vertices, wires)
    low = min((y for _, y in places), default=0.0)
    high = max([y for _, y in places] + [y for bend in bends for _, y in bend], default=0.0)
    low = min([low] + [y for bend in bends for _, y in bend])
    places = [(x, y - low + _MARGIN) for x, y in places]
    bends = [[(x, y - low + _MARGIN) for x, y in bend] for bend in bends]
    boxes = [
        _box(vertex, place, coverage, loops.get(number, ()))
        for number, (vertex, place) in enumerate(zip(graph.vertices, places, strict=True))
    ]
    lines = list(_lines(graph, wires, places, bends))
    right = max((x for x, _ in places), default=0.0)
    return {
        "boxes": boxes,
        "lines": lines,
        "width": round(right + BOX_WIDTH + 2 * _MARGIN),
        "height": round(high - low + BOX_HEIGHT + 2 * _MARGIN),
        "box": (BOX_WIDTH, BOX_HEIGHT),
        "too_large": 0,
    }


def warm_up() -> None:
    """The first layout of a process takes a fifth of a second longer."""
    igraph.Graph(2, [(0, 1)], directed=True).layout_sugiyama(layers=[0, 1])


def _wires(graph: Graph, numbers: Mapping[Key, int]) -> tuple[list[_Wire], dict[int, tuple[Edge, ...]]]:
    between: dict[tuple[int, int], list[Edge]] = {}
    for edge in graph.edges:
        between.setdefault((numbers[edge.source], numbers[edge.target]), []).append(edge)
    loops = {source: tuple(edges) for (source, target), edges in between.items() if source == target}
    wires = [_Wire(*ends, tuple(edges)) for ends, edges in between.items() if ends[0] != ends[1]]
    return wires, loops


# --- where things stand


def _layout(vertices: Sequence[Vertex], wires: Sequence[_Wire]) -> tuple[list[Point], list[list[Point]]]:
    """Upper left corners of the boxes, and the points that each wire passes between its ends."""
    if not vertices:
        return [], []
    layers = _layers(vertices, wires)
    links: list[tuple[int, int]] = []
    chains: list[list[int]] = []
    for wire in wires:
        # A point in every column that the wire crosses, so that nothing else stands there.
        step = 1 if layers[wire.target] > layers[wire.source] else -1
        crossed = range(layers[wire.source] + step, layers[wire.target], step)
        chain = list(range(len(layers), len(layers) + len(crossed)))
        layers += crossed
        through = [wire.source, *chain, wire.target]
        links += [(one, two) if step > 0 else (two, one) for one, two in itertools.pairwise(through)]
        chains.append(chain)
    drawn = igraph.Graph(len(layers), links, directed=True)
    layout = drawn.layout_sugiyama(layers=layers, hgap=1, vgap=1, maxiter=60)
    spots = [(_MARGIN + depth * _COLUMN, across * _ROW) for across, depth in layout.coords]
    bends = [[(spots[point][0], spots[point][1] + BOX_HEIGHT / 2) for point in chain] for chain in chains]
    return spots[: len(vertices)], bends


def _layers(vertices: Sequence[Vertex], wires: Sequence[_Wire]) -> list[int]:
    """Columns: each box right of all that lead to it, but for jumps back. Calls begin on the left."""
    leads: list[list[int]] = [[] for _ in vertices]
    for wire in wires:
        leads[wire.source].append(wire.target)
    order = sorted(range(len(vertices)), key=lambda number: (not vertices[number].start, not vertices[number].reached))
    forward: list[tuple[int, int]] = []
    state = [0] * len(vertices)  # 0 unseen, 1 on the way, 2 done
    finished: list[int] = []
    for first in order:
        if state[first]:
            continue
        state[first] = 1
        way: list[tuple[int, Iterator[int]]] = [(first, iter(leads[first]))]
        while way:
            at, targets = way[-1]
            target = next(targets, None)
            if target is None:
                state[at] = 2
                finished.append(at)
                way.pop()
                continue
            if state[target] != 1:
                forward.append((at, target))
            if not state[target]:
                state[target] = 1
                way.append((target, iter(leads[target])))
    layers = [0] * len(vertices)
    after: dict[int, list[int]] = {}
    for source, target in forward:
        after.setdefault(source, []).append(target)
    for source in reversed(finished):
        for target in after.get(source, ()):
            layers[target] = max(layers[target], layers[source] + 1)
    return layers


# --- what is drawn


def _box(vertex: Vertex, place: Point, coverage: Coverage, loops: Sequence[Edge]) -> dict[str, Any]:
    file, _ = vertex.key
    ran = [one[3] for one in coverage.get(file, ()) if one[2] == vertex.line and vertex.kind in ("form", "menu")]
    notes = [file if vertex.kind in ("form", "menu") else "", *vertex.ends]
    return {
        "x": round(place[0]),
        "y": round(place[1]),
        "kind": vertex.kind,
        "title": _cut(vertex.title, _LONGEST_TITLE),
        "whole": vertex.title,
        "detail": _cut(" · ".join(note for note in notes if note), _LONGEST_TITLE + 3),
        "file": file if vertex.line else "",
        "line": vertex.line,
        "start": vertex.start,
        "reached": vertex.reached,
        "loops": [edge.label or edge.kind for edge in loops],
        "covered": round(sum(ran) / len(ran), 3) if ran else None,
    }


def _lines(
    graph: Graph, wires: Sequence[_Wire], places: Sequence[Point], bends: Sequence[Sequence[Point]]
) -> Iterator[dict[str, Any]]:
    backward = [places[wire.target][0] <= places[wire.source][0] for wire in wires]
    # Lines leave on the right and arrive on the left; those that go back do it the other way round.
    leaving = [(wire.source, back) for wire, back in zip(wires, backward, strict=True)]
    arriving = [(wire.target, not back) for wire, back in zip(wires, backward, strict=True)]
    far = [(back, places[wire.target][1]) for wire, back in zip(wires, backward, strict=True)]
    far += [(back, places[wire.source][1]) for wire, back in zip(wires, backward, strict=True)]
    ports = _ports([*leaving, *arriving], far)
    for number, (wire, back) in enumerate(zip(wires, backward, strict=True)):
        (x1, y1), (x2, y2) = places[wire.source], places[wire.target]
        start = (x1 if back else x1 + BOX_WIDTH, y1 + ports[number])
        end = (x2 + BOX_WIDTH if back else x2, y2 + ports[len(wires) + number])
        points = [start, *((x + BOX_WIDTH / 2, y) for x, y in bends[number]), end]
        yield _line(graph, wire, points, back)


def _line(graph: Graph, wire: _Wire, points: Sequence[Point], back: bool) -> dict[str, Any]:
    first = wire.edges[0]
    labels = list(dict.fromkeys(edge.label for edge in wire.edges if edge.label))
    names = (graph.vertices[wire.source].title, graph.vertices[wire.target].title)
    at = points[0] if back else points[1]
    return {
        "path": _path(points),
        "kind": "back" if back else "maybe" if all(edge.maybe for edge in wire.edges) else first.kind,
        "label": _cut(", ".join(labels), _LONGEST_LABEL) or ("" if first.kind == "goto" else first.kind),
        "x": round(at[0] - 12),
        "y": round(at[1] + (13 if back else -5)),
        "file": first.file,
        "line": first.line,
        "whole": f"{names[0]} to {names[1]}: {', '.join(labels) or first.kind}",
    }


def _ports(ends: Sequence[tuple[int, bool]], far: Sequence[tuple[bool, float]]) -> list[float]:
    """How far below a box's upper edge each line begins or ends: `ends` are box and side, shared evenly.

    In the order of where they come from or go to, `far`; those that lead back below the others.
    """
    ports = [0.0] * len(ends)
    at: dict[tuple[int, bool], list[int]] = {}
    for number, end in enumerate(ends):
        at.setdefault(end, []).append(number)
    for numbers in at.values():
        numbers.sort(key=lambda number: far[number])
        for place, number in enumerate(numbers, 1):
            ports[number] = BOX_HEIGHT * place / (len(numbers) + 1)
    return ports


def _path(points: Sequence[Point]) -> str:
    """Smooth, level at every point."""
    text = f"M{points[0][0]:.0f} {points[0][1]:.0f}"
    for (x1, y1), (x2, y2) in itertools.pairwise(points):
        bend = (x2 - x1) / 2
        text += f"C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
    return text


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
