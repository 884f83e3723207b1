"""Numbers: what an organization lays down about them, and a box to try one out."""

from __future__ import annotations

from collections.abc import Callable

from flask import flash, redirect, render_template, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms.fields.choices import SelectChoice

from app.models import DialingRuleRow, NumberFormatRow, RejectPatternRow
from app.models.base import Base
from app.security.access import Actor, Permission
from app.services import dialing_rules, number_formats, number_trials, refused_numbers
from app.services.number_trials import Tried
from app.web.database import afresh, reader, writing
from app.web.panel.gate import area, needs
from app.web.panel.numbers.forms import (
    WRITTEN_WORDS,
    DefaultsForm,
    DialingForm,
    FormatForm,
    PatternForm,
    RangeForm,
    TryForm,
)
from app.web.panel.owned import OwnedForm, organization_names
from app.web.panel.undo import keeping, say_deleted
from app.web.viewer import actor
from app.web.words import TYPE_WORDS
from common.clock import utcnow
from common.errors import Refused

blueprint = area("numbers", __name__, "/numbers")
_REMOVERS: dict[str, tuple[type[Base], Callable[[Session, Actor, int], None]]] = {
    "dialing": (DialingRuleRow, dialing_rules.delete_dialing_rule),
    "formats": (NumberFormatRow, number_formats.delete_number_format),
    "patterns": (RejectPatternRow, refused_numbers.delete_reject_pattern),
}


@blueprint.get("/")
@needs(Permission.CAMPAIGNS_VIEW)
def index() -> str:
    return _page(_forms())


@blueprint.post("/try")
@needs(Permission.CAMPAIGNS_VIEW)
def try_out() -> str | tuple[str, int]:
    form = _offered(TryForm())
    tried = None
    if form.validate_on_submit():
        number, home, trunk = form.number.data or "", form.home_country.data or "", form.trunk_id.data
        try:
            pattern = form.pattern.data or ""
            tried = number_trials.try_number(reader(), actor(), number, trunk, home, form.owner, pattern)
        except Refused as refused:
            form.blame(str(refused))
    page = _page(_forms(form), tried)
    return (page, 422) if form.errors else page


@blueprint.post("/dialing")
@needs(Permission.SETTINGS_MANAGE)
def add_dialing() -> Response | tuple[str, int]:
    form = DialingForm()
    return _added(
        form,
        lambda session: dialing_rules.add_dialing_rule(session, actor(), form.values(), form.owner),
        "The rule stands last. It holds from the next call on, in running jobs too.",
    )


@blueprint.post("/dialing/<int:rule_id>/<any(up, down):where>")
@needs(Permission.SETTINGS_MANAGE)
def move_dialing(rule_id: int, where: str) -> Response:
    with writing() as session:
        dialing_rules.move_dialing_rule(session, actor(), rule_id, up=where == "up")
    return redirect(url_for("numbers.index", _anchor="dialing-title"))


@blueprint.post("/formats")
@needs(Permission.SETTINGS_MANAGE)
def put_format() -> Response | tuple[str, int]:
    form = FormatForm()
    return _added(
        form,
        lambda session: number_formats.put_number_format(session, actor(), form.values(), form.owner),
        "Numbers are read by it from now on.",
    )


@blueprint.post("/defaults")
@needs(Permission.SETTINGS_MANAGE)
def put_defaults() -> Response | tuple[str, int]:
    form = DefaultsForm()

    def put(session: Session) -> object:
        home, separator = form.home_country.data or "", form.separator.data or ""
        return number_formats.put_number_defaults(session, actor(), home, separator, form.owner)

    return _added(form, put, "Kept. It counts for files from now on.")


@blueprint.post("/patterns")
@needs(Permission.SETTINGS_MANAGE)
def add_pattern() -> Response | tuple[str, int]:
    form = PatternForm()
    return _added(
        form,
        lambda session: refused_numbers.put_reject_pattern(session, actor(), form.values(), form.owner),
        "Numbers like that are refused from now on, and not dialled where a list has them already.",
    )


@blueprint.post("/ranges")
@needs(Permission.SETTINGS_MANAGE)
def open_range() -> Response | tuple[str, int]:
    form = RangeForm()
    return _added(
        form,
        lambda session: refused_numbers.open_range(session, actor(), form.values(), form.owner),
        "The range is open. Import the numbers; they are dialled until the day you gave.",
    )


@blueprint.post("/ranges/<int:range_id>/close")
@needs(Permission.SETTINGS_MANAGE)
def close_range(range_id: int) -> Response:
    with writing() as session:
        refused_numbers.close_range(session, actor(), range_id)
    flash("The range is closed: its numbers are dialled no more.", "success")
    return redirect(url_for("numbers.index"))


@blueprint.post("/<kind>/<int:row_id>/remove")
@needs(Permission.SETTINGS_MANAGE)
def remove(kind: str, row_id: int) -> Response:
    if kind in _REMOVERS:
        model, remove_row = _REMOVERS[kind]
        undone_by = keeping(model, row_id)
        with writing() as session:
            remove_row(session, actor(), row_id)
        say_deleted("Removed. It counts no more, from the next call on.", undone_by)
    return redirect(url_for("numbers.index"))


def _added(form: OwnedForm, put: Callable[[Session], object], words: str) -> Response | tuple[str, int]:
    _offered(form)
    if form.validate_on_submit():
        try:
            with writing() as session:
                put(session)
            flash(words, "success")
            return redirect(url_for("numbers.index"))
        except Refused as refused:
            form.blame(str(refused))
    return _page(_forms(form)), 422


def _forms(filled: OwnedForm | None = None) -> dict[str, OwnedForm]:
    """Every form of the page by its own name, empty but for the one that was sent."""
    forms: dict[str, OwnedForm] = {}
    for kind in (TryForm, DialingForm, PatternForm, RangeForm, FormatForm, DefaultsForm):
        data = _defaults() if kind is DefaultsForm else None
        forms[kind.__name__] = filled if isinstance(filled, kind) else _offered(kind(formdata=None, data=data))
    for name, form in forms.items():
        for field in form:
            field.id = field.label.field_id = f"{name.lower()}-{field.name}"
    return forms


def _defaults() -> dict[str, str]:
    """As they are, where it is clear whose are meant."""
    rows = number_formats.list_number_defaults(afresh(), actor())
    return {"home_country": rows[0].home_country, "separator": rows[0].separator} if len(rows) == 1 else {}


def _offered(form: OwnedForm) -> OwnedForm:
    form.offer_organizations()
    if isinstance(form, TryForm | DialingForm):
        trunks = number_trials.trunks_to_try(reader(), actor())
        named = [SelectChoice(each.id, each.name) for each in trunks]
        every = SelectChoice(0, "Any other" if isinstance(form, TryForm) else "Every trunk")
        form.trunk_id.choices = [*named, every] if isinstance(form, TryForm) else [every, *named]
    return form


def _page(forms: dict[str, OwnedForm], tried: Tried | None = None) -> str:
    session = afresh()
    return render_template(
        "numbers/index.html",
        forms=forms,
        tried=tried,
        rules=dialing_rules.list_dialing_rules(session, actor()),
        trunks={each.id: each.name for each in number_trials.trunks_to_try(session, actor())},
        types=TYPE_WORDS,
        written=WRITTEN_WORDS,
        formats=number_formats.list_number_formats(session, actor()),
        defaults=number_formats.list_number_defaults(session, actor()),
        patterns=refused_numbers.list_reject_patterns(session, actor()),
        ranges=refused_numbers.list_opened_ranges(session, actor()),
        now=utcnow(),
        organizations=organization_names(),
    )
