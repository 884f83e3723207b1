"""Runs the roles of one machine as child processes: starts them in order, restarts what dies, stops them gracefully."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

import structlog

from common.errors import ClarionError

log = structlog.get_logger()

_FIRST_BACKOFF = 1.0
_LONGEST_BACKOFF = 30.0
#: A role that ran so long (seconds) before it died is restarted at once again.
_STEADY = 60.0


class RoleFailed(ClarionError):
    """A role ended before it was ready; its log says why."""


@dataclass(frozen=True, slots=True)
class Role:
    """One process. `ready_url` answers below 500 once it serves ("" counts as ready when it runs).

    `grace` is how many seconds it gets to finish its work after SIGTERM.
    """

    name: str
    arguments: Sequence[str]
    ready_url: str = ""
    grace: float = 15.0


@dataclass(slots=True)
class _Child:
    role: Role
    process: subprocess.Popen[bytes]
    started: float
    backoff: float = _FIRST_BACKOFF
    restart_at: float | None = None


@dataclass(slots=True)
class Supervisor:
    """Logs of each role go to `logs/<role>.log`."""

    environment: Mapping[str, str]
    logs: Path
    _children: list[_Child] = field(default_factory=list)
    _stopping: bool = False

    def start(self, role: Role, patience: float = 30.0) -> None:
        """Start a role and wait until it is ready. Raise RoleFailed with the end of its log when it is not."""
        child = _Child(role, self._spawn(role), time.monotonic())
        self._children.append(child)
        deadline = time.monotonic() + patience
        while not self._stopping:
            if child.process.poll() is not None:
                raise RoleFailed(f"{role.name} ended at once (status {child.process.returncode}):\n{self.tail(role)}")
            if not role.ready_url or _answers(role.ready_url):
                return
            if time.monotonic() > deadline:
                raise RoleFailed(f"{role.name} was not ready after {patience:.0f} s:\n{self.tail(role)}")
            time.sleep(0.1)

    def run(self) -> None:
        """Watch the roles until SIGTERM or SIGINT, restarting those that die."""
        while not self._stopping:
            for child in self._children:
                self._watch(child, time.monotonic())
            time.sleep(0.2)

    def stop(self) -> None:
        """End the roles, the last started first: each gets its grace, then it is killed."""
        self._stopping = True
        for child in reversed(self._children):
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
                try:
                    child.process.wait(child.role.grace)
                except subprocess.TimeoutExpired:
                    log.warning("role_killed", role=child.role.name, grace=child.role.grace)
                    child.process.kill()
                    child.process.wait()
        self._children.clear()

    def catch_signals(self) -> Callable[[], None]:
        """End `run` and `start` on SIGTERM and SIGINT; the result puts the former handlers back."""

        def note(_number: int, _frame: FrameType | None) -> None:
            self._stopping = True

        before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}

        def restore() -> None:
            for number, handler in before.items():
                signal.signal(number, handler)

        return restore

    def tail(self, role: Role, lines: int = 15) -> str:
        path = self.logs / f"{role.name}.log"
        return "\n".join(path.read_text("utf-8", "replace").splitlines()[-lines:]) if path.exists() else ""

    def _watch(self, child: _Child, now: float) -> None:
        if child.restart_at is not None:
            if now >= child.restart_at:
                self._restart(child, now)
            return
        status = child.process.poll()
        if status is None:
            return
        child.backoff = _FIRST_BACKOFF if now - child.started > _STEADY else min(child.backoff * 2, _LONGEST_BACKOFF)
        child.restart_at = now + child.backoff
        log.error("role_died", role=child.role.name, status=status, restart_in=child.backoff)

    def _restart(self, child: _Child, now: float) -> None:
        try:
            child.process, child.started, child.restart_at = self._spawn(child.role), now, None
        except OSError as error:
            # Out of processes or memory, for a while perhaps: the other roles go on meanwhile.
            child.restart_at = now + child.backoff
            log.error("role_not_started", role=child.role.name, error=error.strerror, again_in=child.backoff)

    def _spawn(self, role: Role) -> subprocess.Popen[bytes]:
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{role.name}.log").open("ab") as output:
            return self._popen(role, output)

    def _popen(self, role: Role, output: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "app.cli", *role.arguments],
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A session of its own: Ctrl-C in the terminal reaches the supervisor alone, which stops them in order.
            start_new_session=True,
        )


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own loopback address from settings
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
