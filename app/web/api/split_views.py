"""Contact lists split into several, and shared with other organizations."""

from __future__ import annotations

import secrets
from typing import Any

from apiflask import APIBlueprint, Schema
from apiflask.fields import Boolean, Float, Integer, List, Nested, String
from apiflask.validators import Length, Range
from flask import Response, jsonify
from marshmallow import ValidationError, validates_schema

from app.core.audience import BadCondition
from app.core.audience.shares import MOST_PARTS
from app.services import list_changes, sharing
from app.services.list_changes import Part, Plan, SplitLook
from app.services.sharing import Shared
from app.web.api import schemas
from app.web.api.gate import actor, answered, changing, writing_session
from app.web.api.list_views import made_of, shown
from app.web.api.problems import problem
from app.web.api.views import REPEATABLE
from app.web.database import reader
from common.clock import utcnow

blueprint = APIBlueprint("splits", __name__, url_prefix="/api/v1/lists/<int:list_id>", tag="Contact lists")
EVERYBODY = "*"
#: What rounding may add to percentages that are together 100.
_ROUNDED = 1e-6


class SplitPart(Schema):
    """A new list: of whom filter or conditions mean and no part before it; or of a percentage of all."""

    name = String(required=True, validate=Length(1, 120))
    filter_id = Integer(metadata={"description": "A filter of the panel"})
    conditions = List(Nested(schemas.Asked), validate=Length(1, 10), metadata={"description": "All of them hold"})
    percent = Float(validate=Range(min=0, max=100, min_inclusive=False))

    @validates_schema
    def _one(self, data: dict[str, Any], **_: Any) -> None:
        if len(data.keys() & {"filter_id", "conditions", "percent"}) != 1:
            raise ValidationError("give one of filter_id, conditions and percent")


class Split(Schema):
    parts = List(Nested(SplitPart), required=True, validate=Length(1, MOST_PARTS))
    rest = String(validate=Length(1, 120), metadata={"description": "Name of a list for who is in no part"})
    copies = Boolean(load_default=False, metadata={"description": "Copy the contacts, in place of moving them"})
    word = String(
        validate=Length(1, 64),
        metadata={"description": "The same word gives the same shares again"},
    )
    dry_run = Boolean(load_default=False, metadata={"description": "Only count"})

    @validates_schema
    def _one_way(self, data: dict[str, Any], **_: Any) -> None:
        percents = [part["percent"] for part in data["parts"] if "percent" in part]
        if percents and (len(percents) < len(data["parts"]) or "rest" in data):
            raise ValidationError({"parts": ["are all by percent, with no rest, or none is"]})
        if sum(percents) > 100 + _ROUNDED:
            raise ValidationError({"parts": ["percentages are together 100 at most"]})


class PartOut(Schema):
    name = String()
    contacts = Integer()


class SplitOut(Schema):
    parts = List(Nested(PartOut))
    staying = Integer(metadata={"description": "Contacts that stay where they are alone"})


class Share(Schema):
    organization = String(
        required=True,
        validate=Length(1, 120),
        metadata={"description": "Its exact name; * is every one"},
    )
    may_edit = Boolean(load_default=False, metadata={"description": "Change contacts one by one, beside using them"})


class ShareOut(Share):
    id = Integer()


class SharesOut(Schema):
    shares = List(Nested(ShareOut))


@blueprint.post("/splits")
@blueprint.input(Split, arg_name="body")
@blueprint.output(schemas.ChangeOut, status_code=202)
@blueprint.doc(
    summary="Split a list into several",
    description=f"In the background; it can be undone for {list_changes.UNDO_FOR.days} days. With `dry_run` it answers "
    f"200 and how many contacts would come into each part. {REPEATABLE}",
    security="token",
    responses=[401, 404, 422],
)
def split(list_id: int, body: dict[str, Any]) -> Any:
    if (before := answered()) is not None:
        return before
    plan = _plan(body)
    # Counted before the writing transaction, which would keep all other writers waiting meanwhile.
    try:
        seen = list_changes.look_split(reader(), actor(), list_id, plan, utcnow())
    except BadCondition as error:
        group, condition = error.place
        owners = [place for place, part in enumerate(plan.parts) for _ in (part.made.groups if part.made else ())]
        return problem(422, str(error), [(f"#/parts/{owners[group]}/conditions/{condition}", str(error))])
    if body["dry_run"]:
        return _counted(plan, seen)

    @changing
    def start() -> tuple[int, Any]:
        change = list_changes.start_split(
            writing_session(), actor(), list_id, plan, expected=seen.counted, last_id=seen.last_id
        )
        return 202, shown(change)

    return start()


@blueprint.post("/shares")
@blueprint.input(Share, arg_name="body")
@blueprint.output(ShareOut)
@blueprint.doc(
    summary="Share a list with an organization, or all",
    description=f"Sharing again changes what it may. {REPEATABLE}", security="token", responses=[401, 404, 422],
)  # fmt: skip
@changing
def share(list_id: int, body: dict[str, Any]) -> tuple[int, Any]:
    name, edit = body["organization"], body["may_edit"]
    row = sharing.share(writing_session(), actor(), list_id, name, may_edit=edit)
    return 200, {"id": row.id, "organization": name.strip(), "may_edit": edit}


@blueprint.get("/shares")
@blueprint.output(SharesOut)
@blueprint.doc(summary="With whom a list is shared", security="token", responses=[401, 404])
def show_shares(list_id: int) -> dict[str, Any]:
    return {"shares": [_share(each) for each in sharing.shares_of(reader(), actor(), list_id)]}


@blueprint.delete("/shares/<int:share_id>")
@blueprint.doc(
    summary="Share a list no more", description=f"No attempt to its contacts begins after the answer. {REPEATABLE}",
    security="token", responses=[204, 401, 404],
)  # fmt: skip
@changing
def unshare(list_id: int, share_id: int) -> tuple[int, Any]:
    sharing.unshare(writing_session(), actor(), list_id, share_id)
    return 204, None


def _plan(body: dict[str, Any]) -> Plan:
    parts = [
        Part(part["name"].strip(), None if "percent" in part else made_of(part), part.get("percent", 0.0) / 100)
        for part in body["parts"]
    ]
    if "rest" in body:
        parts.append(Part(body["rest"].strip()))
    return Plan(tuple(parts), body["copies"], body.get("word") or secrets.token_hex(4))


def _counted(plan: Plan, seen: SplitLook) -> Response:
    parts = [{"name": part.name, "contacts": count} for part, count in zip(plan.parts, seen.counts, strict=True)]
    return jsonify({"parts": parts, "staying": seen.staying})


def _share(each: Shared) -> dict[str, Any]:
    return {"id": each.id, "organization": each.organization or EVERYBODY, "may_edit": each.may_edit}
