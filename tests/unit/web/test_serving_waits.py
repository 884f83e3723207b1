"""What the web role's processes wait for a signal by."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.web.serving import _Roused


@contextmanager
def handled_by(roused: _Roused) -> Iterator[None]:
    before = signal.signal(signal.SIGUSR1, lambda *_: roused.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_signal_that_comes_while_the_thread_holds_the_events_lock_is_heard() -> None:
    roused = _Roused()
    with handled_by(roused), roused._cond:  # type: ignore[attr-defined]
        signal.raise_signal(signal.SIGUSR1)
    assert roused.is_set()
    assert roused.wait()


def test_it_waits_no_longer_than_asked_and_hears_of_others() -> None:
    roused = _Roused()
    assert not roused.wait(0.0)
    other = threading.Thread(target=roused.set)
    other.start()
    assert roused.wait()
    other.join()
    roused.clear()
    assert not roused.is_set()
