"""Tokens of the REST API: made, shown once, revoked."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.models import ApiToken
from app.security.access import Permission
from app.services import api_tokens
from app.web.database import afresh, writing
from app.web.listing import Columns, narrowed
from app.web.panel.api_tokens.forms import TokenForm
from app.web.panel.gate import area, needs
from app.web.panel.owned import organization_names
from app.web.viewer import actor
from common.errors import Refused

blueprint = area("api_tokens", __name__, "/api-tokens")
_COLUMNS: Columns[ApiToken] = {
    "name": lambda row: row.name,
    "beginning": lambda row: row.beginning,
    "permissions": lambda row: ", ".join(row.permissions),
    "made": lambda row: row.created_at,
    "last used": lambda row: row.last_used_at,
    "revoked": lambda row: row.revoked_at,
}


@blueprint.get("/")
@needs(Permission.USERS_MANAGE)
def index() -> Response | str:
    form = TokenForm(formdata=None)
    form.offer_organizations()
    return _page(form)


@blueprint.post("/")
@needs(Permission.USERS_MANAGE)
def create() -> Response | str | tuple[Response | str, int]:
    form = TokenForm()
    form.offer_organizations()
    if form.validate_on_submit():
        try:
            with writing() as session:
                made = api_tokens.create_token(
                    session,
                    actor(),
                    form.name.data or "",
                    form.permissions.data or [],
                    requests_per_minute=form.requests_per_minute.data or 0,
                    organization_id=form.owner,
                )
                text = made.text
            form = TokenForm(formdata=None)
            form.offer_organizations()
            return _page(form, text)
        except Refused as refused:
            form.blame(str(refused))
    return _page(form), 422


@blueprint.post("/<int:token_id>/revoke")
@needs(Permission.USERS_MANAGE)
def revoke(token_id: int) -> Response:
    with writing() as session:
        name = api_tokens.revoke_token(session, actor(), token_id)
    flash(f"The token of {name} opens nothing any more.", "success")
    return redirect(url_for("api_tokens.index"))


def _page(form: TokenForm, made: str = "") -> Response | str:
    rows = api_tokens.list_tokens(afresh(), actor())
    listing = narrowed("api-tokens", rows, _COLUMNS, {"In use": lambda row: row.revoked_at is None})
    if listing.taken_away:
        return listing.csv()
    return render_template(
        "api_tokens/index.html",
        form=form,
        made=made,
        listing=listing,
        rows=listing.rows,
        organizations=organization_names(),
    )
