"""An import tried on a file's first rows: what each would become, with nothing written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import among
from app.intake import mapping as mappings
from app.intake import reading
from app.intake.rows import PreparedContact, Preparer, Reject
from app.models import Attribute, Contact, ContactList
from app.security.access import Actor, Permission, get_scoped
from app.services.importing.spooling import HEAD_ROWS
from app.services.numbering import read_numbering

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Trial:
    rows: int
    added: int
    updated: int
    rejected: int
    first_rejects: tuple[Reject, ...]
    #: Whether these were all rows of the file.
    whole: bool


def try_out(
    session: Session,
    actor: Actor,
    contact_list_id: int,
    head: Path,
    mapping: Mapping[str, str],
    types: Mapping[str, str],
    delimiter: str = "",
    home_country: str = "",
) -> Trial:
    """`head` is a spool's first rows; `types` are those of attributes to be made, `home_country` is the file's own.

    Raise Refused as a start would."""
    actor.require(Permission.LISTS_VIEW)
    contact_list = get_scoped(session, actor, ContactList, contact_list_id)
    form = reading.detect(head, delimiter)
    checked = mappings.check(form.columns, mapping)
    owner = Attribute.organization_id == contact_list.organization_id
    defined = {name: kind for name, kind in session.execute(select(Attribute.name, Attribute.type).where(owner))}
    numbering = read_numbering(session, contact_list.organization_id)
    preparer = Preparer(
        form.columns, checked, {**types, **defined}, home_country or contact_list.home_country, numbering
    )
    ids: list[str] = []
    rejects: list[Reject] = []
    with reading.open_text(head) as file:
        for item in islice(reading.records(file, form), HEAD_ROWS):
            made = preparer.prepare(item) if isinstance(item, reading.Record) else None
            if isinstance(made, PreparedContact):
                ids.append(made.external_id)
            elif isinstance(item, reading.Bad):
                rejects.append(Reject(item.line, "", item.reason, item.text))
            elif made is not None:
                rejects.append(made)
    new = len(set(ids) - _known(session, contact_list_id, ids))
    rows = len(ids) + len(rejects)
    whole = rows < HEAD_ROWS - 1
    return Trial(rows, new, len(ids) - new, len(rejects), tuple(rejects[:_SHOWN]), whole)


def _known(session: Session, contact_list_id: int, ids: list[str]) -> set[str]:
    if not ids:
        return set()
    found = select(Contact.external_id).where(
        Contact.contact_list_id == contact_list_id, among(session, Contact.external_id, ids)
    )
    return set(session.scalars(found))
