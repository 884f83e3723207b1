"""The Flask application behind `/vxml/`: nothing in it looks at cookies or knows people."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import structlog
from flask import Flask, Response, request
from flask.sessions import SessionInterface
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from app.security.tokens import BadToken, ExpiredToken, Tokens
from app.web.vxml_pages.notice import NoticePages
from app.web.vxml_pages.results import ResultPages, Stored
from app.web.vxml_pages.revisions import File, RevisionFiles
from app.web.vxml_pages.trials import TrialPages
from common.errors import Refused, RemoteError
from common.settings import Settings

log = structlog.get_logger()

LARGEST_RESULT = 64 * 1024
_VOICEXML = "application/voicexml+xml; charset=utf-8"
_FOR_EVER = "public, max-age=31536000, immutable"
_CUT_OFF = "the address is cut off or not one of ours; call pages are reached by the addresses Clarion hands out"
_EXPIRED = "the address has expired; a call's pages answer while the call lasts"


class _NoSession(SessionInterface):
    """Calls have no cookies."""

    def open_session(self, app: Flask, request: object) -> None:
        return None


def create_pages(settings: Settings, engine: Engine) -> Flask:
    tokens = Tokens(settings.require_secret_key())
    files, notices, results = RevisionFiles(engine, tokens), NoticePages(engine), ResultPages(engine)
    trials = TrialPages(engine)
    app = Flask("app.web.vxml_pages", static_folder=None)
    app.session_interface = _NoSession()
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_RESULT, MAX_FORM_MEMORY_SIZE=LARGEST_RESULT)

    @app.get("/healthz")
    def health() -> str:
        return "ok"

    @app.get("/vxml/r/<key>/<path:path>")
    def revision_file(key: str, path: str) -> Response:
        file = files.get(key, path)
        if file is None:
            raise _Missing(f"{path}: the revision holds no such file")
        return _file(file, _FOR_EVER)

    @app.get("/vxml/s/<token>/notice.vxml")
    def notice(token: str) -> Response:
        page = notices.page(tokens.read_session_token(token))
        if page is None:
            raise _Missing("the attempt is not known here, or it is over")
        return _page(page)

    @app.route("/vxml/s/<token>/result", methods=["GET", "POST"])
    def result(token: str) -> Response:
        posted = [*request.args.items(multi=True), *request.form.items(multi=True)]
        stored = results.store(tokens.read_session_token(token), posted)
        if stored is None:
            raise _Missing("the attempt is not known here")
        return _page(_answer(stored))

    @app.get("/vxml/t/<token>/<path:path>")
    def trial_file(token: str, path: str) -> Response:
        file = trials.file(tokens.read_test_token(token), path)
        if file is None:
            raise _Missing(f"{path}: the revision holds no such file, or the test call is over")
        return _file(file, "private, no-cache")

    @app.route("/vxml/t/<token>/result", methods=["GET", "POST"])
    def trial_result(token: str) -> Response:
        posted = [*request.args.items(multi=True), *request.form.items(multi=True)]
        stored = trials.store(tokens.read_test_token(token), posted)
        if stored is None:
            raise _Missing("the test call is not known here, or it is over")
        return _page(_answer(stored))

    _handle_errors(app)
    return app


def _file(file: File, caching: str) -> Response:
    response = Response(file.body, content_type=file.content_type)
    response.set_etag(file.digest)
    response.headers["Cache-Control"] = caching
    response.make_conditional(request.environ)
    return response


class _Missing(Refused):
    """There is no such page."""


def _page(body: str) -> Response:
    return Response(body, content_type=_VOICEXML, headers=_PAGE_HEADERS)


_PAGE_HEADERS: Mapping[str, str] = {"Cache-Control": "no-store"}


def _answer(stored: Stored) -> str:
    """Ends a `<submit>`; the completion code among the values goes on to the call's own exit.

    A `<data>` reads the same document, a `<subdialog>` leaves it by the exit.
    """
    if not stored.completion_code:
        return _DOCUMENT.format(body="<exit/>")
    variable = f'<var name="completion_code" expr="\'{stored.completion_code}\'"/>'
    return _DOCUMENT.format(body=f'{variable}<exit namelist="completion_code"/>')


_DOCUMENT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><block>{body}</block></form></vxml>\n'
)


def _handle_errors(app: Flask) -> None:
    def say(status: int, text: str) -> Response:
        return Response(text + "\n", status, content_type="text/plain; charset=utf-8", headers=_PAGE_HEADERS)

    app.register_error_handler(_Missing, lambda error: say(HTTPStatus.NOT_FOUND, str(error)))
    app.register_error_handler(ExpiredToken, lambda _: say(HTTPStatus.GONE, _EXPIRED))
    app.register_error_handler(BadToken, lambda _: say(HTTPStatus.NOT_FOUND, _CUT_OFF))
    app.register_error_handler(Refused, lambda error: say(HTTPStatus.BAD_REQUEST, str(error)))

    def plain(error: HTTPException) -> Response:
        return say(error.code or HTTPStatus.INTERNAL_SERVER_ERROR, error.description or error.name)

    def unavailable(error: DBAPIError | RemoteError) -> Response:
        log.error("vxml.database", path=request.path, error=type(error).__name__, exc_info=error)
        return say(HTTPStatus.SERVICE_UNAVAILABLE, "the database does not answer; try again")

    app.register_error_handler(HTTPException, plain)
    app.register_error_handler(DBAPIError, unavailable)
    app.register_error_handler(RemoteError, unavailable)
