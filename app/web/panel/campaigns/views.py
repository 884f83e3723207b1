"""Campaigns: list, create, change, start."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.models import Campaign
from app.security.access import Permission
from app.services import campaigns, jobs, sharing
from app.services.choices import campaign_choices
from app.web.database import reader, writing
from app.web.listing import Columns, narrowed
from app.web.panel.campaigns.forms import CampaignForm
from app.web.panel.gate import area, needs
from app.web.viewer import actor
from common.errors import Refused

blueprint = area("campaigns", __name__, "/campaigns")


@blueprint.get("/")
def index() -> Response | str:
    names = campaign_choices(reader(), actor(), counted=False)
    lists, filters, scripts, strategies = (
        {choice.id: choice for choice in choices}
        for choices in (names.contact_lists, names.filters, names.scripts, names.strategies)
    )
    columns: Columns[Campaign] = {
        "campaign": lambda row: row.name,
        "contact list": lambda row: lists[row.contact_list_id].name,
        "script": lambda row: scripts[row.script_id].name if row.script_id else "",
        "strategy": lambda row: strategies[row.strategy_id].name,
    }
    listing = narrowed("campaigns", campaigns.list_campaigns(reader(), actor()), columns)
    if listing.taken_away:
        return listing.csv()
    newest = {
        row.id: next(iter(jobs.list_jobs(reader(), actor(), campaign_id=row.id, limit=1)), None) for row in listing.rows
    }
    return render_template(
        "campaigns/index.html",
        listing=listing,
        campaigns=listing.rows,
        newest=newest,
        lists=lists,
        filters=filters,
        scripts=scripts,
        strategies=strategies,
        ended=jobs.ENDED,
    )


@blueprint.route("/new", methods=["GET", "POST"])
@needs(Permission.CAMPAIGNS_EDIT)
def new() -> Response | str | tuple[str, int]:
    choices = campaign_choices(reader(), actor())
    form = CampaignForm()
    form.offer(choices)
    if form.validate_on_submit():
        try:
            with writing() as session:
                # Everything a campaign is made of belongs to one organization, or is shared with it: who belongs to
                # none makes it for the contact list's.
                chosen = sharing.visible_list(session, actor(), form.contact_list_id.data)
                owner = actor().organization_id or chosen.organization_id
                campaign = campaigns.create_campaign(session, actor(), form.values(), owner)
            flash(f"{campaign.name} is ready to start.", "success")
            return redirect(url_for("campaigns.index"))
        except Refused as refused:
            form.blame(str(refused))
    page = render_template("campaigns/edit.html", form=form, campaign=None, missing=choices.missing)
    return (page, 422) if form.errors else page


@blueprint.route("/<int:campaign_id>", methods=["GET", "POST"])
def edit(campaign_id: int) -> Response | str | tuple[str, int]:
    campaign = campaigns.get_campaign(reader(), actor(), campaign_id)
    form = CampaignForm(data=CampaignForm.filled(campaign))
    form.offer(campaign_choices(reader(), actor()))
    if form.is_submitted():
        actor().require(Permission.CAMPAIGNS_EDIT)
    if form.validate_on_submit():
        try:
            with writing() as session:
                campaigns.update_campaign(session, actor(), campaign_id, form.values())
            flash("Saved. A job that runs now keeps what it started with.", "success")
            return redirect(url_for("campaigns.index"))
        except Refused as refused:
            form.blame(str(refused))
    page = render_template("campaigns/edit.html", form=form, campaign=campaign, missing=[])
    return (page, 422) if form.errors else page


@blueprint.post("/<int:campaign_id>/start")
@needs(Permission.JOBS_CONTROL)
def start(campaign_id: int) -> Response:
    try:
        with writing() as session:
            job = jobs.start_job(session, actor(), campaign_id)
    except Refused as refused:
        flash(str(refused), "error")
        return redirect(url_for("campaigns.index"))
    flash("Started. The audience is being frozen; the first attempts follow at once.", "success")
    return redirect(url_for("jobs.show", job_id=job.id))
