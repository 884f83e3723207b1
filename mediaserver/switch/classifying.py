"""The switch's hold on the classification process (`python -m mediaserver.cpa`), which hears all calls that want it."""

from __future__ import annotations

from typing import Protocol

from mediaserver import wire
from mediaserver.switch.sidecar import Sidecar


class ClassifiedSink(Protocol):
    def classified(self, message: wire.Classified) -> None: ...

    def classification_lost(self) -> None:
        """Nothing more comes of what was being classified."""
        ...


class Classification:
    def __init__(self) -> None:
        self._process = Sidecar("mediaserver.cpa", self)
        self._sink: ClassifiedSink | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def report_to(self, sink: ClassifiedSink) -> None:
        self._sink = sink

    def send(self, frame: bytes) -> None:
        self._process.send(frame)

    async def close(self) -> None:
        self._sink = None
        await self._process.close()

    # --- what the process does

    def said(self, message: wire.Message) -> None:
        if isinstance(message, wire.Classified) and self._sink is not None:
            self._sink.classified(message)

    def lost(self) -> None:
        if self._sink is not None:
            self._sink.classification_lost()
