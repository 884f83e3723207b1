"""Do not call: who is never contacted, adding and removing entries."""

from __future__ import annotations

from datetime import UTC, datetime, time

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.security.access import Permission
from app.services import dnc
from app.web.database import reader, writing
from app.web.downloads import csv_of
from app.web.panel.dnc.forms import DncForm
from app.web.panel.gate import area, needs
from app.web.viewer import actor
from common.errors import Refused

blueprint = area("dnc", __name__, "/dnc")
_PAGE = 100


@blueprint.get("/")
@needs(Permission.DNC_VIEW)
def index() -> str:
    form = DncForm(formdata=None)
    form.offer_organizations()
    return _page(form)


@blueprint.post("/")
@needs(Permission.DNC_EDIT)
def add() -> Response | tuple[str, int]:
    form = DncForm()
    form.offer_organizations()
    if form.validate_on_submit():
        until = datetime.combine(form.until.data, time.max, UTC) if form.until.data else None
        try:
            with writing() as session:
                subjects = [(form.kind.data, form.value.data)]
                added = dnc.add(
                    session,
                    actor(),
                    subjects,
                    organization_id=form.chosen_organization,
                    proof=form.proof.data or "",
                    until=until,
                )
            flash(
                "Added. It holds from this moment." if added else "It was listed already.",
                "success",
            )
            return redirect(url_for("dnc.index"))
        except Refused as refused:
            form.value.errors = [*form.value.errors, str(refused)]
    return _page(form), 422


@blueprint.get("/<int:list_id>/entries.csv")
@needs(Permission.DNC_VIEW)
def export(list_id: int) -> Response:
    who = actor()
    return csv_of(f"do-not-call-{list_id}.csv", lambda session: dnc.export_csv(session, who, list_id))


@blueprint.post("/<int:entry_id>/remove")
@needs(Permission.DNC_EDIT)
def remove(entry_id: int) -> Response:
    with writing() as session:
        dnc.remove(session, actor(), entry_id)
    flash("Removed. The contact may be reached again, if nothing else forbids it.", "success")
    return redirect(request.referrer if _ours(request.referrer) else url_for("dnc.index"))


def _page(form: DncForm) -> str:
    lists = dnc.list_dnc_lists(reader(), actor())
    wanted = request.args.get("list", type=int)
    chosen = next((row for row, _ in lists if row.id == wanted), lists[0][0] if lists else None)
    search = request.args.get("search", "").strip()
    after = request.args.get("after", 0, type=int)
    entries = (
        dnc.list_entries(reader(), actor(), chosen.id, search=search, after_id=after, limit=_PAGE + 1) if chosen else []
    )
    return render_template(
        "dnc/index.html",
        form=form,
        lists=lists,
        chosen=chosen,
        search=search,
        entries=entries[:_PAGE],
        more=len(entries) > _PAGE,
    )


def _ours(referrer: str | None) -> bool:
    return bool(referrer and referrer.startswith(request.host_url))
