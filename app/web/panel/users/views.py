"""Users: add, switch off and on, give a new password."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response
from wtforms.fields.choices import SelectChoice

from app.models import Role, User
from app.security.access import Forbidden, Permission
from app.services import users
from app.services.organizations import list_organizations
from app.web.database import reader, writing
from app.web.downloads import note_export
from app.web.listing import Choices, Columns, Listing, narrowed
from app.web.panel.gate import area, needs
from app.web.panel.users.forms import UserForm
from app.web.viewer import actor, viewer_row
from app.web.words import ROLE_NAMES
from common.errors import Refused

blueprint = area("users", __name__, "/users")
_COLUMNS: Columns[User] = {
    "login": lambda user: user.login,
    "name": lambda user: user.name,
    "roles": lambda user: " ".join(ROLE_NAMES[Role(role)] for role in user.roles),
    "disabled": lambda user: user.disabled,
    "last sign-in": lambda user: user.last_login_at,
}


@blueprint.get("/")
@needs(Permission.USERS_MANAGE)
def index() -> Response | str:
    listing = _listing()
    if listing.taken_away:
        note_export(viewer_row(reader()), "user.export")
        return listing.csv()
    return _page(_form(empty=True))


@blueprint.post("/")
@needs(Permission.USERS_MANAGE)
def add() -> str | tuple[str, int]:
    form = _form()
    if form.validate_on_submit():
        try:
            with writing() as session:
                added = users.add_user(
                    session,
                    actor(),
                    login=form.login.data.strip(),
                    name=form.name.data or "",
                    roles=form.roles.data or [],
                    organization_id=form.organization_id.data or None,
                )
            # Shown in this one answer and kept nowhere: a redirect would put it into a cookie.
            return _page(_form(empty=True), made=(added.user.login, added.password))
        except (Refused, Forbidden) as refused:
            field = form.roles if str(refused).startswith(("role", "you cannot give")) else form.login
            field.errors = [*field.errors, str(refused)]
    return _page(form), 422


@blueprint.post("/<int:user_id>/password")
@needs(Permission.USERS_MANAGE)
def reset(user_id: int) -> str:
    with writing() as session:
        password = users.reset_password(session, actor(), user_id)
    login = next((user.login for user in users.list_users(reader(), actor()) if user.id == user_id), "")
    return _page(_form(empty=True), made=(login, password))


@blueprint.post("/<int:user_id>/<any(disable, enable):wish>")
@needs(Permission.USERS_MANAGE)
def switch(user_id: int, wish: str) -> Response:
    try:
        with writing() as session:
            user = users.set_disabled(session, actor(), user_id, wish == "disable")
        flash(f"{user.login} can {'no longer' if user.disabled else 'again'} sign in.", "success")
    except Refused as refused:
        flash(str(refused), "error")
    return redirect(url_for("users.index"))


def _form(*, empty: bool = False) -> UserForm:
    form = UserForm(formdata=None) if empty else UserForm()
    everywhere = [SelectChoice("0", "All organizations")] if actor().organization_id is None else []
    own = [SelectChoice(str(row.id), row.name) for row in list_organizations(reader(), actor())]
    form.organization_id.choices = everywhere + own
    return form


def _page(form: UserForm, made: tuple[str, str | None] | None = None) -> str:
    names = {row.id: row.name for row in list_organizations(reader(), actor())}
    return render_template("users/index.html", listing=_listing(), form=form, made=made, organizations=names)


def _listing() -> Listing[User]:
    choices: Choices[User] = {"Enabled": lambda user: not user.disabled, "Disabled": lambda user: user.disabled}
    return narrowed("users", users.list_users(reader(), actor()), _COLUMNS, choices)
