"""Holidays, guard times and the area-code map: what an organization adds to the shipped calendars."""

from __future__ import annotations

from collections.abc import Callable

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms.fields.choices import SelectChoice

from app.models import GuardTime, HolidayRow, ZoneRuleRow
from app.models.base import Base
from app.security.access import Actor, Permission
from app.services import calendars, campaigns
from app.services.windows import write_spans
from app.web.database import afresh, reader, writing
from app.web.panel.calendars.forms import GuardForm, HolidayForm, ZoneForm
from app.web.panel.gate import area, needs
from app.web.panel.owned import OwnedForm, organization_names
from app.web.panel.undo import keeping, say_deleted
from app.web.viewer import actor
from common.clock import utcnow
from common.errors import Refused

blueprint = area("calendars", __name__, "/calendars")
_PAGE = 100
_REMOVERS: dict[str, tuple[type[Base], Callable[[Session, Actor, int], None]]] = {
    "holidays": (HolidayRow, calendars.delete_holiday),
    "guards": (GuardTime, calendars.delete_guard_time),
    "zones": (ZoneRuleRow, calendars.delete_zone_rule),
}


@blueprint.get("/")
@needs(Permission.CAMPAIGNS_VIEW)
def index() -> str:
    return _page(*_forms())


@blueprint.post("/holidays")
@needs(Permission.SETTINGS_MANAGE)
def add_holiday() -> Response | tuple[str, int]:
    form = _with_campaigns(HolidayForm())
    return _added(
        form, lambda session: calendars.add_holiday(session, actor(), form.values(), form.owner), "The holiday is kept"
    )


@blueprint.post("/guards")
@needs(Permission.SETTINGS_MANAGE)
def put_guard() -> Response | tuple[str, int]:
    form = GuardForm()

    def put(session: Session) -> object:
        hours, source = form.hours(), form.source.data or ""
        key = form.key.data or ""
        return calendars.put_guard_time(session, actor(), form.scope.data, key, hours, source, form.owner)

    return _added(form, put, "The guard time is kept")


@blueprint.post("/zones")
@needs(Permission.SETTINGS_MANAGE)
def put_zone() -> Response | tuple[str, int]:
    form = ZoneForm()
    return _added(
        form, lambda session: calendars.put_zone_rule(session, actor(), form.values(), form.owner), "The map is changed"
    )


@blueprint.post("/<kind>/<int:row_id>/remove")
@needs(Permission.SETTINGS_MANAGE)
def remove(kind: str, row_id: int) -> Response:
    if kind in _REMOVERS:
        model, remove_row = _REMOVERS[kind]
        undone_by = keeping(model, row_id)
        with writing() as session:
            remove_row(session, actor(), row_id)
        say_deleted("Removed. It counts no more, from the next attempt on.", undone_by)
    return redirect(url_for("calendars.index"))


def _added(form: OwnedForm, put: Callable[[Session], object], words: str) -> Response | tuple[str, int]:
    form.offer_organizations()
    if form.validate_on_submit():
        try:
            with writing() as session:
                put(session)
            flash(f"{words}. It counts from the next attempt on, in running jobs too.", "success")
            return redirect(url_for("calendars.index"))
        except Refused as refused:
            form.blame(str(refused))
    _tell_apart(form)
    forms = [form if isinstance(form, type(other)) else other for other in _forms()]
    return _page(*forms), 422


def _forms() -> list[OwnedForm]:
    forms: list[OwnedForm] = [
        _with_campaigns(HolidayForm(formdata=None)),
        GuardForm(formdata=None),
        ZoneForm(formdata=None),
    ]
    for form in forms:
        form.offer_organizations()
        _tell_apart(form)
    return forms


def _tell_apart(form: OwnedForm) -> None:
    """Three forms on one page: fields of one name get ids of their own."""
    for field in form:
        field.id = field.label.field_id = f"{type(form).__name__.lower()}-{field.name}"


def _with_campaigns(form: HolidayForm) -> HolidayForm:
    rows = campaigns.list_campaigns(reader(), actor())
    named = [SelectChoice(str(row.id), row.name) for row in rows]
    form.campaign_id.choices = [SelectChoice("0", "All campaigns"), *named]
    return form


def _page(holiday: OwnedForm, guard: OwnedForm, zone: OwnedForm) -> str:
    search = request.args.get("search", "").strip()
    session = afresh()
    rules = calendars.list_zone_rules(session, actor(), search=search, limit=_PAGE + 1)
    return render_template(
        "calendars/index.html",
        holiday_form=holiday,
        guard_form=guard,
        zone_form=zone,
        holidays=calendars.list_holidays(session, actor(), utcnow().date()),
        guards=calendars.list_guard_times(session, actor()),
        rules=rules[:_PAGE],
        more=len(rules) > _PAGE,
        search=search,
        spans=write_spans,
        campaigns={row.id: row.name for row in campaigns.list_campaigns(session, actor())},
        organizations=organization_names(),
    )
