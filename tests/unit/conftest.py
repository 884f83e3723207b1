"""Unit tests use no network: the real parts have tests/integration."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest


class NetworkUsed(AssertionError):
    """A unit test touched the network; use an in-memory adapter, or move the test to tests/integration."""


def _refuse(self: socket.socket, *_: Any) -> NoReturn:
    raise NetworkUsed(NetworkUsed.__doc__)


@pytest.fixture(scope="module", autouse=True)
def no_network() -> Iterator[None]:
    """Socket pairs (event loops need one) stay possible: they neither connect nor bind."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "bind", "sendto"):
            patch.setattr(socket.socket, name, _refuse)
        yield
