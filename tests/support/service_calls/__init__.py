"""How each service function that takes an actor is called: one line for each, which a test keeps complete."""

from __future__ import annotations

from tests.support.service_calls import calling, people, site
from tests.support.service_calls.call import Call, Cases

__all__ = ["CASES", "ELSEWHERE", "OPEN", "Call"]

CASES: Cases = {**people.CASES, **calling.CASES, **site.CASES}
#: Functions that take an actor and have no organization to cross, with the reason.
ELSEWHERE = {
    "sharing.is_foreign": "compares an actor with a row that the caller has already been given",
    "sharing.may_edit": "tells of a list that the caller has already been given",
    "masked.masked_attributes": "tells of organizations whose rows the caller has already been given",
    "contact_editing.editable": "tells of a contact that the caller has already been given",
    "contacts.views_of": "shows rows that the caller has already been given",
    "audit.record": "writes about a row that the caller has already been given",
    "examples.load_example": "sets up a new installation; called by `clarion up` alone",
    "trunks.may_change": "compares an actor with a row that the caller has already been given",
    "users.change_own_password": "concerns the actor's own row only",
    "users.end_sessions": "concerns the actor's own row only",
}
#: Need no permission: they tell an actor of its own organization.
OPEN = {name for name in CASES if name.startswith("organizations.")}
