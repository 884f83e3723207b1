"""Data sources: watched folders, file servers and queries, with their schedule and what they brought."""

from __future__ import annotations

from flask import current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.models import DataSource
from app.security.access import Permission
from app.security.secrets import Vault
from app.services import exclusions, lists, sources
from app.web.database import reader, writing
from app.web.listing import Columns, narrowed
from app.web.panel.gate import area, needs
from app.web.panel.lists.forms import MODES
from app.web.panel.sources.forms import SourceForm
from app.web.viewer import actor
from common.errors import Refused

blueprint = area("sources", __name__, "/sources")
_COLUMNS: Columns[DataSource] = {
    "name": lambda row: row.name,
    "kind": lambda row: row.kind,
    "next run": lambda row: row.next_run_at,
    "last run": lambda row: row.last_run_at,
    "result": lambda row: row.last_words,
}


@blueprint.get("/")
@needs(Permission.LISTS_VIEW)
def index() -> Response | str:
    rows = sources.list_sources(reader(), actor())
    listing = narrowed("data-sources", rows, _COLUMNS, {"Failed": lambda row: row.last_failed})
    if listing.taken_away:
        return listing.csv()
    names = {row.contact_list.id: row.contact_list.name for row in lists.list_lists(reader(), actor())}
    return render_template("sources/index.html", listing=listing, rows=listing.rows, lists=names)


@blueprint.route("/new/<int:list_id>", methods=["GET", "POST"])
@needs(Permission.LISTS_EDIT, Permission.SETTINGS_MANAGE)
def new(list_id: int) -> Response | str | tuple[str, int]:
    contact_list = lists.get_list(reader(), actor(), list_id)
    form = SourceForm()
    form.offer_campaigns(exclusions.campaign_names(reader(), actor(), contact_list.organization_id))
    if form.validate_on_submit():
        try:
            with writing() as session:
                made = sources.create_source(session, actor(), list_id, form.fields(), _vault())
                source_id = made.id
            flash("The source is made. Test its connection before its first run.", "success")
            return redirect(url_for("sources.show", source_id=source_id))
        except Refused as refused:
            form.blame(str(refused))
    page = render_template("sources/edit.html", form=form, contact_list=contact_list, source=None)
    return (page, 422) if form.errors else page


@blueprint.get("/<int:source_id>")
@needs(Permission.LISTS_VIEW)
def show(source_id: int) -> str:
    return _page(source_id)


@blueprint.route("/<int:source_id>/edit", methods=["GET", "POST"])
@needs(Permission.LISTS_EDIT, Permission.SETTINGS_MANAGE)
def edit(source_id: int) -> Response | str | tuple[str, int]:
    source = sources.get_source(reader(), actor(), source_id)
    form = SourceForm()
    form.offer_campaigns(exclusions.campaign_names(reader(), actor(), source.organization_id))
    if request.method == "GET":
        form.show(source)
    elif form.validate_on_submit():
        try:
            with writing() as session:
                sources.update_source(session, actor(), source_id, form.fields(), _vault())
            flash("Saved.", "success")
            return redirect(url_for("sources.show", source_id=source_id))
        except Refused as refused:
            form.blame(str(refused))
    contact_list = lists.get_list(reader(), actor(), source.contact_list_id)
    page = render_template("sources/edit.html", form=form, contact_list=contact_list, source=source)
    return (page, 422) if form.errors else page


@blueprint.post("/<int:source_id>/test")
@needs(Permission.LISTS_EDIT)
def test(source_id: int) -> str:
    home = current_app.config["CLARION"].home
    return _page(source_id, sources.probe(reader(), actor(), source_id, home, _vault()))


@blueprint.post("/<int:source_id>/pin")
@needs(Permission.LISTS_EDIT, Permission.SETTINGS_MANAGE)
def pin(source_id: int) -> Response:
    with writing() as session:
        sources.pin(session, actor(), source_id, request.form.get("fingerprint", ""))
    flash("The server is known by this fingerprint now; test the connection again.", "success")
    return redirect(url_for("sources.show", source_id=source_id))


@blueprint.post("/<int:source_id>/run")
@needs(Permission.LISTS_EDIT)
def run(source_id: int) -> Response:
    with writing() as session:
        sources.run_now(session, actor(), source_id, dry=request.form.get("dry") == "yes")
    flash("It is fetched within seconds.", "success")
    return redirect(url_for("sources.show", source_id=source_id))


@blueprint.post("/<int:source_id>/pause")
@needs(Permission.LISTS_EDIT)
def pause(source_id: int) -> Response:
    paused = request.form.get("paused") == "yes"
    with writing() as session:
        sources.set_paused(session, actor(), source_id, paused)
    flash("It is paused." if paused else "It goes on by its schedule.", "success")
    return redirect(url_for("sources.show", source_id=source_id))


@blueprint.post("/<int:source_id>/delete")
@needs(Permission.LISTS_EDIT, Permission.SETTINGS_MANAGE)
def delete(source_id: int) -> Response:
    with writing() as session:
        sources.delete_source(session, actor(), source_id)
    flash("The source is deleted. What it brought stays.", "success")
    return redirect(url_for("sources.index"))


def _page(source_id: int, probe: sources.Probe | None = None) -> str:
    source = sources.get_source(reader(), actor(), source_id)
    return render_template(
        "sources/show.html",
        source=source,
        contact_list=lists.get_list(reader(), actor(), source.contact_list_id),
        runs=sources.source_runs(reader(), actor(), source_id),
        probe=probe,
        modes=MODES,
    )


def _vault() -> Vault:
    return Vault(current_app.config["CLARION"].require_secret_key())
