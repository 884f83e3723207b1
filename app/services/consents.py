"""The consent ledger: entering what people allow and take back, and the look that every attempt passes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.compliance import Act, Consent, begins_last, consent_of
from app.models import Address, ConsentAct, ConsentEvent, ConsentEvidence, Contact, DncKind
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.audit import record
from app.services.csv_text import csv_lines
from app.services.dnc import normalised, subjects_of
from app.services.number_formats import country_to_read_by
from app.services.organizations import organization_for
from common.clock import utcnow
from common.errors import Refused

CHANNELS = ("voice", "sms", "email")
LARGEST_EVIDENCE = 5_000_000
_PURPOSE = re.compile(r"[a-z][a-z0-9_ -]{0,63}")
_LONGEST_TEXT = 10_000
_BATCH = 500


@dataclass(frozen=True, slots=True)
class ConsentFields:
    """`at` None is now; `evidence` is a file's name and body. `said_on` and `last_day` are days of the person's own
    calendar where `at` and `expires_at` are known by the day alone."""

    channel: str
    purpose: str
    source: str
    text_shown: str = ""
    at: datetime | None = None
    expires_at: datetime | None = None
    evidence: tuple[str, bytes] | None = None
    said_on: date | None = None
    last_day: date | None = None


def give(
    session: Session, actor: Actor, person: tuple[str, str], fields: ConsentFields, organization_id: int | None = None
) -> ConsentEvent:
    """`person` is (kind, value) as do-not-call entries have it."""
    return _enter(session, actor, person, fields, ConsentAct.GIVEN, organization_id)


def revoke(
    session: Session, actor: Actor, person: tuple[str, str], fields: ConsentFields, organization_id: int | None = None
) -> ConsentEvent:
    """Holds from the next attempt on; what was given before stays in the ledger."""
    return _enter(session, actor, person, fields, ConsentAct.REVOKED, organization_id)


def of_contact(session: Session, actor: Actor, contact_id: int) -> list[ConsentEvent]:
    """Everything entered about a contact, by any of its addresses and IDs; newest first."""
    actor.require(Permission.LISTS_VIEW)
    contact = get_scoped(session, actor, Contact, contact_id)
    addresses = session.execute(select(Address.kind, Address.value).where(Address.contact_id == contact.id)).all()
    subjects = {(kind, value) for kind, value in addresses} | set(subjects_of(contact.external_id, contact.customer_id))
    return _newest_first(_events(session, contact.organization_id, subjects))


def of_subject(
    session: Session, actor: Actor, person: tuple[str, str], organization_id: int | None = None
) -> list[ConsentEvent]:
    """What was entered by this very name, (kind, value) as do-not-call entries have it; newest first."""
    actor.require(Permission.DNC_VIEW)
    home = organization_for(session, actor, organization_id)
    name = (str(DncKind(person[0])), normalised(*person, country_to_read_by(session, home)))
    return _newest_first(_events(session, home, {name}))


def evidence(session: Session, actor: Actor, evidence_id: int) -> ConsentEvidence:
    actor.require(Permission.LISTS_VIEW)
    return get_scoped(session, actor, ConsentEvidence, evidence_id)


def export_csv(session: Session, actor: Actor, purpose: str = "") -> Iterator[str]:
    """The ledger as CSV in pieces, in order of entering; `consent_files` takes it back. Evidence by its name."""
    actor.require(Permission.DNC_VIEW)
    names = ("kind", "value", "channel", "purpose", "act", "at", "expires_at", "source", "text_shown")
    yield csv_lines([(*names, "evidence", "entered_at")])
    after = 0
    files = (ConsentEvidence, ConsentEvidence.id == ConsentEvent.evidence_id)
    while True:
        wanted = select(ConsentEvent, ConsentEvidence.file_name).outerjoin(*files).where(ConsentEvent.id > after)
        statement = scoped(wanted, ConsentEvent, actor)
        if purpose:
            statement = statement.where(ConsentEvent.purpose == purpose)
        page = session.execute(statement.order_by(ConsentEvent.id).limit(_BATCH)).all()
        if not page:
            return
        yield csv_lines(
            [*(_as_said(event, name) for name in names), file_name or "", event.entered_at] for event, file_name in page
        )
        after = page[-1][0].id
        session.expunge_all()


def _as_said(event: ConsentEvent, name: str) -> Any:
    """A day where no more is known."""
    day = {"at": event.said_on, "expires_at": event.last_day}.get(name)
    return getattr(event, name) if day is None else day


def acts_of(
    session: Session, organization_id: int, purpose: str, subjects: Collection[tuple[str, str]]
) -> Mapping[tuple[str, str], Sequence[tuple[str, Act]]]:
    """By person's name, the channel and act of each entry for the purpose."""
    found: dict[tuple[str, str], list[tuple[str, Act]]] = {}
    for event in _events(session, organization_id, subjects, purpose):
        at = event.at if event.said_on is None else event.entered_at
        act = Act(at, event.id, event.act == ConsentAct.GIVEN, event.expires_at, event.said_on, event.last_day)
        found.setdefault((event.kind, event.value), []).append((event.channel, act))
    return found


