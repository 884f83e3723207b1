"""wrk as load generator: what it measured, and the processor time it took itself."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}

#: wrk asks for the paths one after the other; each of its threads starts elsewhere.
_SCRIPT = """
local paths = {}
for line in io.lines("%s") do paths[#paths + 1] = line end
local threads = 0
function setup(thread) thread:set("start", threads * 7919); threads = threads + 1 end
function init() counter = start end
function request()
  counter = counter + 1
  return wrk.format("GET", paths[counter %% #paths + 1])
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """One run. Milliseconds; processor figures are fractions of one core."""

    per_second: float
    p50: float
    p99: float
    errors: int
    bytes_each: int
    generator: float
    server: float

    def line(self, name: str) -> str:
        return (
            f"{name:<34} {self.per_second:>8,.0f}/s   p50 {self.p50:6.2f} ms   p99 {self.p99:6.2f} ms   "
            f"{self.bytes_each:>6,} B   errors {self.errors}   "
            f"server {self.server:4.0%}   generator {self.generator:4.0%} of a core"
        )


def run(
    base: str, paths: Sequence[str], *, server_pid: int, seconds: int, connections: int = 32, threads: int = 1
) -> Load:
    """Ask for `paths` in turn during `seconds`; `server_pid`'s whole process tree counts as the server."""
    with tempfile.TemporaryDirectory() as folder:
        listed, script = Path(folder, "paths"), Path(folder, "load.lua")
        listed.write_text("\n".join(paths) + "\n", encoding="ascii")
        script.write_text(_SCRIPT % listed, encoding="ascii")
        command = ["wrk", "--latency", f"-d{seconds}s", f"-c{connections}", f"-t{threads}", "-s", str(script), base]
        served, ours, began = tree_seconds(server_pid), _children_seconds(), time.monotonic()
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        wall = time.monotonic() - began
        generator = (_children_seconds() - ours) / wall
        server = (tree_seconds(server_pid) - served) / wall
    return _parse(output, generator, server)


def _parse(output: str, generator: float, server: float) -> Load:
    requests, total = _numbers(r"(\d+) requests in [\d.]+\w+, ([\d.]+)(\w+) read", output)
    failed = sum(
        int(number) for line in re.findall(r"Socket errors: (.+)", output) for number in re.findall(r"\d+", line)
    )
    failed += sum(int(number) for number in re.findall(r"Non-2xx or 3xx responses: (\d+)", output))
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert rate, output
    return Load(
        per_second=float(rate.group(1)),
        p50=_percentile("50", output),
        p99=_percentile("99", output),
        errors=failed,
        bytes_each=round(total / max(requests, 1)),
        generator=generator,
        server=server,
    )


def _numbers(pattern: str, output: str) -> tuple[float, float]:
    found = re.search(pattern, output)
    assert found, output
    scale = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}[found.group(3)]
    return float(found.group(1)), float(found.group(2)) * scale


def _percentile(percent: str, output: str) -> float:
    found = re.search(rf"^\s+{percent}%\s+([\d.]+)([a-z]+)", output, flags=re.M)
    assert found, output
    return float(found.group(1)) * _UNITS[found.group(2)]


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def tree_seconds(pid: int) -> float:
    """Processor seconds of a process and all its living descendants."""
    total, waiting = 0.0, [pid]
    while waiting:
        current = waiting.pop()
        try:
            fields = Path(f"/proc/{current}/stat").read_text().rpartition(")")[2].split()
            for task in Path(f"/proc/{current}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) / CLOCK_TICKS
    return total
