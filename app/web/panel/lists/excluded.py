"""Whom a list's calling leaves out for now: shown, by campaign, and reset; a file of them comes by the import."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.models import AddressKind
from app.security.access import Permission
from app.services import exclusions, lists
from app.services.exclusions import ID, Subject
from app.web.database import engine, reader, writing
from app.web.panel.gate import needs
from app.web.panel.lists.views import blueprint
from app.web.viewer import actor
from common.errors import Refused

_PAGE = 50


@blueprint.get("/<int:list_id>/excluded")
def excluded(list_id: int) -> str:
    contact_list = lists.get_list(reader(), actor(), list_id)
    chosen, after = request.args.get("campaign", type=int), request.args.get("after", 0, type=int)
    found = exclusions.list_excluded(reader(), actor(), list_id, campaign_id=chosen, after_id=after, limit=_PAGE + 1)
    return render_template(
        "lists/excluded.html",
        contact_list=contact_list,
        rows=found[:_PAGE],
        next_after=found[_PAGE - 1][0].id if len(found) > _PAGE else 0,
        campaigns=exclusions.campaign_names(reader(), actor(), contact_list.organization_id),
        chosen=chosen,
    )


@blueprint.post("/<int:list_id>/excluded")
@needs(Permission.LISTS_EDIT)
def mark(list_id: int) -> Response:
    """By IDs, numbers and emails, one a line."""
    lines = [line.strip() for line in request.form.get("who", "").splitlines() if line.strip()]
    change = exclusions.reset if request.form.get("what") == "reset" else exclusions.exclude
    campaign_id = request.form.get("campaign", type=int)
    try:
        with writing() as session:
            marked = change(session, actor(), list_id, [_subject(line) for line in lines], campaign_id)
        words = "may be called again" if change is exclusions.reset else "are excluded"
        flash(f"{marked.changed:,} contacts {words}.", "success")
        for place, reason in marked.unknown[:10]:
            flash(f"{lines[place]} {reason}.", "error")
    except Refused as refused:
        flash(str(refused), "error")
    return redirect(url_for("lists.excluded", list_id=list_id))


@blueprint.post("/<int:list_id>/excluded/reset")
@needs(Permission.LISTS_EDIT)
def reset(list_id: int) -> Response:
    count = exclusions.reset_list(engine(), actor(), list_id, request.form.get("campaign", type=int))
    flash(f"{count:,} contacts may be called again.", "success")
    return redirect(url_for("lists.excluded", list_id=list_id))


def _subject(line: str) -> Subject:
    """An address where it looks like one; an ID with a + or an @ is written as id:..."""
    if line.startswith("id:"):
        return ID, line.removeprefix("id:").strip()
    if "@" in line:
        return AddressKind.EMAIL.value, line
    return (AddressKind.PHONE.value, line) if line.startswith(("+", "(")) else (ID, line)
