"""Static files under addresses that change with their content, so that browsers may keep them for a year."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, request

FOLDER = Path(__file__).resolve().parent / "static"
_YEAR = 365 * 24 * 3600


def static(path: str) -> str:
    """The address of a file of the static folder. Needs no request, so live streams may render with it too."""
    return f"/static/{path}?v={_digest(path)}"


@lru_cache(maxsize=256)
def _digest(path: str) -> str:
    return hashlib.sha256((FOLDER / path).read_bytes()).hexdigest()[:12]


def install(app: Flask) -> None:
    app.jinja_env.globals["static"] = static

    def keep(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code in (200, 304):
            lifetime = f"max-age={_YEAR}, immutable" if "v" in request.args else "max-age=3600"
            response.headers["Cache-Control"] = f"public, {lifetime}"
        return response

    app.after_request(keep)
