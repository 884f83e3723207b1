"""What a media server holds at a moment: memory, descriptors, threads, and its parts by its own count."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.media import SERVER_LOG, Bench
from benchmarks.support.usage import anonymous, descendants, mapped, usage_of
from tests.support.ports import free_range

#: Seconds after the last call in which SIP's timers run out (64*T1), ports are freed and the event socket is quiet.
SETTLING = 40.0
#: RTP ports of a soak: those of a hundred calls, and of all that rest after use.
_PORTS = 1200
#: What the server logs when something is wrong with it, not with a far end.
_WRONG = ("Traceback", "[error", "[critical")


@dataclass(frozen=True, slots=True)
class Figures:
    """Memory in MB; `held` as in `clarion_mediaserver_held`.

    `switch` and `workers` are what is in no file, `files` programs and libraries, each page once. `shares` is all of it
    by proportional shares (PSS), which rises by megabytes when another program ends that has the same libraries.
    """

    switch: float
    workers: float
    files: float
    shares: float
    descriptors: int
    threads: int
    held: Mapping[str, int]
    metrics: Mapping[str, float]

    @property
    def memory(self) -> float:
        return self.switch + self.workers + self.files


def own_ports() -> range:
    """RTP ports that no other program is using: soaks run beside tests and benchmarks."""
    first = free_range(_PORTS)
    return range(first, first + _PORTS)


async def figures(bench: Bench) -> Figures:
    process = Path(f"/proc/{bench.server}")
    values, held = {}, {}
    for family in text_string_to_metric_families(await _metrics(bench)):
        for sample in family.samples:
            if family.name.endswith("mediaserver_held"):
                held[sample.labels["what"]] = int(sample.value)
            else:
                values[".".join((sample.name.removeprefix("clarion_mediaserver_"), *sample.labels.values()))] = (
                    sample.value
                )
    others = descendants(bench.server)
    return Figures(
        switch=anonymous([bench.server]),
        workers=anonymous(others),
        files=mapped([bench.server, *others]),
        shares=usage_of([bench.server, *others]).memory,
        descriptors=len(list((process / "fd").iterdir())),
        threads=len(list((process / "task").iterdir())),
        held=held,
        metrics=values,
    )


async def _metrics(bench: Bench) -> str:
    async with bench.http.get(bench.api.removesuffix("/v1") + "/metrics") as answer:
        return await answer.text()


async def settled(bench: Bench) -> Figures:
    """Once nothing of earlier calls can be left."""
    await asyncio.sleep(SETTLING)
    return await figures(bench)


def leaks(before: Figures, after: Figures) -> list[str]:
    """What there is more of; the tasks of HTTP connections come and go, so a few more of these are none."""
    found = [
        f"{what}: {before.held.get(what, 0)} before, {count} after"
        for what, count in after.held.items()
        if count > before.held.get(what, 0) + (5 if what == "tasks" else 0)
    ]
    if after.descriptors > before.descriptors + 5:
        found.append(f"descriptors: {before.descriptors} before, {after.descriptors} after")
    if after.threads > before.threads:
        found.append(f"threads: {before.threads} before, {after.threads} after")
    return found


def growth(first: list[Figures], last: list[Figures]) -> float:
    """Of all processes' memory together, from the medians; 0.02 is 2 %."""
    return median(each.memory for each in last) / median(each.memory for each in first) - 1


def complaints(bench: Bench) -> list[str]:
    """Lines of the server's log that tell of a fault of its own."""
    lines = bench.journal.with_name(SERVER_LOG).read_text("utf-8", "replace").splitlines()
    return [line for line in lines if any(sign in line for sign in _WRONG)]


def tell(verdicts: Mapping[str, list[str]]) -> int:
    """Print what is wrong by what should hold; the exit status."""
    for what, wrong in verdicts.items():
        print(f"{'NOT MET' if wrong else 'met':7} {what}")
        for line in wrong[:10]:
            print(f"          {line}")
        if len(wrong) > 10:
            print(f"          and {len(wrong) - 10} more")
    return 1 if any(verdicts.values()) else 0
