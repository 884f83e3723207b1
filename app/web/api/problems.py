"""Errors as RFC 9457 problem details: what is wrong, in which field, and the mend; never a trace."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from apiflask import APIFlask, HTTPError
from flask import Response, request
from werkzeug.exceptions import HTTPException

from app.security.access import Forbidden, NotFound
from app.services.api_tokens import BadApiToken, KeyTaken, TooManyRequests
from common.errors import Refused

log = structlog.get_logger()

CONTENT_TYPE = "application/problem+json"


def problem(
    status: int, detail: str, errors: Iterable[tuple[str, str]] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """`errors` are JSON pointers (RFC 6901) into the request's body, and what is wrong there."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.path,
    }
    found = [{"pointer": pointer, "detail": words} for pointer, words in errors]
    if found:
        body["errors"] = found
    return Response(json.dumps(body), status, dict(headers or {}), content_type=CONTENT_TYPE)


def install(app: APIFlask) -> None:
    app.error_processor(_of_apiflask)
    app.register_error_handler(HTTPException, lambda error: problem(error.code or 500, error.description or ""))
    app.register_error_handler(BadApiToken, _bad_token)
    app.register_error_handler(TooManyRequests, lambda error: problem(429, str(error), headers={"Retry-After": "60"}))
    app.register_error_handler(KeyTaken, lambda error: problem(422, str(error)))
    app.register_error_handler(Forbidden, lambda error: problem(403, str(error)))
    app.register_error_handler(NotFound, lambda error: problem(404, str(error)))
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(Exception, _broken)


def _of_apiflask(error: HTTPError) -> Response:
    """Validation of the body, with a pointer to each field that is wrong."""
    detail: Any = error.detail
    messages = detail.get("json", detail) if isinstance(detail, Mapping) else {}
    errors = list(_pointers(messages, "#"))
    status = HTTPStatus.UNPROCESSABLE_ENTITY if errors else error.status_code
    words = f"{errors[0][0]}: {errors[0][1]}" if errors else error.message or ""
    return problem(int(status), words, errors)


def _pointers(messages: Any, pointer: str) -> Iterable[tuple[str, str]]:
    if isinstance(messages, Mapping):
        for name, below in messages.items():
            step = "" if name in ("_schema", "key", "value") else "/" + str(name).replace("~", "~0").replace("/", "~1")
            yield from _pointers(below, pointer + step)
    elif isinstance(messages, list):
        for text in messages:
            yield pointer, str(text)


def _bad_token(error: BadApiToken) -> Response:
    return problem(401, str(error), headers={"WWW-Authenticate": 'Bearer realm="Clarion"'})


def _refused(error: Refused) -> Response:
    """A refusal is "field: mend"."""
    field, colon, mend = str(error).partition(": ")
    plain = bool(colon) and " " not in field
    return problem(422, str(error), [(f"#/{field}", mend)] if plain else [])


def _broken(error: Exception) -> Response:
    log.error("api.error", method=request.method, path=request.path, exc_info=error)
    return problem(500, "Something broke on our side. It was logged; the same request may be sent again.")
