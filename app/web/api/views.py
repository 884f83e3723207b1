"""Contacts of a list, and the do-not-call list."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response

from app.db import write_transaction
from app.models import AddressKind
from app.security.access import Permission
from app.services import contact_push, contacts, dnc, dnc_values, lists, regions
from app.services.audit import record
from app.web.api import schemas
from app.web.api.gate import actor, changing, writing_session
from app.web.api.problems import problem
from app.web.database import engine, reader
from common.masking import mask_personal

blueprint = APIBlueprint("v1", __name__, url_prefix="/api/v1", tag="Contacts")
_LIST = "/lists/<int:list_id>/contacts"
#: Said of each request that changes something.
REPEATABLE = "With the header `Idempotency-Key` the same request sent again within a day is done once."


@blueprint.get("/lists")
@blueprint.output(schemas.ListsOut)
@blueprint.doc(summary="Contact lists", security="token", responses=[401])
def show_lists() -> dict[str, Any]:
    rows = lists.list_lists(reader(), actor())
    return {
        "lists": [
            {
                "id": row.contact_list.id,
                "name": row.contact_list.name,
                "home_country": row.contact_list.home_country,
                "contacts": row.contacts,
                "owner": row.owner,
            }
            for row in rows
        ]
    }


@blueprint.post(_LIST)
@blueprint.input(schemas.Contacts, arg_name="body")
@blueprint.output(schemas.PushedOut)
@blueprint.doc(summary="Add or change many contacts", description=REPEATABLE, security="token", responses=[401, 422])
@changing
def push(list_id: int, body: dict[str, Any]) -> tuple[int, Any]:
    """Each contact is taken or refused by itself."""
    pushed = contact_push.push(writing_session(), actor(), list_id, [schemas.flat(one) for one in body["contacts"]])
    errors = [
        {"pointer": f"#/contacts/{fault.index}{schemas.pointer(fault.field)}", "detail": fault.reason}
        for fault in pushed.faults
    ]
    return 200, {"added": pushed.added, "updated": pushed.updated, "refused": len(errors), "errors": errors}


@blueprint.put(f"{_LIST}/<contact_id>")
@blueprint.input(schemas.ContactFields, arg_name="body")
@blueprint.output(schemas.PushedOut)
@blueprint.doc(summary="Add or change one contact", description=REPEATABLE, security="token", responses=[401, 422])
def put(list_id: int, contact_id: str, body: dict[str, Any]) -> Response:
    faults: list[contact_push.Fault] = []

    @changing
    def write() -> tuple[int, Any]:
        contact = schemas.flat({**body, "id": contact_id})
        pushed = contact_push.push(writing_session(), actor(), list_id, [contact])
        faults.extend(pushed.faults)
        status = 422 if pushed.faults else 201 if pushed.added else 200
        return status, {"added": pushed.added, "updated": pushed.updated, "refused": len(pushed.faults), "errors": []}

    answer = write()
    if faults:
        detail = "; ".join(f"{fault.field or 'contact'}: {fault.reason}" for fault in faults)
        return problem(422, detail, [(f"#{schemas.pointer(fault.field)}", fault.reason) for fault in faults])
    return answer


@blueprint.get(f"{_LIST}/<contact_id>")
@blueprint.output(schemas.ContactOut)
@blueprint.doc(summary="One contact", security="token", responses=[401, 404])
def show(list_id: int, contact_id: str) -> dict[str, Any]:
    found = contact_push.find_pushed(reader(), actor(), list_id, contact_id)
    view = contacts.get_contact(reader(), actor(), found)
    names = ("first_name", "last_name", "language", "time_zone", "customer_id")
    seen = actor().may(Permission.NUMBERS_VIEW)
    shown = _whole if seen else _masked
    if seen:
        with write_transaction(engine()) as session:
            record(session, actor(), "numbers.view", view.contact, after={"by": actor().login})
    origins = {
        address.id: regions.origin(address.value, seen=seen)
        for address in view.addresses
        if address.kind == AddressKind.PHONE
    }
    return {
        "id": view.contact.external_id,
        **{name: getattr(view.contact, name) for name in names},
        "attributes": {name: shown(value) for name, value in view.attributes.items()},
        "addresses": [
            {
                "name": address.name,
                "kind": address.kind,
                "value": shown(address.value),
                "original": shown(address.original),
                "country": address.country,
                "number_type": address.number_type,
                "region": origins[address.id].region if address.id in origins else "",
                "carrier": origins[address.id].carrier if address.id in origins else "",
                "disabled": address.disabled_code,
            }
            for address in view.addresses
        ],
    }


@blueprint.delete(f"{_LIST}/<contact_id>")
@blueprint.doc(summary="Delete one contact", description=REPEATABLE, security="token", responses=[204, 401, 404])
@changing
def delete(list_id: int, contact_id: str) -> tuple[int, Any]:
    contact_push.withdraw(writing_session(), actor(), list_id, contact_id)
    return 204, None


@blueprint.post("/dnc")
@blueprint.input(schemas.Listed, arg_name="body")
@blueprint.output(schemas.ListedOut)
@blueprint.doc(
    summary="Do not call these any more", description=f"It holds from the answer on. {REPEATABLE}",
    security="token", tags=["Do not call"], responses=[401, 422],
)  # fmt: skip
@changing
def list_subjects(body: dict[str, Any]) -> tuple[int, Any]:
    added = dnc.add(
        writing_session(),
        actor(),
        _subjects(body),
        dnc_list_id=body.get("list_id"),
        source="api",
        proof=body["proof"],
        until=body.get("until"),
        home_country=body["home_country"],
    )
    return 200, {"added": added}


@blueprint.post("/dnc/check")
@blueprint.input(schemas.Subjects, arg_name="body")
@blueprint.output(schemas.CheckOut)
@blueprint.doc(
    summary="Whether these may not be called", description="By lists that hold for every campaign.",
    security="token", tags=["Do not call"], responses=[401, 422],
)  # fmt: skip
def check_subjects(body: dict[str, Any]) -> dict[str, Any]:
    listed = dnc_values.check(reader(), actor(), _subjects(body), body["home_country"])
    return {"entries": [{**entry, "listed": yes} for entry, yes in zip(body["entries"], listed, strict=True)]}


@blueprint.post("/dnc/remove")
@blueprint.input(schemas.TakenOff, arg_name="body")
@blueprint.output(schemas.TakenOffOut)
@blueprint.doc(
    summary="Take these off the organization's lists", description=REPEATABLE,
    security="token", tags=["Do not call"], responses=[401, 422],
)  # fmt: skip
@changing
def remove_subjects(body: dict[str, Any]) -> tuple[int, Any]:
    gone = dnc_values.take_off(
        writing_session(), actor(), _subjects(body), dnc_list_id=body.get("list_id"), home_country=body["home_country"]
    )
    return 200, {"removed": gone}


def _whole(value: Any) -> Any:
    return value


def _masked(value: Any) -> Any:
    return mask_personal(value) if isinstance(value, str) else value


def _subjects(body: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["kind"], entry["value"]) for entry in body["entries"]]
