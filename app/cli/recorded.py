"""`clarion call --record`: the call's recording, as the media server writes it, copied to where it is wanted."""

from __future__ import annotations

import argparse
import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.control import CallEvent, CallRequest, EventType
from common.errors import Refused
from common.recording import RecordMode, RecordRules

if TYPE_CHECKING:
    from mediaserver.local import LocalServer

#: Seconds the writing process may take after the call.
_PATIENCE = 5.0


def add_options(call: argparse.ArgumentParser) -> None:
    call.add_argument("--record", type=Path, metavar="FILE", help="record the call to this WAV file")
    modes = [mode.value for mode in RecordMode if mode is not RecordMode.OFF]
    call.add_argument(
        "--record-mode",
        choices=modes,
        default="mixed",
        help="both on one track, one each, or one (%(default)s)",
    )
    call.add_argument(
        "--record-beep", type=float, default=0.0, metavar="SECONDS", help="beep as often while it is recorded (never)"
    )


def with_rules(args: argparse.Namespace, request: CallRequest) -> CallRequest:
    """Raise Refused where the file cannot be written."""
    if args.record is None:
        return request
    if not args.record.parent.is_dir():
        raise Refused(f"--record {args.record}: there is no such folder")
    rules = RecordRules.from_json({"mode": args.record_mode, "beep": args.record_beep})
    return replace(request, record=rules)


class Recorded:
    """Waits for the recording of `attempt` from before the call on."""

    def __init__(self, server: LocalServer, attempt: str) -> None:
        self._server = server
        self._attempt = attempt
        self._told: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        server.listeners.append(self._hear)

    def _hear(self, event: CallEvent) -> None:
        if event.type is EventType.RECORDED and event.attempt_id == self._attempt and not self._told.done():
            self._told.set_result(event.detail)

    async def copy_to(self, target: Path) -> dict[str, Any]:
        """What is printed of it: seconds, and the problem where there was one."""
        try:
            detail = await asyncio.wait_for(self._told, _PATIENCE)
        except TimeoutError:
            return {"file": None, "problem": "nothing was recorded"}
        source = self._server.board.recordings.directory / detail["file"]
        try:
            await asyncio.to_thread(shutil.copyfile, source, target)
        except OSError as error:
            return {**detail, "file": None, "problem": detail["problem"] or error.strerror}
        return {**detail, "file": str(target)}
