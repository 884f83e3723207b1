"""Who asks, by the bearer token (RFC 6750) of the request; and requests that are sent twice but done once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, cast

from flask import Response, g, request
from psycopg.errors import UniqueViolation
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import write_transaction
from app.security.access import Actor
from app.services import api_tokens
from app.services.api_tokens import Answer, BadApiToken
from app.web.database import engine, reader
from common.clock import utcnow

P = ParamSpec("P")
KEY = "Idempotency-Key"
#: A request with the same key at the same moment, or a contact that somebody else adds: the next try finds it there.
_TRIES = 3
_REPLAYED = {"Idempotent-Replayed": "true"}
#: What answers without a token: the description itself.
_OPEN = frozenset({"openapi.spec"})


def check() -> None:
    """Before every request."""
    if request.endpoint is None or request.endpoint in _OPEN:
        return
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise BadApiToken("send the token as the header Authorization: Bearer clarion_...")
    with write_transaction(engine()) as session:
        g.token_id, g.actor = api_tokens.admit(session, text.strip(), request.remote_addr or "", utcnow())


def actor() -> Actor:
    return cast("Actor", g.actor)


def changing(view: Callable[P, tuple[int, Any]], digest: str = "") -> Callable[P, Response]:
    """A view that changes something by `writing_session()`, in one transaction with the memory of its answer.

    It answers status and body; None is an empty body. `digest` is given by who has read the request's body already.
    """

    @wraps(view)
    def once(*args: P.args, **kwargs: P.kwargs) -> Response:
        key = request.headers.get(KEY, "")
        seen = digest or _digest()
        for left in reversed(range(_TRIES)):
            try:
                return _done(lambda: view(*args, **kwargs), key, seen)
            except (IntegrityError, UniqueViolation):
                if not left:
                    raise
        raise AssertionError

    return once


def answered() -> Response | None:
    """What this request got before, for a view that looks at things before its transaction that its first time has
    changed."""
    key = request.headers.get(KEY, "")
    before = api_tokens.remembered(reader(), g.token_id, key, _digest(), utcnow()) if key else None
    return None if before is None else _response(before, _REPLAYED)


def writing_session() -> Session:
    """Of the request's one transaction."""
    return cast("Session", g.writing)


def _done(work: Callable[[], tuple[int, Any]], key: str, digest: str) -> Response:
    with write_transaction(engine()) as session:
        if key:
            before = api_tokens.remembered(session, g.token_id, key, digest, utcnow())
            if before is not None:
                return _response(before, _REPLAYED)
        g.writing = session
        try:
            status, body = work()
        finally:
            del g.writing
        answer = Answer(status, "" if body is None else json.dumps(body))
        if key:
            api_tokens.remember(session, g.token_id, key, digest, answer, utcnow())
    return _response(answer, {})


def _response(answer: Answer, headers: dict[str, str]) -> Response:
    return Response(answer.body, answer.status, headers, content_type="application/json")


def _digest() -> str:
    seen = hashlib.sha256(f"{request.method} {request.full_path}\n".encode())
    seen.update(request.get_data(cache=True))
    return seen.hexdigest()
