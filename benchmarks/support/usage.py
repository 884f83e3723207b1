"""Processor time and memory of a process and all it has started."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
#: The head of a mapping in smaps: its place in a file, the device and the file's number (0 where it is of none).
_MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ \S+ (\S+) (\S+) (\d+)")


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds so far and proportional memory in MB."""

    cpu: float
    memory: float


def descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text("ascii").split()):
            found += [child, *descendants(child)]
    return found


def usage_of(pids: list[int]) -> Usage:
    return Usage(sum(_cpu(pid) for pid in pids), sum(_memory(pid) for pid in pids) / 1024)


def server_cpu(folder: Path | None) -> float:
    """Processor seconds of PostgreSQL in this folder, of its processes that have ended too; 0 where there is none."""
    if folder is None:
        return 0.0
    mother = int((folder / "data" / "postmaster.pid").read_text("ascii").split()[0])
    ticks = 0
    for pid in (mother, *descendants(mother)):
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15] if pid == mother else fields[11:13]))
    return ticks / _TICKS


def anonymous(pids: list[int]) -> float:
    """MB that are in no file; what a fork shares with its mother counts by shares, so once among all of them."""
    rows = (_rows(pid) for pid in pids)
    return sum(row.get("Pss_Anon", 0) + row.get("Pss_Shmem", 0) for row in rows) / 1024


def mapped(pids: list[int]) -> float:
    """MB of programs and libraries, each page once, whoever else on the machine uses them too."""
    pages: dict[tuple[str, ...], int] = defaultdict(int)
    for pid in pids:
        for place, size in _file_pages(pid).items():
            pages[place] = max(pages[place], size)
    return sum(pages.values()) / 1024


def _file_pages(pid: int) -> dict[tuple[str, ...], int]:
    """KB of each mapping of a file that are as in the file."""
    found: dict[tuple[str, ...], int] = defaultdict(int)
    place: tuple[str, ...] | None = None
    for line in _lines(pid, "smaps"):
        if head := _MAPPING.match(line):
            place = None if head[3] == "0" else head.groups()
        elif place is not None and line.startswith(("Rss:", "Anonymous:")):
            size = int(line.split()[1])
            found[place] += size if line.startswith("Rss:") else -size
    return found


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS


def _memory(pid: int) -> int:
    return _rows(pid).get("Pss", 0)


def _rows(pid: int) -> dict[str, int]:
    """KB by name; nothing of a process that is gone."""
    return {line.partition(":")[0]: int(line.split()[1]) for line in _lines(pid, "smaps_rollup")[1:]}


def _lines(pid: int, name: str) -> list[str]:
    try:
        return Path(f"/proc/{pid}/{name}").read_text("ascii", "replace").splitlines()
    except OSError:
        return []
