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
def started(sqlite_url: str, tmp_path: Path) -> Iterator[Served]:
    """It has yet to be ready."""
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
        yield Served(process, (first, first + 1, first + 2))
    finally:
        processes.stop(process)


@pytest.fixture
def served(started: Served) -> Served:
    for port in started.ports:
        _eventually(_answers, port)
    return started


def _commands(pid: int) -> dict[int, list[str]]:
    """Of its children."""
    of_threads = (_told(path).split() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    pids = [int(child) for children in of_threads for child in children]
    return {child: _told(Path(f"/proc/{child}/cmdline")).split("\0") for child in pids}


def _told(path: Path) -> str:
    """Nothing of a thread or process that has ended meanwhile."""
    try:
        return path.read_text()
    except OSError:
        return ""


def _children(pid: int) -> dict[str, int]:
    """Process ids by the option that says which part it is."""
    return {word: child for child, words in _commands(pid).items() for word in words if word.endswith("-only")}


def _workers(pid: int) -> list[int]:
    """The panel's: forks, whose command is the same."""
    mine = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return [child for child, words in _commands(pid).items() if words == mine and len(words) > 3]


def _is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


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


def test_each_part_is_started_again_when_it_dies(served: Served) -> None:
    """Whatever else was being started beside it."""
    first = _children(served.process.pid)
    assert len(first) == 3
    for pid in first.values():
        os.kill(pid, signal.SIGKILL)
    for pid in first.values():
        _eventually(_is_gone, pid)
    _eventually(lambda pid: _children(pid).keys() == first.keys(), served.process.pid)
    assert not set(_children(served.process.pid).values()) & set(first.values())


def test_leaves_no_orphan_when_it_is_killed(served: Served) -> None:
    served.process.kill()
    served.process.wait()

    for port in served.ports:
        _eventually(_is_closed, port)


def test_leaves_no_orphan_when_it_is_killed_before_its_parts_are_up(started: Served) -> None:
    _eventually(lambda pid: len(_children(pid)) == 3, started.process.pid)
    parts = _children(started.process.pid)
    started.process.kill()
    started.process.wait()

    for pid in parts.values():
        _eventually(_is_gone, pid)


def test_leaves_no_orphan_when_it_is_killed_while_its_workers_load(started: Served) -> None:
    _eventually(lambda pid: len(_workers(pid)) == 2, started.process.pid)
    workers = _workers(started.process.pid)
    time.sleep(0.2)
    started.process.kill()
    started.process.wait()

    for pid in workers:
        _eventually(_is_gone, pid)


def test_what_is_asked_to_stop_while_it_stands_still_stops_afterwards(served: Served) -> None:
    """Linux may then give the signal to a thread that is not the main one, where Python sees it later."""
    work = _children(served.process.pid)["--work-only"]
    for pid in (work, served.process.pid):
        for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGCONT):
            os.kill(pid, number)
            time.sleep(0.05)
        if pid == work:
            _eventually(_is_gone, pid)
    assert served.process.wait(100) == 0
