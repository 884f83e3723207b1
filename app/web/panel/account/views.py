"""Sign in, sign out, change the own password."""

from __future__ import annotations

from urllib.parse import urlsplit

import structlog
from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask_login import current_user, login_user, logout_user
from werkzeug.wrappers import Response

from app.models import User
from app.services import users
from app.web.database import afresh, engine, writing
from app.web.panel.account.forms import PasswordForm, SignInForm
from app.web.viewer import Viewer, actor
from common.clock import utcnow
from common.errors import Refused

log = structlog.get_logger()
blueprint = Blueprint("account", __name__, template_folder="templates")


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Response | str | tuple[str, int]:
    if current_user.is_authenticated:
        return redirect("/")
    form = SignInForm()
    if not form.validate_on_submit():
        return render_template("account/sign_in.html", form=form)
    try:
        user = users.sign_in(engine(), form.login.data, form.password.data, utcnow())
    except Refused as refused:
        log.info("web.sign_in_refused", remote_address=request.remote_addr)
        return render_template("account/sign_in.html", form=form, problem=str(refused)), 401
    _enter(user)
    return redirect(url_for("account.password") if user.must_change_password else _asked_for())


@blueprint.post("/sign-out")
def sign_out() -> Response:
    if current_user.is_authenticated:
        with writing() as database:
            users.end_sessions(database, actor())
    logout_user()
    session.clear()
    flash("You are signed out.", "success")
    return redirect(url_for("account.sign_in"))


@blueprint.route("/account/password", methods=["GET", "POST"])
def password() -> Response | str | tuple[str, int]:
    if not current_user.is_authenticated:
        return redirect(url_for("account.sign_in", next=request.path))
    form = PasswordForm()
    if not form.validate_on_submit():
        return render_template("account/password.html", form=form, first=current_user.must_change_password)
    try:
        users.change_own_password(engine(), actor(), form.current.data, form.new.data)
    except Refused as refused:
        form.blame(str(refused))
        return render_template("account/password.html", form=form, first=current_user.must_change_password), 422
    _enter(afresh().get_one(User, actor().user_id))
    flash("Your password is changed. Every other session of yours has ended.", "success")
    return redirect("/")


def _enter(user: User) -> None:
    """A new session, so that nothing from before the sign-in lives on in it."""
    session.clear()
    session.permanent = True
    login_user(Viewer(user, request.remote_addr or ""))


def _asked_for() -> str:
    """Where the person was going; only a path of ours, never another site."""
    wanted = request.args.get("next", "")
    parts = urlsplit(wanted)
    own = not parts.scheme and not parts.netloc and wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if own else "/"
