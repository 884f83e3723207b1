"""What the parts of the control API share: JSON in, JSON out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from common.errors import Refused
from mediaserver.switch.live import LiveCall
from mediaserver.switch.roster import Roster


async def read_object(request: web.Request, what: str) -> dict[str, Any]:
    """The body, which is `what`; an empty one is {}. Raise Refused."""
    data = await request.read()
    try:
        body = orjson.loads(data) if data else {}
    except ValueError as error:
        raise Refused(f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refused(f"the body must be a JSON object, {what}")
    return body


def find_call(roster: Roster, request: web.Request, name: str) -> LiveCall:
    """The call that this part of the path names. Raise HTTPNotFound where it is not up."""
    call = roster.find(request.match_info[name])
    if call is None:
        raise web.HTTPNotFound(
            text='{"error": "no call of this name is under way here"}', content_type="application/json"
        )
    return call


def answer(body: Mapping[str, Any], status: int, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json", headers=headers)
