"""Runs the web role: granian's worker processes for the panel, and child processes for live streams, for VoiceXML
pages, and for the work that no request waits for: imports, data sources, changes of whole lists, pacing trials and what
people ask about their data.

The process that starts the panel's workers has no thread that works: a worker is a fork of it, and one that was forked
while a thread held the lock of an import or of the database never answers.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import structlog
from granian.constants import Interfaces, Loops
from granian.server import MPServer

from app.db import make_engine
from app.security.pseudonyms import attach
from app.security.secrets import Vault
from app.services.contact_names import enter_names
from app.services.number_types import tell_number_types
from app.services.sources import Sources
from app.web.file_taker import FileTaker
from app.web.importer import Importer
from app.web.keeper import Keeper
from app.web.list_worker import ListWorker
from app.web.looper import Repeated
from app.web.trial_runner import TrialRunner
from common.errors import ConfigError
from common.settings import Endpoint, Settings
from common.tasks import keep_running

log = structlog.get_logger()

#: Threads of one panel process: a slow download or a sign-in (argon2 takes its time on purpose) stops nobody else.
PANEL_THREADS = 4
#: A page is a quarter of a millisecond of Python: a second thread in the process would only contend for the
#: interpreter lock (measured: 4 threads 4,105 pages/s at p99 72 ms, 1 thread 6,458 at 9.9 ms, two processes each).
PAGE_THREADS = 1
_RESTART_AFTER = 2.0
_STOP_SECONDS = 10
#: Seconds.
_LOOK = 0.2
_PR_SET_PDEATHSIG = 1
#: Held while a part is being started. A panel worker that is forked in that moment would have the pipe by which
#: `subprocess` hears that the part runs, and its thread would wait for the end of that worker.
_starting = threading.Lock()
os.register_at_fork(before=_starting.acquire, after_in_parent=_starting.release, after_in_child=_starting.release)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT: requests under way are answered, streams end, an import waits for the restart."""
    children = [_Child(name, f"--{name}-only") for name in ("streams", "pages", "work")]
    for child in children:
        child.start()
    server = _granian(
        "wsgi:app",
        settings.web.bind,
        interface=Interfaces.WSGI,
        workers=settings.web.workers,
        blocking_threads=PANEL_THREADS,
        backpressure=1024,
    )
    try:
        server.serve(target_loader=_load_wsgi, wrap_loader=False)
    finally:
        for child in children:
            child.stop()


def serve_streams(settings: Settings, parent: int) -> None:
    die_with_parent(parent)
    server = _granian(
        "app.web.live.application:create_live",
        settings.web.stream_bind,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        websockets=False,
    )
    server.serve(target_loader=_load_live, wrap_loader=False)


def serve_pages(settings: Settings, parent: int) -> None:
    die_with_parent(parent)
    server = _granian(
        "app.web.vxml_pages.application:create_pages",
        settings.web.pages_bind,
        interface=Interfaces.WSGI,
        workers=settings.web.page_workers,
        blocking_threads=PAGE_THREADS,
        backpressure=1024,
    )
    server.serve(target_loader=_load_pages, wrap_loader=False)


def work(settings: Settings, parent: int) -> None:
    """Import files, enter their names, fetch data sources, change lists, try out pacings and erase people until SIGTERM
    or SIGINT.

    What is under way is taken up after the restart.
    """
    die_with_parent(parent)
    secret = settings.require_secret_key()
    engine = attach(make_engine(settings.database_url, pool_size=5), secret)
    owner = f"{socket.gethostname()[:40]}:{os.getpid()}"
    works: dict[str, _Work] = {
        "sources": Sources(engine, settings.home, Vault(secret), owner),
        "importer": Importer(engine, settings.home),
        "files": FileTaker(engine, settings.home),
        "lists": ListWorker(engine),
        "names": Repeated(partial(enter_names, engine), 0.5),
        # Another may have died at it.
        "catch_up": Repeated(partial(tell_number_types, engine), 30.0),
        "trials": TrialRunner(engine),
        "keeper": Keeper(engine, settings),
    }
    ended = _Roused()
    threads = [
        threading.Thread(target=keep_running, args=(name, work.run, ended), name=name, daemon=True)
        for name, work in works.items()
    ]
    for thread in threads:
        thread.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
    for work in works.values():
        work.stop()
    for thread in threads:
        thread.join(_STOP_SECONDS)


