"""The REST API, version 1: a WSGI application of its own under /api, without sessions, cookies and CSRF."""

from __future__ import annotations

from app.web.api.application import create_api

__all__ = ["create_api"]
