"""Several WSGI applications under one address, told apart by the path alone.

Pages for calls are asked for thousands of times a second, so they have a Flask application of their own, without
sessions, sign-in and CSRF.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


_MOUNTED = "clarion_mounted"


def mount(app: Flask, prefix: str, inner: WSGIApplication) -> None:
    """Answer all below `prefix` by `inner`, which keeps the whole path in its routes. A later call replaces it."""
    if _MOUNTED not in app.extensions:
        outer: WSGIApplication = app.wsgi_app
        mounted: dict[str, WSGIApplication] = {}
        app.extensions[_MOUNTED] = mounted

        def dispatch(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            first, below, _ = environ["PATH_INFO"][1:].partition("/")
            chosen = mounted.get(f"/{first}", outer) if below else outer
            return chosen(environ, start_response)

        app.wsgi_app = dispatch  # type: ignore[method-assign]
    app.extensions[_MOUNTED][prefix] = inner
