"""Changes of many contacts of a list: ask for one, watch it, stop it, take it back."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from app.core.audience import BadCondition, Condition, Filter, Group, Operator, filter_from_json
from app.models import ListChange
from app.security.access import NotFound
from app.services import audience, list_changes
from app.web.api import schemas
from app.web.api.gate import actor, changing, writing_session
from app.web.api.problems import problem
from app.web.api.views import REPEATABLE
from app.web.database import reader
from common.clock import utcnow

blueprint = APIBlueprint("list_changes", __name__, url_prefix="/api/v1", tag="Contact lists")
_CHANGE = "/lists/<int:list_id>/changes/<int:change_id>"


@blueprint.post("/lists/<int:list_id>/deletions")
@blueprint.input(schemas.Deletion, arg_name="body")
@blueprint.output(schemas.ChangeOut, status_code=202)
@blueprint.doc(
    summary="Delete contacts by conditions",
    description=f"In the background; it can be undone for {list_changes.UNDO_FOR.days} days. {REPEATABLE}",
    security="token",
    responses=[401, 404, 422],
)
def delete_contacts(list_id: int, body: dict[str, Any]) -> Any:
    made = made_of(body)
    # Counted before the writing transaction, which would keep all other writers waiting meanwhile.
    try:
        seen = list_changes.look(reader(), actor(), list_id, made, utcnow())
    except BadCondition as error:
        return problem(422, str(error), [(f"#/conditions/{error.place[1]}", str(error))])

    @changing
    def start() -> tuple[int, Any]:
        change = list_changes.start_deletion(
            writing_session(), actor(), list_id, made, expected=seen.preview.counted, last_id=seen.last_id
        )
        return 202, shown(change)

    return start()


@blueprint.get(_CHANGE)
@blueprint.output(schemas.ChangeOut)
@blueprint.doc(summary="How far a change is", security="token", responses=[401, 404])
def show_change(list_id: int, change_id: int) -> dict[str, Any]:
    return shown(_found(list_id, change_id))


@blueprint.post(f"{_CHANGE}/cancel")
@blueprint.doc(summary="Stop a change", description=REPEATABLE, security="token", responses=[204, 401, 404, 422])
@changing
def cancel_change(list_id: int, change_id: int) -> tuple[int, Any]:
    """What it has changed already stays so."""
    list_changes.cancel(writing_session(), actor(), _found(list_id, change_id).id)
    return 204, None


@blueprint.post(f"{_CHANGE}/undo")
@blueprint.output(schemas.ChangeOut, status_code=202)
@blueprint.doc(
    summary="Take a deletion or a split back", description=REPEATABLE, security="token", responses=[401, 404, 422]
)
@changing
def undo_change(list_id: int, change_id: int) -> tuple[int, Any]:
    """A change of its own puts the contacts back, or merges the parts back."""
    return 202, shown(list_changes.undo(writing_session(), actor(), _found(list_id, change_id).id))


def made_of(body: dict[str, Any]) -> Filter:
    """Of a body's filter or conditions; without them it means everybody."""
    if "filter_id" in body:
        stored = filter_from_json(audience.get_filter(reader(), actor(), body["filter_id"]).definition)
        return Filter(stored.groups, stored.match)
    conditions = [
        Condition(one["field"], Operator(one["operator"]), one["value"], one["days"])
        for one in body.get("conditions", ())
    ]
    return Filter((Group(tuple(conditions)),)) if conditions else Filter()


def _found(list_id: int, change_id: int) -> ListChange:
    found = list_changes.get_change(reader(), actor(), change_id)
    if found.contact_list_id != list_id:
        raise NotFound(f"change {change_id}: there is none of this list")
    return found


def shown(change: ListChange) -> dict[str, Any]:
    """As `schemas.ChangeOut` has it."""
    return {
        "id": change.id,
        "kind": change.kind,
        "state": change.state,
        "who": change.words,
        "asked_for": change.expected,
        "done": change.done,
        "left": change.kept,
        "detail": change.detail,
        "undo_until": change.undo_until and change.undo_until.isoformat(),
        "parts": [{"name": part["name"], "list_id": part["list_id"]} for part in change.asked.get("parts", ())],
    }
