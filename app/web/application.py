"""Puts the web role together: `create_app(settings)` answers the WSGI application with every part mounted."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from flask_wtf.csrf import CSRFProtect
from sqlalchemy import Engine

from app.db import make_engine
from app.sandbox.client import EXTENSION, Sandbox
from app.security.pseudonyms import attach
from app.security.tokens import Tokens
from app.web import assets, callbacks, database, errors, headers, health, limits, masking, panel, viewer
from app.web.api import create_api
from app.web.navigation import navigation
from app.web.vxml_pages.application import create_pages
from app.web.vxml_pages.mount import mount
from app.web.words import ROLE_NAMES, code_class, code_words
from common.settings import Settings

SESSION_HOURS = 12


def create_app(settings: Settings | None = None, engine: Engine | None = None) -> Flask:
    settings = settings or Settings.load()
    secret_key = settings.require_secret_key()
    engine = attach(engine or make_engine(settings.database_url, pool_size=8), secret_key)
    https = settings.web.public_url.startswith("https:")
    app = Flask("app.web", static_folder="static", template_folder="templates")
    app.config.update(
        SECRET_KEY=secret_key,
        SESSION_COOKIE_NAME="clarion_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=https,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=SESSION_HOURS),
        WTF_CSRF_TIME_LIMIT=SESSION_HOURS * 3600,
        CLARION=settings,
        CLARION_TOKENS=Tokens(secret_key),
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        navigation=navigation, code_words=code_words, code_class=code_class, role_names=ROLE_NAMES
    )
    database.install(app, engine)
    viewer.install(app)
    limits.install(app)
    app.extensions[EXTENSION] = Sandbox(settings.home)
    csrf = CSRFProtect(app)
    assets.install(app)
    headers.install(app, https=https)
    masking.install(app)
    errors.install(app)
    app.register_blueprint(health.blueprint)
    for blueprint in panel.blueprints():
        app.register_blueprint(blueprint)
    for blueprint in callbacks.blueprints():
        app.register_blueprint(blueprint)
        csrf.exempt(blueprint)
    mount(app, "/vxml", create_pages(settings, engine))
    mount(app, "/api", create_api(settings, engine))
    return app
