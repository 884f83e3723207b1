"""With which other organizations a list is shared."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import BooleanField, StringField
from wtforms.validators import Length, Optional

from app.security.access import Permission
from app.services import lists, sharing
from app.services.organizations import list_organizations
from app.web.database import reader, writing
from app.web.panel.gate import needs
from app.web.panel.lists.views import blueprint
from app.web.viewer import actor
from common.errors import Refused


class ShareForm(FlaskForm):
    every = BooleanField("With every organization", description="Those that come later too.")
    organization = StringField(
        "Organization",
        [Optional(), Length(max=120)],
        description="Its exact name, where it is not every one.",
        render_kw={"list": "organizations", "autocomplete": "off"},
    )
    may_edit = BooleanField(
        "May change contacts",
        description="Names, addresses and attributes that are not private, one contact at a time.",
    )

    def blame(self, problem: str) -> None:
        mend = problem.partition(": ")[2] or problem
        self.organization.errors = [*self.organization.errors, mend[:1].upper() + mend[1:]]


@blueprint.route("/<int:list_id>/sharing", methods=["GET", "POST"])
@needs(Permission.LISTS_EDIT)
def shares(list_id: int) -> Response | str | tuple[str, int]:
    contact_list = lists.get_list(reader(), actor(), list_id)
    form = ShareForm()
    if form.validate_on_submit():
        whom = "*" if form.every.data else (form.organization.data or "")
        try:
            with writing() as session:
                sharing.share(session, actor(), list_id, whom, may_edit=form.may_edit.data)
            flash(f"Shared with {'every organization' if whom == '*' else whom}.", "success")
            return redirect(url_for(".shares", list_id=list_id))
        except Refused as refused:
            form.blame(str(refused))
    others = [row.name for row in list_organizations(reader(), actor()) if row.id != contact_list.organization_id]
    page = render_template(
        "lists/sharing.html",
        contact_list=contact_list,
        form=form,
        shares=sharing.shares_of(reader(), actor(), list_id),
        names=others,
    )
    return (page, 422) if form.errors else page


@blueprint.post("/<int:list_id>/sharing/<int:share_id>/end")
@needs(Permission.LISTS_EDIT)
def end_share(list_id: int, share_id: int) -> Response:
    with writing() as session:
        sharing.unshare(session, actor(), list_id, share_id)
    flash("It is shared no more from this moment.", "success")
    return redirect(url_for(".shares", list_id=list_id))
