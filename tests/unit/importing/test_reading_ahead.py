from __future__ import annotations

import threading
from typing import Any

import pytest

from app.services.importing.readers import _Ahead


class Broken:
    """A pipe that fails."""

    def read(self, _size: int) -> bytes:
        raise MemoryError


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_who_takes_from_a_pipe_that_failed_does_not_wait_for_ever() -> None:
    pipe: Any = Broken()
    ahead = _Ahead(pipe)
    taken: list[bytes] = []
    taker = threading.Thread(target=lambda: taken.append(ahead.get()), daemon=True)
    taker.start()
    taker.join(30)
    assert taken == [b""]
    ahead.close()
