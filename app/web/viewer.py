"""The person behind a request, as flask-login keeps it: the user row, and the actor that services ask about."""

from __future__ import annotations

from typing import cast

from flask import Flask, flash, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.models import Role, User
from app.security.access import Actor, Permission
from app.web.database import reader
from app.web.words import ROLE_NAMES


class Viewer(UserMixin):
    """A signed-in person. The session names the user and the generation its password had then."""

    def __init__(self, user: User, remote_address: str) -> None:
        self.actor = Actor.of(user, remote_address)
        self.name = user.name or user.login
        self.login = user.login
        self.must_change_password = user.must_change_password
        self.session_generation = user.session_generation
        self.role_names = ", ".join(ROLE_NAMES[Role(role)] for role in user.roles) or "No role"
        self.initials = "".join(word[0] for word in self.name.split()[:2]).upper() or "?"

    def get_id(self) -> str:
        return f"{self.actor.user_id}.{self.session_generation}"

    def can(self, *permissions: Permission | str) -> bool:
        return self.actor.may(*(Permission(permission) for permission in permissions))


def actor() -> Actor:
    """Who is asking. Only in views behind the sign-in."""
    return cast("Viewer", current_user).actor


def install(app: Flask) -> None:
    manager = LoginManager(app)
    manager.session_protection = None  # the session generation and SameSite do this without breaking on roaming
    manager.user_loader(_load)
    manager.unauthorized_handler(_unauthorized)


def _load(key: str) -> Viewer | None:
    user_id, _, generation = key.partition(".")
    user = reader().get(User, int(user_id)) if user_id.isdigit() else None
    if user is None or user.disabled or str(user.session_generation) != generation:
        return None
    return Viewer(user, request.remote_addr or "")


def _unauthorized() -> Response:
    if request.headers.get("HX-Request") == "true":
        # A fragment cannot show the sign-in page: tell htmx to load it whole.
        response = Response("Signed out.\n", 401)
        response.headers["HX-Redirect"] = url_for("account.sign_in")
        return response
    if "_user_id" in session:
        flash("Your session ended. Sign in again.", "warning")
    asked = request.full_path.rstrip("?") if request.method == "GET" and request.path != "/" else None
    return redirect(url_for("account.sign_in", next=asked))


def viewer_row(session: Session) -> User:
    """The row of the person behind the request."""
    row = session.get(User, actor().user_id)
    assert row is not None, "the gate lets nobody in without one"
    return row
