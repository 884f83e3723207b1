"""Work beside the server processes: what fails is tried again, and an end is waited for by nobody."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.web import looper
from app.web.looper import Repeated
from common.errors import Refused


def test_work_that_fails_is_tried_again_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looper, "_AFTER_FAILURE", 0.0)
    goes_on_after: list[bool] = []

    def work(goes_on: Callable[[], bool]) -> None:
        if not goes_on_after:
            goes_on_after.append(goes_on())
            raise Refused("not now")
        repeated.stop()
        goes_on_after.append(goes_on())

    repeated = Repeated(work, 0.0)
    repeated.run()
    assert goes_on_after == [True, False]


def test_a_defect_is_not_hidden() -> None:
    def work(_goes_on: Callable[[], bool]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Repeated(work, 0.0).run()
