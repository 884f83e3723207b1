"""The control API's part for recordings: of calls under way, and of the files."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from aiohttp import web

from common.errors import Refused
from common.recording import RecordRules
from mediaserver.http_answers import answer, find_call, read_object
from mediaserver.switch.bridges import Conflict
from mediaserver.switch.switchboard import Switchboard

_FILE = r"{date:\d{4}-\d\d-\d\d}/{name:[A-Za-z0-9_-]{1,80}\.wav}"


class RecordingsApi:
    def __init__(self, switchboard: Switchboard) -> None:
        self._board = switchboard

    @property
    def routes(self) -> list[web.RouteDef]:
        recording = "/v1/calls/{attempt}/recording"
        return [
            web.get(recording, self._show),
            web.put(recording, self._put),
            web.delete(recording, self._end),
            web.get(f"/v1/recordings/{_FILE}", self._file),
            web.delete(f"/v1/recordings/{_FILE}", self._delete),
            web.get("/v1/attempts/{attempt:[A-Za-z0-9_-]{1,64}}/recordings", self._list),
            web.delete("/v1/attempts/{attempt:[A-Za-z0-9_-]{1,64}}", self._forget),
        ]

    async def _show(self, request: web.Request) -> web.Response:
        call = find_call(self._board.roster, request, "attempt")
        return answer(self._board.recordings.facts(call), 200)

    async def _put(self, request: web.Request) -> web.Response:
        """Begins one where there is none; `paused` alone pauses and resumes."""
        body = await read_object(request, "how to record")
        call, recordings = find_call(self._board.roster, request, "attempt"), self._board.recordings
        paused = body.pop("paused", None)
        if paused is not None and not isinstance(paused, bool):
            raise Refused("paused: write true or false")
        if body:
            recordings.begin(call, RecordRules.from_json(body))
        if paused is not None:
            recordings.pause(call, paused)
        return answer(recordings.facts(call), 200)

    async def _end(self, request: web.Request) -> web.Response:
        call = find_call(self._board.roster, request, "attempt")
        facts = self._board.recordings.facts(call)
        self._board.recordings.end(call)
        return answer(facts, 200)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(await self._found(request), headers={"Content-Type": "audio/wav"})

    async def _delete(self, request: web.Request) -> web.Response:
        await asyncio.to_thread((await self._found(request)).unlink, True)
        return answer({}, 200)

    async def _list(self, request: web.Request) -> web.Response:
        files = await asyncio.to_thread(self._of, request.match_info["attempt"])
        return answer({"files": [str(path.relative_to(self._board.recordings.directory)) for path in files]}, 200)

    async def _forget(self, request: web.Request) -> web.Response:
        """Recordings go, and rendered words last played in between; the journal keeps that it was dialled."""
        attempt = request.match_info["attempt"]
        if self._board.roster.find(attempt) is not None:
            raise Conflict("the call is under way; hang it up first")
        since, until = _moment(request, "since"), _moment(request, "until")
        files = await asyncio.to_thread(self._of, attempt)
        for path in files:
            await asyncio.to_thread(path.unlink, True)
        clips = await asyncio.to_thread(self._board.clips.forget, since, until)
        await self._board.forget(attempt)
        return answer({"recordings": len(files), "clips": clips}, 200)

    def _of(self, attempt: str) -> list[Path]:
        return sorted(self._board.recordings.directory.glob(f"*/{attempt}-*.wav*"))

    async def _found(self, request: web.Request) -> Path:
        path = self._board.recordings.directory / request.match_info["date"] / request.match_info["name"]
        if not await asyncio.to_thread(path.is_file):
            raise web.HTTPNotFound(text='{"error": "no such recording"}', content_type="application/json")
        return path


def _moment(request: web.Request, name: str) -> float:
    try:
        return datetime.fromisoformat(request.query[name]).timestamp()
    except (KeyError, ValueError):
        raise Refused(f"{name}: give a moment such as 2026-01-05T12:00:00+00:00") from None
