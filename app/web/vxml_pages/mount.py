"""Two WSGI applications under one address, told apart by the path alone.

Pages for calls are asked for thousands of times a second, so they have a Flask application of their own, without
sessions, sign-in and CSRF.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def mount(app: Flask, prefix: str, inner: WSGIApplication) -> None:
    """Answer all below `prefix` by `inner`, which keeps the whole path in its routes. A later call replaces it."""
    below = prefix + "/"
    outer: WSGIApplication = app.extensions.setdefault("clarion_outer_wsgi", app.wsgi_app)

    def dispatch(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        chosen = inner if environ["PATH_INFO"].startswith(below) else outer
        return chosen(environ, start_response)

    app.wsgi_app = dispatch  # type: ignore[method-assign]
