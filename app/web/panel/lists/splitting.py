"""A list split into several: say how, see how many come into each, say yes."""

from __future__ import annotations

import json
import re
import secrets

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.core.audience import BadCondition, Filter
from app.core.audience.shares import read_shares
from app.models import ContactList
from app.security.access import Permission
from app.services import audience, list_changes, lists
from app.services.list_changes import Part, Plan
from app.web.database import reader, writing
from app.web.panel.filters import editor
from app.web.panel.gate import needs
from app.web.panel.lists.views import blueprint
from app.web.viewer import actor
from common.clock import utcnow
from common.errors import Refused

Page = Response | str | tuple[str, int]
_PART = re.compile(r"remove g(\d+)-c\d+")
#: Where a refusal of the service belongs on the page.
_FIELDS = ("name", "parts", "word")


@blueprint.route("/<int:list_id>/split", methods=["GET", "POST"])
@needs(Permission.LISTS_EDIT)
def split(list_id: int) -> Page:
    """By conditions, or (`way=shares`) by chance; with the last button the page that asks whether it is meant."""
    contact_list = lists.get_list(reader(), actor(), list_id)
    if request.values.get("way") == "shares":
        return _by_shares(contact_list)
    fields = editor.Fields(audience.attribute_types(reader(), contact_list.organization_id))
    if request.method == "GET":
        return _form(contact_list, fields, editor.changed(Filter(), "add-group"), [""])
    made = editor.read(request.form, fields)
    names = [request.form.get(f"g{place}-name", "").strip() for place in range(len(made.groups))]
    if "edit" in request.form:
        wish = request.form["edit"]
        changed = editor.changed(made, wish)
        gone = _PART.fullmatch(wish)
        if gone and len(changed.groups) < len(made.groups):
            del names[int(gone[1])]
        return _form(contact_list, fields, changed, [*names, *[""] * (len(changed.groups) - len(names))])
    try:
        return _confirmation(contact_list, _plan(made, names))
    except BadCondition as problem:
        return _form(contact_list, fields, made, names, problem)
    except Refused as refused:
        return _form(contact_list, fields, made, names, error=str(refused))


@blueprint.post("/<int:list_id>/split/start")
@needs(Permission.LISTS_EDIT)
def start_split(list_id: int) -> Page:
    contact_list = lists.get_list(reader(), actor(), list_id)
    try:
        plan = Plan.from_json(json.loads(request.form.get("plan", "")))
    except (ValueError, KeyError, TypeError) as error:
        raise Refused("the page is not whole any more; begin again at the list") from error
    expected, last_id = (request.form.get(name, 0, type=int) for name in ("expected", "last"))
    try:
        with writing() as session:
            change = list_changes.start_split(session, actor(), list_id, plan, expected=expected, last_id=last_id)
    except Refused as refused:
        return _confirmation(contact_list, plan, str(refused)), 422
    return redirect(url_for(".change", list_id=list_id, change_id=change.id))


def _by_shares(contact_list: ContactList) -> Page:
    text = request.form.get("parts", "2").strip()
    word = request.form.get("word", secrets.token_hex(4)).strip()
    base = request.form.get("name", f"{contact_list.name[:110]} ").strip()
    error = ""
    if request.method == "POST":
        try:
            if not base:
                raise Refused("name: write what the names of the new lists begin with")
            parts = [Part(f"{base} {place}", share=share) for place, share in enumerate(read_shares(text), 1)]
            return _confirmation(contact_list, Plan(tuple(parts), _copies(), word))
        except Refused as refused:
            error = str(refused)
    page = render_template(
        "lists/split.html", contact_list=contact_list, way="shares", parts=text, word=word, base=base,
        copies=_copies(), **_blamed(error),
    )  # fmt: skip
    return (page, 422) if error else page


def _plan(made: Filter, names: list[str]) -> Plan:
    """Of the parts in the form, each a group of the editor, and the rest where it has a name. Raise Refused."""
    parts = []
    for place, group in enumerate(made.groups):
        if not names[place]:
            raise Refused(f"name: give the new list of part {place + 1} a name")
        parts.append(Part(names[place], Filter((group,))))
    if not parts:
        raise Refused("parts: add a part, and say who comes into it")
    rest = request.form.get("rest", "").strip()
    return Plan(tuple([*parts, Part(rest)] if rest else parts), _copies())


def _copies() -> bool:
    return request.form.get("copies") == "copies"


def _form(
    contact_list: ContactList,
    fields: editor.Fields,
    made: Filter,
    names: list[str],
    problem: BadCondition | None = None,
    error: str = "",
) -> Page:
    """The whole page, or for htmx the rows alone."""
    rows_only = request.headers.get("HX-Request") == "true"
    page = render_template(
        "filters/_rows.html" if rows_only else "lists/split.html",
        contact_list=contact_list,
        way="conditions",
        names=names,
        rest=request.form.get("rest", ""),
        copies=_copies(),
        nothing_asked="No part yet.",
        **_blamed(error),
        **editor.rows(made, fields, problem, url_for(".split", list_id=contact_list.id)),
    )
    return (page, 422) if (problem or error) and not rows_only else page


def _blamed(error: str) -> dict[str, str]:
    """A refusal at its field, or above the form."""
    field, _, mend = error.partition(": ")
    known = field in _FIELDS
    return {"wrong": field if known else "", "error": mend[:1].upper() + mend[1:] if known else error}


def _confirmation(contact_list: ContactList, plan: Plan, error: str = "") -> str:
    found = list_changes.look_split(reader(), actor(), contact_list.id, plan, utcnow())
    return render_template(
        "lists/confirm_split.html",
        contact_list=contact_list,
        plan=plan,
        found=found,
        rows=list(zip(plan.parts, found.counts, strict=True)),
        words=list_changes.part_words,
        definition=json.dumps(plan.to_json()),
        undo_days=list_changes.UNDO_FOR.days,
        error=error,
    )
