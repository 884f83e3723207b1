"""Puts the REST API together."""

from __future__ import annotations

from apiflask import APIFlask
from sqlalchemy import Engine

from app.web import database, headers
from app.web.api import (
    consents,
    exclusion_views,
    gate,
    import_views,
    list_views,
    number_views,
    problems,
    split_views,
    views,
)
from common.settings import Settings

#: Bytes of one request: a thousand contacts with all their fields have room in it.
MOST_BYTES = 4 * 1024 * 1024
VERSION = "1"


def create_api(settings: Settings, engine: Engine) -> APIFlask:
    app = APIFlask("app.web.api", title="Clarion", version=VERSION, spec_path="/api/v1/openapi.json", docs_path=None)
    app.config.update(
        MAX_CONTENT_LENGTH=MOST_BYTES,
        CLARION=settings,
        VALIDATION_ERROR_STATUS_CODE=422,
        DESCRIPTION="Contacts and their lists, do-not-call lists, consents, number rules. Errors: RFC 9457.",
        SERVERS=[{"url": settings.web.public_url}],
    )
    app.security_schemes = {"token": {"type": "http", "scheme": "bearer"}}
    database.install(app, engine)
    headers.install(app, https=settings.web.public_url.startswith("https:"))
    problems.install(app)
    app.before_request(gate.check)
    app.register_blueprint(views.blueprint)
    app.register_blueprint(list_views.blueprint)
    app.register_blueprint(consents.blueprint)
    app.register_blueprint(exclusion_views.blueprint)
    app.register_blueprint(import_views.blueprint)
    app.register_blueprint(split_views.blueprint)
    app.register_blueprint(number_views.blueprint)
    return app
