"""What stands before every area of the panel: signed in, first password changed, and the permission a view names."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Blueprint, current_app, flash, redirect, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app.security.access import Permission
from app.web.viewer import actor

P = ParamSpec("P")
R = TypeVar("R")


def area(name: str, import_name: str, url_prefix: str) -> Blueprint:
    """A blueprint closed to all who have not signed in, or still have the password they were given."""
    blueprint = Blueprint(name, import_name, url_prefix=url_prefix, template_folder="templates")
    blueprint.before_request(_check)
    return blueprint


def _check() -> Response | None:
    if not current_user.is_authenticated:
        answer: Response = current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
        return answer
    if current_user.must_change_password:
        flash("Choose a password of your own first.", "info")
        return redirect(url_for("account.password"))
    return None


def needs(*permissions: Permission) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Refuse a view at once where its service would refuse only after the form was filled in."""

    def wrap(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            actor().require(*permissions)
            return view(*args, **kwargs)

        return checked

    return wrap
