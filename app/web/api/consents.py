"""The consent ledger: entering what people allow and take back, and what was entered of somebody."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from apiflask import APIBlueprint, Schema
from apiflask.fields import Integer, List, Nested, String
from apiflask.validators import Length, OneOf

from app.models import ConsentAct, DncKind
from app.services import consents
from app.services.consent_lines import NEVER, When, ends_at, said_at
from app.services.contact_push import MOST
from app.web.api.gate import actor, changing, writing_session
from app.web.api.views import REPEATABLE
from app.web.database import reader
from common.clock import utcnow
from common.errors import Refused

blueprint = APIBlueprint("consents", __name__, url_prefix="/api/v1", tag="Consents")
_KINDS = [kind.value for kind in DncKind if kind is not DncKind.ERASED]


class Person(Schema):
    kind = String(required=True, validate=OneOf(_KINDS))
    value = String(required=True, validate=Length(1, 254))


class Evidence(Schema):
    name = String(required=True, validate=Length(1, 255))
    content = String(required=True, metadata={"description": "In base64, 5,000,000 bytes at most"})


class Consent(Person):
    channel = String(required=True, validate=OneOf(consents.CHANNELS))
    purpose = String(required=True, validate=Length(1, 64), metadata={"description": "Such as marketing"})
    act = String(required=True, validate=OneOf([act.value for act in ConsentAct]))
    source = String(required=True, validate=Length(1, 64), metadata={"description": "By what: web form, paper, call"})
    at = String(
        metadata={
            "description": "When the person said so (ISO 8601, UTC without a zone; a date alone is a day of the "
            "person's own calendar); now if left out"
        }
    )
    expires_at = String(
        metadata={
            "description": "ISO 8601; a date alone is the last day by the person's own calendar; until it is taken "
            "back if left out"
        }
    )
    text_shown = String(load_default="", metadata={"description": "The words the person saw or heard"})
    evidence = Nested(Evidence)


class Consents(Schema):
    entries = List(Nested(Consent), required=True, validate=Length(1, MOST))


class EnteredOut(Schema):
    entered = Integer()


class EventOut(Person):
    channel = String()
    purpose = String()
    act = String()
    at = String()
    expires_at = String()
    source = String()
    text_shown = String()
    entered_at = String()


class LedgerOut(Schema):
    entries = List(Nested(EventOut))


@blueprint.post("/consents")
@blueprint.input(Consents, arg_name="body")
@blueprint.output(EnteredOut)
@blueprint.doc(
    summary="Enter consents, given or taken back",
    description=f"All or none; each holds from the answer on. {REPEATABLE}", security="token", responses=[401, 422],
)  # fmt: skip
@changing
def enter(body: dict[str, Any]) -> tuple[int, Any]:
    for place, entry in enumerate(body["entries"]):
        act = consents.give if entry["act"] == ConsentAct.GIVEN else consents.revoke
        try:
            act(writing_session(), actor(), (entry["kind"], entry["value"]), _fields(entry))
        except Refused as error:
            raise Refused(f"entries/{place}: {error}") from error
    return 200, {"entered": len(body["entries"])}


@blueprint.post("/consents/ledger")
@blueprint.input(Person, arg_name="body")
@blueprint.output(LedgerOut)
@blueprint.doc(
    summary="What was entered of somebody", description="Newest first; the newest for a channel and a purpose decides.",
    security="token", responses=[401, 422],
)  # fmt: skip
def ledger(body: dict[str, Any]) -> dict[str, Any]:
    events = consents.of_subject(reader(), actor(), (body["kind"], body["value"]))
    texts = ("channel", "purpose", "act", "source", "text_shown")
    return {
        "entries": [
            {
                **body,
                **{name: getattr(event, name) for name in texts},
                "at": (event.said_on or event.at).isoformat(),
                "expires_at": (event.last_day or event.expires_at).isoformat() if event.expires_at else "",
                "entered_at": event.entered_at.isoformat(),
            }
            for event in events
        ]
    }


def _fields(entry: dict[str, Any]) -> consents.ConsentFields:
    proof = entry.get("evidence")
    act = ConsentAct(entry["act"])
    said = said_at(entry["at"], act, utcnow()) if entry.get("at") else When(None)
    ends = ends_at(entry["expires_at"]) if act is ConsentAct.GIVEN and entry.get("expires_at") else NEVER
    return consents.ConsentFields(
        entry["channel"],
        entry["purpose"],
        entry["source"],
        entry["text_shown"],
        said.moment,
        ends.moment,
        (proof["name"], _body(proof["content"])) if proof else None,
        said.day,
        ends.day,
    )


def _body(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise Refused("evidence: its content is not base64") from error