def die_with_parent(parent: int) -> None:
    """Ask Linux to end this process when its parent dies, however it dies: no orphan keeps the port.

    `parent` is who started us, or 0: it may be dead by now, and a process that took us in is there instead.
    """
    # A fork has its parent's handler, which ends nothing here: until it has one of its own the signal is to end it.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        log.warning("web.no_parent_death_signal", errno=ctypes.get_errno())
    elif parent and os.getppid() != parent:
        sys.exit(0)


def _forked_by() -> int:
    starter = multiprocessing.parent_process()
    return starter.pid or 0 if starter is not None else 0


class _Roused(threading.Event):
    """Set by handlers of signals, so without a lock: the thread that a handler interrupts may hold it.

    Who waits looks again every fifth of a second: only so does Python hear of a signal that Linux gave to another
    thread, as it may to those of a process that stood still (SIGSTOP).
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_roused = False

    def is_set(self) -> bool:
        return self._is_roused

    def set(self) -> None:
        self._is_roused = True

    def clear(self) -> None:
        self._is_roused = False

    def wait(self, timeout: float | None = None) -> bool:
        until = float("inf") if timeout is None else time.monotonic() + timeout
        while not self._is_roused and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK))
        return self._is_roused


def _granian(target: str, bind: Endpoint, **options: Any) -> MPServer:
    if bind.port == 0:
        raise ConfigError("CLARION_WEB_BIND, CLARION_STREAM_BIND and CLARION_PAGES_BIND: name a port")
    server = MPServer(
        target,
        address=bind.host,
        port=bind.port,
        respawn_failed_workers=True,
        workers_kill_timeout=_STOP_SECONDS,
        log_enabled=False,
        **options,
    )
    # What it waits for a signal by.
    server.main_loop_interrupt = _Roused()
    return server


def _load_wsgi() -> Callable[..., Any]:
    """Runs in each server process."""
    from common.logging import configure

    die_with_parent(_forked_by())
    settings = Settings.load()
    configure(settings.log)
    from app.web.application import create_app

    return create_app(settings)


def _load_pages() -> Callable[..., Any]:
    from common.logging import configure

    die_with_parent(_forked_by())
    settings = Settings.load()
    configure(settings.log)
    from app.web.vxml_pages.application import create_pages

    return create_pages(settings, make_engine(settings.database_url, pool_size=2))


def _load_live() -> Callable[..., Any]:
    from common.logging import configure

    die_with_parent(_forked_by())
    settings = Settings.load()
    configure(settings.log)
    from app.web.live.application import LiveStreams

    return LiveStreams(settings)


class _Work(Protocol):
    def run(self) -> None:
        """Until `stop`."""
        ...

    def stop(self) -> None: ...


class _Child:
    """A part of the web role in a process of its own: started again when it dies, ended with us."""

    def __init__(self, name: str, option: str) -> None:
        self._name = name
        self._option = option
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._keep, name=self._name, daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()
        child = self._child
        if child is None:
            return
        child.terminate()
        try:
            child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _keep(self) -> None:
        while not self._stopping.is_set():
            command = [sys.executable, "-m", "app.cli", "web", self._option, "--parent", str(os.getpid())]
            try:
                with _starting:
                    self._child = subprocess.Popen(command)
            except OSError as error:
                # Out of processes or memory, for a while perhaps.
                log.error("web.child_not_started", part=self._name, error=error.strerror)
                self._stopping.wait(_RESTART_AFTER)
                continue
            status = self._child.wait()
            if not self._stopping.is_set():
                log.warning("web.child_ended", part=self._name, status=status)
                self._stopping.wait(_RESTART_AFTER)
