from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from app.db import read_transaction, write_transaction
from app.models import User
from app.security.access import Actor
from app.services import users
from tests.support.panel import PASSWORD


def user_id(engine: Engine, login: str) -> int:
    with read_transaction(engine) as session:
        return users.find_user(session, Actor.system(), login).id


@pytest.mark.parametrize("path", ["/", "/lists/", "/jobs/1", "/jobs/1/stream", "/contacts/1/why", "/users/"])
def test_shows_nothing_to_strangers(client: FlaskClient, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 302
    assert answer.location.startswith("/sign-in")


def test_tells_htmx_to_load_the_sign_in_page_whole(client: FlaskClient) -> None:
    answer = client.get("/", headers={"HX-Request": "true"})

    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in"


def test_goes_on_to_where_the_person_wanted(client: FlaskClient) -> None:
    answer = client.post("/sign-in?next=/lists/", data={"login": "admin", "password": PASSWORD})

    assert answer.location == "/lists/"


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"])
def test_never_leads_to_another_site(client: FlaskClient, elsewhere: str) -> None:
    answer = client.post("/sign-in", query_string={"next": elsewhere}, data={"login": "admin", "password": PASSWORD})

    assert answer.location == "/"


def test_says_the_same_of_a_wrong_password_and_of_an_unknown_login(client: FlaskClient) -> None:
    wrong = client.post("/sign-in", data={"login": "admin", "password": "not this one"})
    unknown = client.post("/sign-in", data={"login": "nobody", "password": "not this one"})

    assert wrong.status_code == unknown.status_code == 401
    assert "The login or the password is wrong." in wrong.text
    assert "The login or the password is wrong." in unknown.text


def test_makes_who_guesses_wait(client: FlaskClient) -> None:
    for _ in range(5):
        client.post("/sign-in", data={"login": "admin", "password": "guess after guess"})

    answer = client.post("/sign-in", data={"login": "admin", "password": PASSWORD})

    assert answer.status_code == 401
    assert "Too many wrong passwords" in answer.text


def test_lets_nobody_past_the_first_password(app: Flask, sqlite_engine: Engine) -> None:
    with write_transaction(sqlite_engine) as session:
        given = users.reset_password(session, Actor.system(), user_id(sqlite_engine, "admin"))
    client = app.test_client()
    assert client.post("/sign-in", data={"login": "admin", "password": given}).location == "/account/password"

    assert client.get("/").location == "/account/password"
    new = "a password of my own"
    changed = client.post("/account/password", data={"current": given, "new": new, "again": new})

    assert changed.location == "/"
    assert client.get("/").status_code == 200


def test_says_at_the_field_what_is_wrong_with_a_new_password(admin: FlaskClient) -> None:
    answer = admin.post("/account/password", data={"current": "wrong", "new": PASSWORD + "!", "again": PASSWORD + "!"})

    assert answer.status_code == 422
    assert "current password: it is wrong" in answer.text


def test_ends_every_other_session_when_the_password_changes(signed_in: Callable[[str], FlaskClient]) -> None:
    here, elsewhere = signed_in("admin"), signed_in("admin")
    new = "another good password"

    here.post("/account/password", data={"current": PASSWORD, "new": new, "again": new})

    assert here.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 302


def test_signs_out(admin: FlaskClient) -> None:
    admin.post("/sign-out")

    assert admin.get("/").status_code == 302


def test_a_copied_cookie_is_worth_nothing_after_signing_out(signed_in: Callable[[str], FlaskClient]) -> None:
    here, copy = signed_in("admin"), signed_in("admin")
    watcher = signed_in("watcher")

    here.post("/sign-out")

    assert copy.get("/").status_code == 302
    assert watcher.get("/").status_code == 200


def test_shows_out_who_was_disabled(admin: FlaskClient, sqlite_engine: Engine) -> None:
    with write_transaction(sqlite_engine) as session:
        session.get_one(User, user_id(sqlite_engine, "admin")).disabled = True

    assert admin.get("/").status_code == 302
