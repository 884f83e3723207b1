"""The control API's part for recordings: of calls under way, and of the files."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from common.errors import Refused
from common.recording import RecordRules
from mediaserver.http_answers import answer, find_call, read_object
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

    async def _found(self, request: web.Request) -> Path:
        path = self._board.recordings.directory / request.match_info["date"] / request.match_info["name"]
        if not await asyncio.to_thread(path.is_file):
            raise web.HTTPNotFound(text='{"error": "no such recording"}', content_type="application/json")
        return path
