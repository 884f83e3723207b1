"""What a run is to do with its file: how it is read, and what of a contact is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.db import read_transaction
from app.intake import mapping as mappings
from app.intake import reading
from app.intake.chunks import Job
from app.intake.kept_blocks import KEPT_BLOCKS
from app.models import Attribute, ContactList, ImportMode, ImportRun, OnDuplicate
from app.services.importing.changing import Target
from app.services.importing.sieve import make_sieve
from app.services.numbering import read_numbering

#: Entries of do-not-call lists that are always read before an import, and bytes of the file that are worth another.
_ASKED_SINGLY, _BYTES_AN_ENTRY = 100_000, 16


class Plan(NamedTuple):
    target: Target
    job: Job


def plan(
    engine: Engine,
    run: ImportRun,
    contact_list: ContactList,
    types: Mapping[str, str],
    path: Path,
    passed: int,
    *,
    as_copy: bool,
    home: Path | None = None,
) -> Plan:
    """`passed` records of the file were taken before; `home` is the state directory, for what earlier imports have
    learnt of numbers. Raise Refused."""
    form = reading.detect(path, run.delimiter)
    mapping = mappings.check(form.columns, run.mapping)
    targets = set(mapping.values())
    fields = tuple(name for name in mappings.FIELDS if name in targets)
    skip = run.on_duplicate == OnDuplicate.SKIP
    with read_transaction(engine) as session:
        target = Target(
            run.organization_id, run.contact_list_id, fields, tuple(mappings.addresses(mapping)), skip,
            run_id=run.id, remembers=run.mode != ImportMode.DELTA, whole=run.mode == ImportMode.REPLACE,
            private=private_attributes(session, run.organization_id),
        )  # fmt: skip
        numbering = read_numbering(session, run.organization_id)
        sieve = make_sieve(session, run.organization_id, max(_ASKED_SINGLY, run.bytes_total // _BYTES_AN_ENTRY))
    job = Job(
        path=str(path),
        delimiter=form.delimiter,
        columns=form.columns,
        mapping=mapping,
        types=dict(types),
        home_country=country_of_file(run.understood) or contact_list.home_country,
        passed=passed,
        as_copy=as_copy,
        sieve_bits=bytes(sieve.bits) if sieve else None,
        sieve_kinds=tuple(sieve.kinds) if sieve else (),
        first_counts=skip,
        memory=str(home / KEPT_BLOCKS) if home else "",
        numbering=numbering.to_json(),
    )
    return Plan(target, job)


def private_attributes(session: Session, organization_id: int) -> frozenset[str]:
    """Whose values no history holds."""
    mine = (Attribute.organization_id == organization_id, Attribute.private)
    return frozenset(session.scalars(select(Attribute.name).where(*mine)))


def country_of_file(understood: Mapping[str, Any]) -> str:
    """Where somebody has said it; "" leaves it to the list."""
    return str(understood.get("choices", {}).get("home_country", "")).strip().upper()
