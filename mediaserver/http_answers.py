"""What the parts of the control API share: JSON in, JSON out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from common.errors import Refused


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


def answer(body: Mapping[str, Any], status: int, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json", headers=headers)
