from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Dialect, Engine, event, make_url
from sqlalchemy.pool import ConnectionPoolEntry

from app.db import make_engine
from app.security import passwords
from app.web import database
from app.web.application import create_app
from app.web.vxml_pages.application import create_pages
from app.web.vxml_pages.mount import mount
from common.settings import Settings
from tests.support import panel

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@pytest.fixture(scope="session")
def cheap_hashes() -> Iterator[None]:
    """Passwords hashed fast: how slow the real ones are is tested with them."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", hasher)
        patch.setattr(passwords, "_nobody", hasher.hash("nobody"))
        yield


@pytest.fixture(scope="session")
def world_template(
    cheap_hashes: None,
    tmp_path_factory: pytest.TempPathFactory,
    sqlite_template: Path,
) -> tuple[Path, panel.World]:
    """Hashing passwords takes a while, so the small installation is made once and copied."""
    path = tmp_path_factory.mktemp("world") / "clarion.db"
    shutil.copy(sqlite_template, path)
    engine = make_engine(f"sqlite:///{path}")
    world = panel.build(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path, world


@pytest.fixture
def sqlite_url(tmp_path: Path, world_template: tuple[Path, panel.World]) -> str:
    path = tmp_path / "clarion.db"
    shutil.copy(world_template[0], path)
    return f"sqlite:///{path}"


@pytest.fixture
def world(world_template: tuple[Path, panel.World]) -> panel.World:
    return world_template[1]


@pytest.fixture
def settings(tmp_path: Path, sqlite_url: str) -> Settings:
    return panel.settings(tmp_path, sqlite_url)


@pytest.fixture(scope="session")
def shared_app(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Flask:
    """Compiling the panel's addresses and templates takes longer than most tests, so all of them share one."""
    engine = make_engine(f"sqlite:///{sqlite_template}")
    app = create_app(panel.settings(tmp_path_factory.mktemp("shared"), str(engine.url)), engine)
    app.config["WTF_CSRF_ENABLED"] = False  # tests/unit/web/test_security.py turns it on again
    return app


@pytest.fixture(scope="session")
def shared_engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Its compiled statements serve all tests: an engine for each would compile every statement anew."""
    return make_engine(f"sqlite:///{tmp_path_factory.mktemp('engine') / 'no-test.db'}")


@pytest.fixture
def sqlite_engine(shared_engine: Engine, sqlite_url: str) -> Iterator[Engine]:
    """The shared engine, whose connections lead to this test's database."""
    shared_engine.url = make_url(sqlite_url)

    def redirect(_dialect: Dialect, _entry: ConnectionPoolEntry, arguments: list[Any], _options: object) -> None:
        arguments[0] = shared_engine.url.database

    event.listen(shared_engine, "do_connect", redirect)
    yield shared_engine
    shared_engine.dispose()
    event.remove(shared_engine, "do_connect", redirect)


@pytest.fixture
def app(shared_app: Flask, settings: Settings, sqlite_engine: Engine) -> Iterator[Flask]:
    """The shared application, on this test's database and settings."""
    configuration = dict(shared_app.config)
    shared_app.config["CLARION"] = settings
    database.use(shared_app, sqlite_engine)
    database.use(shared_app.extensions["clarion_mounted"]["/api"], sqlite_engine)
    mount(shared_app, "/vxml", _pages_when_asked(settings, sqlite_engine))
    yield shared_app
    shared_app.config.clear()
    shared_app.config.update(configuration)


def _pages_when_asked(settings: Settings, engine: Engine) -> WSGIApplication:
    """Few tests ask for the pages of a call, so few have to make them."""
    pages = cache(lambda: create_pages(settings, engine))

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return pages()(environ, start_response)

    return answer


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Nobody has signed in."""
    return app.test_client()


@pytest.fixture(scope="session")
def cookies() -> dict[str, str]:
    """The session cookie of each login that has signed in: all databases are copies of one, so it fits them all."""
    return {}


@pytest.fixture
def signed_in(app: Flask, cookies: dict[str, str]) -> Callable[[str], FlaskClient]:
    """A client for "admin" or "watcher"."""

    def enter(login: str) -> FlaskClient:
        client = app.test_client()
        name = app.config["SESSION_COOKIE_NAME"]
        if login not in cookies:
            answer = client.post("/sign-in", data={"login": login, "password": panel.PASSWORD})
            assert answer.status_code == 302
            cookie = client.get_cookie(name)
            assert cookie is not None
            cookies[login] = cookie.value
        client.set_cookie(name, cookies[login])
        return client

    return enter


@pytest.fixture
def admin(signed_in: Callable[[str], FlaskClient]) -> FlaskClient:
    return signed_in("admin")