def consent_for(
    acts: Mapping[tuple[str, str], Sequence[tuple[str, Act]]],
    names: Collection[tuple[str, str]],
    channel: str,
    now: datetime,
    zones: Sequence[str] = (),
) -> Consent:
    """What a person of all these names, who may be in any of the zones, has allowed on a channel."""
    return consent_of((act for name in names for where, act in acts.get(name, ()) if where == channel), now, zones)


def checked(
    person: tuple[str, str], fields: ConsentFields, act: ConsentAct, now: datetime, home_country: str = "US"
) -> dict[str, Any]:
    """An entry's own values, without its evidence and who entered it. Raise Refused naming the field."""
    if fields.channel not in CHANNELS:
        raise Refused(f"channel: use {', '.join(CHANNELS)}")
    if fields.at is not None and fields.at > now:
        raise Refused("at: nobody can have said it after this moment")
    if act is ConsentAct.GIVEN and (ends := _ends_last(fields)) is not None and ends <= (fields.at or now):
        raise Refused("expires_at: a consent ends after it was given")
    if not fields.source.strip():
        raise Refused("source: say by what it was given or taken back, such as web form, paper or call")
    if len(fields.text_shown) > _LONGEST_TEXT:
        raise Refused(f"text_shown: {_LONGEST_TEXT:,} characters at most")
    return {
        "kind": str(DncKind(person[0])),
        "value": normalised(*person, home_country),
        "channel": fields.channel,
        "purpose": checked_purpose(fields.purpose),
        "act": act.value,
        "at": fields.at or now,
        "said_on": fields.said_on,
        "expires_at": fields.expires_at,
        "last_day": fields.last_day,
        "source": fields.source.strip()[:64],
        "text_shown": fields.text_shown,
    }


def _ends_last(fields: ConsentFields) -> datetime | None:
    """Wherever the person is."""
    return begins_last(fields.last_day + timedelta(days=1), ()) if fields.last_day else fields.expires_at


def keep_evidence(session: Session, organization_id: int, name: str, body: bytes) -> int:
    """The row of the file; one that is there already with the same name and body serves again."""
    if len(body) > LARGEST_EVIDENCE:
        raise Refused(f"evidence: {LARGEST_EVIDENCE:,} bytes at most")
    digest, plain = hashlib.sha256(body).hexdigest(), plain_name(name)
    same = (ConsentEvidence.organization_id == organization_id, ConsentEvidence.file_name == plain)
    there = session.scalar(select(ConsentEvidence.id).where(*same, ConsentEvidence.digest == digest).limit(1))
    if there is not None:
        return there
    row = ConsentEvidence(organization_id=organization_id, file_name=plain, digest=digest, body=body)
    session.add(row)
    session.flush()
    return row.id


def plain_name(name: str) -> str:
    """Without the folders of whoever sent it."""
    return name.replace("\\", "/").rsplit("/", 1)[-1][:255]


def checked_purpose(purpose: str) -> str:
    text = purpose.strip().lower()
    if not _PURPOSE.fullmatch(text):
        raise Refused("purpose: use small letters, digits, spaces and hyphens, such as marketing")
    return text


def _enter(
    session: Session,
    actor: Actor,
    person: tuple[str, str],
    fields: ConsentFields,
    act: ConsentAct,
    organization_id: int | None,
) -> ConsentEvent:
    actor.require(Permission.DNC_EDIT)
    home = organization_for(session, actor, organization_id)
    now = utcnow()
    event = ConsentEvent(
        organization_id=home,
        **checked(person, fields, act, now, country_to_read_by(session, home)),
        evidence_id=keep_evidence(session, home, *fields.evidence) if fields.evidence else None,
        entered_by=actor.user_id,
        entered_at=now,
    )
    session.add(event)
    session.flush()
    after = {"kind": event.kind, "channel": event.channel, "purpose": event.purpose, "source": event.source}
    record(session, actor, f"consent.{act.value}", event, after=after)
    return event


def _newest_first(events: list[ConsentEvent]) -> list[ConsentEvent]:
    return sorted(events, key=lambda event: (event.at, event.id), reverse=True)


def _events(
    session: Session, organization_id: int, subjects: Collection[tuple[str, str]], purpose: str = ""
) -> list[ConsentEvent]:
    by_kind: dict[str, list[str]] = {}
    for kind, value in subjects:
        if value:
            by_kind.setdefault(kind, []).append(value)
    found: list[ConsentEvent] = []
    for kind, values in by_kind.items():
        for start in range(0, len(values), _BATCH):
            statement = select(ConsentEvent).where(
                ConsentEvent.organization_id == organization_id,
                ConsentEvent.kind == kind,
                ConsentEvent.value.in_(values[start : start + _BATCH]),
            )
            found += session.scalars(statement.where(ConsentEvent.purpose == purpose) if purpose else statement)
    return found
