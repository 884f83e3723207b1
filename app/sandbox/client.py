"""The web role's side of the sandboxes: give work to a child and wait for its answer, or for its death."""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from app.sandbox import wire
from common.errors import ClarionError, Refused

#: Seconds an answer may take: those of a turn, and the mother's own start on a busy machine.
_PATIENCE: Final = 60.0
#: Try-outs at once, of one person and on this machine.
MOST_OF_ONE: Final = 4
MOST: Final = 40
#: Where the web application keeps its own.
EXTENSION: Final = "clarion_sandbox"
_NAME: Final = re.compile(r"(\d+)-([0-9a-f]{32})")


class Overrun(ClarionError):
    """The script used more processor time or memory than it may, and was stopped."""


class Ended(Refused):
    """This try-out has ended: it was idle for too long, or Clarion was restarted. Start it again."""


class Sandbox:
    """One per web process. `home` is where try-outs of all web processes of this machine can be reached."""

    def __init__(self, home: Path) -> None:
        self._directory = home / "tryouts"
        self._lock = threading.Lock()
        #: Fewer at a time than a web process has threads: scripts that take long keep nobody from the panel.
        self._turns = threading.BoundedSemaphore(2)
        self._mother: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def close(self) -> None:
        with self._lock:
            self._lose_mother()

    def run(self, job: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """One turn's work. Raise Overrun, or Refused while others are at work."""
        if not self._turns.acquire(timeout=_PATIENCE / 4):
            raise Refused("other scripts are being checked; try again in a moment")
        try:
            directory = self._open_directory()
            try:
                with self._child(directory) as peer:
                    return _ask(peer, {**request, "job": job})
            finally:
                os.close(directory)
        finally:
            self._turns.release()

    # --- try-outs

    def start_try(self, owner: int, request: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Begin a conversation; answers its key and the first answer. Raise Overrun, or Refused for too many."""
        directory = self._open_directory()
        try:
            self._make_room(owner, directory)
            key = secrets.token_hex(16)
            with self._child(directory) as peer:
                return key, _ask(peer, {**request, "job": "try", "name": f"{owner}-{key}"})
        finally:
            os.close(directory)

    def act(self, owner: int, key: str, act: Mapping[str, Any]) -> dict[str, Any]:
        """What the caller does next, and all that follows. Raise Ended, Overrun."""
        name = f"{owner}-{key}"
        if not _NAME.fullmatch(name):
            raise Ended
        directory = self._open_directory()
        try:
            with _connect(directory, name) as peer:
                return _ask(peer, act)
        finally:
            os.close(directory)

    def end_try(self, owner: int, key: str) -> None:
        try:
            self.act(owner, key, {"close": True})
        except (Ended, Overrun):
            return

    def _make_room(self, owner: int, directory: int) -> None:
        """End the person's oldest try-out where there are too many; whoever opens a new one has forgotten it."""
        names = [name for name in os.listdir(directory) if _NAME.fullmatch(name)]
        names.sort(key=lambda name: os.stat(name, dir_fd=directory).st_mtime)
        mine = [name for name in names if name.startswith(f"{owner}-")]
        for name in mine[: max(0, len(mine) - MOST_OF_ONE + 1)]:
            self.end_try(owner, name.partition("-")[2])
        others = [name for name in names if name not in mine]
        if len(others) >= MOST and sum(_is_alive(directory, name) for name in others) >= MOST:
            raise Refused(f"{MOST} try-outs are going on already; try again in a few minutes")

    # --- children

    def _open_directory(self) -> int:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)

    def _child(self, directory: int) -> socket.socket:
        """A new child's connection."""
        ours, theirs = socket.socketpair()
        ours.settimeout(_PATIENCE)
        with theirs, self._lock:
            if self._control is None:
                self._start_mother()
            try:
                self._send_for_child(theirs, directory)
            except OSError:
                # She died since; another one is as good.
                self._lose_mother()
                self._start_mother()
                self._send_for_child(theirs, directory)
        return ours

    def _send_for_child(self, theirs: socket.socket, directory: int) -> None:
        assert self._control is not None
        socket.send_fds(self._control, [b"F"], [theirs.fileno(), directory])

    def _start_mother(self) -> None:
        self._control, theirs = socket.socketpair()
        # Scripts run in her children: no Clarion setting, and so no secret, is in their environment.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CLARION_")}
        command = [sys.executable, "-m", "app.sandbox", str(theirs.fileno())]
        with theirs:
            self._mother = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), env=environment
            )

    def _lose_mother(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._mother is not None:
            try:
                self._mother.wait(2)
            except subprocess.TimeoutExpired:
                self._mother.kill()
                self._mother.wait()
            self._mother = None


def _is_alive(directory: int, name: str) -> bool:
    """Whether anybody listens there still; sockets of children that were killed are tidied up."""
    try:
        _connect(directory, name).close()
    except Ended:
        return False
    return True


def _connect(directory: int, name: str) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(_PATIENCE)
    try:
        # Through the descriptor: the path of a Unix socket may have no more than 107 bytes.
        peer.connect(f"/proc/self/fd/{directory}/{name}")
    except ConnectionRefusedError as error:
        # A child that was killed could not tidy up.
        peer.close()
        os.unlink(name, dir_fd=directory)
        raise Ended from error
    except OSError as error:
        peer.close()
        raise Ended from error
    return peer


def _ask(peer: socket.socket, request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        wire.send(peer, request)
        answer: dict[str, Any] = wire.receive(peer)
    except (EOFError, OSError) as error:
        raise Overrun from error
    return answer
