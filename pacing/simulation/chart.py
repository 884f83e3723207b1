"""A shift as a picture: what agents did minute by minute, and the abandonment rate so far. SVG, no script."""

from __future__ import annotations

from html import escape

from pacing.simulation.result import Minute, Result, SharedResult

_WIDTH, _HEIGHT, _LEFT, _TOP = 900, 320, 50, 34
#: What agents do, its colour, and its column of a minute.
_LAYERS = (
    ("talking", "#2fb344", 1),
    ("inbound", "#4299e1", 7),
    ("wrap-up", "#f59f00", 2),
    ("looking, dialling", "#ae3ec9", 6),
    ("ready", "#d63939", 0),
)
#: Those are in every picture, the others where they happen.
_ALWAYS = (0, 1, 2)


def draw(result: Result, title: str, limit: float = 0.03) -> str:
    """Agents by what they do, stacked; the line is abandoned / live so far, the dashes the limit."""
    return _picture(title, [_panel(result, title, limit)])


def draw_jobs(result: SharedResult, title: str, limit: float = 0.03) -> str:
    """The same for each of several jobs, one below the other; of those without agents, whom an application talks to."""
    return _picture(title, [_panel(job.result, f"{job.name}: {job.mode}", limit) for job in result.jobs])


def _picture(title: str, panels: list[list[str]]) -> str:
    height = _TOP + _HEIGHT + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 60} {height * len(panels)}" '
        f'font-family="sans-serif" font-size="12" fill="currentColor" role="img"><title>{escape(title)}</title>'
    ]
    for at, panel in enumerate(panels):
        parts += panel if not at else [f'<g transform="translate(0 {at * height})">', *panel, "</g>"]
    return "\n".join([*parts, "</svg>\n"])


def _panel(result: Result, title: str, limit: float) -> list[str]:
    minutes = result.minutes or [(0, 0, 0, 0, 0, 0, 0, 0)]
    layers = [layer for layer in _LAYERS if layer[2] in _ALWAYS or any(row[layer[2]] for row in minutes)]
    most = max(1, max(sum(row[column] for _, _, column in layers) for row in minutes))
    across = _WIDTH / max(1, len(minutes) - 1)
    parts = [f'<text x="{_LEFT}" y="18" font-size="14">{escape(title)}</text>']
    base = [0.0] * len(minutes)
    for name, colour, column in layers:
        top = [low + row[column] for low, row in zip(base, minutes, strict=True)]
        edge = [_point(at * across, value / most) for at, value in enumerate(top)]
        floor = [_point(at * across, value / most) for at, value in enumerate(base)]
        points = " ".join(edge + floor[::-1])
        parts.append(f'<polygon points="{points}" fill="{colour}" fill-opacity="0.75"><title>{name}</title></polygon>')
        base = top
    return [*parts, *_rate(minutes, across, limit), *_axes(most, len(minutes)), *_legend(layers)]


def _point(across: float, share: float) -> str:
    return f"{_LEFT + across:.1f},{_TOP + _HEIGHT * (1 - share):.1f}"


def _rate(minutes: list[Minute], across: float, limit: float) -> list[str]:
    """The abandonment rate so far, on a scale that ends at three times the limit."""
    scale = 3 * max(limit, 1e-6)
    points = [_point(at * across, min(1.0, row[4] / row[5] / scale)) for at, row in enumerate(minutes) if row[5]]
    dashes = f'stroke="currentColor" stroke-dasharray="6 4" x1="{_LEFT}" x2="{_LEFT + _WIDTH}"'
    y = _TOP + _HEIGHT * (1 - limit / scale)
    return [
        f'<line {dashes} y1="{y:.1f}" y2="{y:.1f}"/>',
        f'<text x="{_LEFT + _WIDTH + 6}" y="{y + 4:.1f}">{limit:.1%}</text>',
        f'<polyline points="{" ".join(points)}" fill="none" stroke="currentColor" stroke-width="2"/>',
    ]


def _axes(most: int, count: int) -> list[str]:
    parts = [f'<rect x="{_LEFT}" y="{_TOP}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#888"/>']
    parts.append(f'<text x="{_LEFT - 8}" y="{_TOP + 10}" text-anchor="end">{most}</text>')
    parts.append(f'<text x="{_LEFT - 8}" y="{_TOP + _HEIGHT}" text-anchor="end">0</text>')
    for hour in range(count // 60 + 1):
        x = _LEFT + _WIDTH * hour * 60 / max(1, count - 1)
        if x <= _LEFT + _WIDTH + 1:
            parts.append(f'<text x="{x:.1f}" y="{_TOP + _HEIGHT + 16}" text-anchor="middle">{hour} h</text>')
    return parts


def _legend(layers: list[tuple[str, str, int]]) -> list[str]:
    """From the right edge to the left."""
    at = _LEFT + _WIDTH - 130
    parts = [f'<text x="{at}" y="18">— abandoned so far</text>']
    for name, colour, _ in layers[::-1]:
        at -= 30 + 7 * len(name)
        parts.append(f'<rect x="{at}" y="8" width="12" height="12" fill="{colour}" fill-opacity="0.75"/>')
        parts.append(f'<text x="{at + 17}" y="18">{name}</text>')
    return parts
