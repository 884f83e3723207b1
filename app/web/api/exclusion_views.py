"""Contacts that are excluded from calling for now, and their reset."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from app.services import exclusions, lists
from app.services.exclusions import Marked
from app.web.api import schemas
from app.web.api.gate import actor, changing, writing_session
from app.web.database import engine, reader

blueprint = APIBlueprint("exclusions", __name__, url_prefix="/api/v1/lists/<int:list_id>/exclusions", tag="Contacts")


@blueprint.get("")
@blueprint.input(schemas.Page, location="query", arg_name="page")
@blueprint.output(schemas.ExcludedListOut)
@blueprint.doc(summary="Who is excluded from calling", security="token", responses=[401, 404])
def show_excluded(list_id: int, page: dict[str, int]) -> dict[str, Any]:
    size = page["limit"]
    found = exclusions.list_excluded(reader(), actor(), list_id, after_id=page["after"], limit=size + 1)
    return {
        "contacts": [{"id": contact.external_id, "campaigns": names} for contact, names in found[:size]],
        "next_after": found[size - 1][0].id if len(found) > size else 0,
    }


@blueprint.post("")
@blueprint.input(schemas.Exclusion, arg_name="body")
@blueprint.output(schemas.ExclusionOut)
@blueprint.doc(
    summary="Do not call these for now", description="No attempt begins after the answer.",
    security="token", responses=[401, 404, 422],
)  # fmt: skip
@changing
def exclude(list_id: int, body: dict[str, Any]) -> tuple[int, Any]:
    session = writing_session()
    return 200, _told(exclusions.exclude(session, actor(), list_id, _named(body), _campaign(list_id, body)))


@blueprint.post("/reset")
@blueprint.input(schemas.Reset, arg_name="body")
@blueprint.output(schemas.ExclusionOut)
@blueprint.doc(
    summary="Call these again", description="Jobs that begin from now on do; those that run have closed them.",
    security="token", responses=[401, 404, 422],
)  # fmt: skip
def reset(list_id: int, body: dict[str, Any]) -> Any:
    if "contacts" not in body:
        # In transactions of its own: doing it twice changes nothing.
        count = exclusions.reset_list(engine(), actor(), list_id, _campaign(list_id, body))
        return {"changed": count, "errors": []}

    @changing
    def write() -> tuple[int, Any]:
        session = writing_session()
        return 200, _told(exclusions.reset(session, actor(), list_id, _named(body), _campaign(list_id, body)))

    return write()


def _campaign(list_id: int, body: dict[str, Any]) -> int | None:
    if "campaign" not in body:
        return None
    home = lists.get_list(reader(), actor(), list_id).organization_id
    return exclusions.campaign_of(reader(), actor(), home, body["campaign"]).id


def _named(body: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["kind"], each["value"]) for each in body["contacts"]]


def _told(marked: Marked) -> dict[str, Any]:
    errors = [{"pointer": f"#/contacts/{place}", "detail": reason} for place, reason in marked.unknown]
    return {"changed": marked.changed, "errors": errors}
