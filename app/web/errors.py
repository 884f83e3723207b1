"""Errors as answers: a page for people, one sentence for machines, never a trace."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from flask import Flask, Response, make_response, render_template, request
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from app.security.access import Forbidden, NotFound
from common.errors import ConfigError, Refused, RemoteError

log = structlog.get_logger()

_TITLES = {
    400: "That request could not be read",
    403: "You may not do this",
    404: "There is nothing here",
    405: "That does not work here",
    409: "That is not possible now",
    413: "The file is too large",
    429: "Too many tries",
    500: "Something broke on our side",
    503: "A part of Clarion does not answer",
}
_MENDS = {
    404: "It may have been removed, or it belongs to another organization. Check the address, or start from the menu.",
    405: "Go back and use the buttons of the page.",
    413: "Split the file, or import it with the command line, which has no such limit.",
    500: "It was logged. Try again; if it happens again, tell your administrator the time it happened.",
}


def install(app: Flask) -> None:
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(Forbidden, lambda error: answer(403, str(error)))
    app.register_error_handler(NotFound, lambda error: answer(404, str(error)))
    app.register_error_handler(Refused, lambda error: answer(409, str(error)))
    app.register_error_handler(RemoteError, _remote)
    app.register_error_handler(ConfigError, _broken)
    app.register_error_handler(Exception, _broken)


def answer(status: int, detail: str = "") -> Response:
    text = detail or _MENDS.get(status, HTTPStatus(status).description)
    if not _wants_page():
        return make_response((text + "\n", status, {"Content-Type": "text/plain; charset=utf-8"}))
    template = "errors/signed_in.html" if current_user.is_authenticated else "errors/plain.html"
    title = _TITLES.get(status, HTTPStatus(status).phrase)
    return make_response(render_template(template, status=status, error_title=title, text=text), status)


def _wants_page() -> bool:
    if request.headers.get("HX-Request") == "true":
        return False
    return request.accept_mimetypes.best_match(["text/html", "text/plain"]) == "text/html"


def _http(error: HTTPException) -> Response:
    if error.response is not None:
        return make_response(error.response)
    status = error.code or 500
    return answer(status, _MENDS.get(status, error.description or ""))


def _csrf(_error: CSRFError) -> Response:
    return answer(400, "The page was open for too long or in another session. Load it again, then repeat what you did.")


def _remote(error: RemoteError) -> Response:
    log.warning("web.remote_error", path=request.path, error=str(error))
    return answer(503, f"{error}. Try again in a moment.")


def _broken(error: Exception) -> Response:
    log.error("web.error", method=request.method, path=request.path, exc_info=error)
    return answer(500)
