"""The figures of `benchmarks.cpa`, with intervals, and how they get into the reference page."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.support.answers import MIX, Sample

#: Music is no person; a call without a sound is SILENCE with silence detection on.
_ACCEPTED = {"music": ("machine",)}
_BEGIN, _END = "<!-- figures: benchmarks/cpa.py -->", "<!-- end of figures -->"
#: Of the normal distribution, for 95 of 100.
_Z = 1.96


@dataclass(frozen=True, slots=True)
class Judged:
    sample: Sample
    verdict: str
    #: Seconds after the answer; of a network's tone, after it began.
    after: float
    #: When a person was found to be a machine.
    corrected: float | None = None
    message_at: float | None = None

    @property
    def ends_as(self) -> str:
        return self.verdict if self.corrected is None else "machine"

    @property
    def right_at_first(self) -> bool:
        return self.verdict in self._wanted

    @property
    def right(self) -> bool:
        return self.ends_as in self._wanted

    @property
    def _wanted(self) -> tuple[str, ...]:
        label = self.sample.label
        return _ACCEPTED.get(label, (label.rpartition(":")[2],))


@dataclass(frozen=True, slots=True)
class Share:
    part: int
    whole: int

    @property
    def interval(self) -> tuple[float, float]:
        """Of 95 of 100 (Wilson's, which holds at 0 too)."""
        if not self.whole:
            return 0.0, 1.0
        share, spread = self.part / self.whole, _Z**2 / self.whole
        middle = (share + spread / 2) / (1 + spread)
        half = _Z / (1 + spread) * math.sqrt(share * (1 - share) / self.whole + spread / 4 / self.whole)
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.part} of {self.whole} ({100 * low:.1f} to {100 * high:.1f} %)"


@dataclass(frozen=True, slots=True)
class Summary:
    first: Share
    known: Share
    #: Who was taken for a machine, corrected or not.
    machines: Share
    median: float
    p95: float


def summary(judged: Collection[Judged], *labels: str) -> Summary:
    mine = [one for one in judged if one.sample.label in labels]
    after = sorted(one.after for one in mine)
    return Summary(
        Share(sum(one.right_at_first for one in mine), len(mine)),
        Share(sum(one.right for one in mine), len(mine)),
        Share(sum(one.ends_as == "machine" for one in mine), len(mine)),
        statistics.median(after),
        after[min(len(after) - 1, int(0.95 * len(after)))],
    )


def published(ways: Mapping[str, list[Judged]], ringing: list[Judged], calls: int, seed: int) -> str:
    mix = ", ".join(f"{label} {part}" for label, part in MIX.items())
    lines = [
        f"`script/bench cpa`: {calls} calls of the held-out half, seed {seed}; of a hundred: {mix}."
        " In brackets: 95 % interval.",
        "",
        "| | people taken for machines | people known | machines known before anybody talks to them | in the end"
        " | people decided after | people and machines decided after |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, judged in ways.items():
        people, machines = summary(judged, "human"), summary(judged, "machine")
        both = summary(judged, "human", "machine")
        lines.append(
            f"| {name} | {people.machines} | {people.known} | {machines.first} | {machines.known}"
            f" | {_seconds(people)} | {_seconds(both)} |"
        )
    others = ", ".join(
        f"{label} {summary(ways['`human-first`'], label).known}" for label in ("fax", "silence", "music")
    )
    right = Share(sum(one.right for one in ringing), len(ringing))
    wrong = sorted({f"{one.sample.label.partition(':')[2]} as {one.verdict}" for one in ringing if not one.right})
    tones = f"Network tones, each over five lines: {right} right"
    lines += ["", f"Right besides: {others}. {tones}{'; heard wrong: ' + ', '.join(wrong) if wrong else ''}."]
    return "\n".join(lines)


def _seconds(figures: Summary) -> str:
    return f"{figures.median:.2f} s median, {figures.p95:.2f} s p95"


def write(page: Path, text: str) -> None:
    """Between the marks of the page."""
    before, _, rest = page.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    page.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}")
