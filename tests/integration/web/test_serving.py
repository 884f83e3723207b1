"""`clarion web` as a process: it stops gracefully, and leaves nothing behind when it is killed."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import pytest

from tests.support import panel, processes
from tests.support.ports import free_range

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


@dataclass(frozen=True, slots=True)
class Served:
    process: Popen[bytes]
    ports: tuple[int, int]


@pytest.fixture
def served(sqlite_url: str, tmp_path: Path) -> Iterator[Served]:
    first = free_range(3)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CLARION_")},
        "CLARION_HOME": str(tmp_path),
        "CLARION_DATABASE_URL": sqlite_url,
        "CLARION_SECRET_KEY": panel.SECRET,
        "CLARION_WEB_BIND": f"127.0.0.1:{first}",
        "CLARION_STREAM_BIND": f"127.0.0.1:{first + 1}",
        "CLARION_WEB_WORKERS": "2",
    }
    process = processes.start([sys.executable, "-m", "app.cli", "web"], tmp_path / "web.log", env=environment)
    try:
        ports = (first, first + 1, first + 2)
        for port in ports:
            _eventually(_answers, port)
        yield Served(process, ports)
    finally:
        processes.stop(process)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2.0) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _is_closed(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _eventually(holds: Callable[[int], bool], port: int, seconds: float = 100.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds(port):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_stops_when_asked(served: Served) -> None:
    assert processes.stop(served.process, by=signal.SIGTERM, seconds=60.0) == 0
    assert all(_is_closed(port) for port in served.ports)


def test_leaves_no_orphan_when_it_is_killed(served: Served) -> None:
    served.process.kill()
    served.process.wait()

    for port in served.ports:
        _eventually(_is_closed, port)
