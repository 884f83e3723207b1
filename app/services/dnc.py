"""Do-not-call lists: adding, removing, and the look-up that every attempt passes.

Each organization has its own lists; those without organization are common to all and always apply too. A list
"by group" holds for campaigns that have chosen a group with it, and wherever no campaign is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import TypeVar

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, union_all
from sqlalchemy.orm import Session

from app.core.compliance import Listing, earliest_day
from app.core.phone import NeverDialled, parse_number
from app.db import among, insert_missing
from app.models import (
    Attempt,
    CampaignDncGroup,
    CompletionCode,
    Contact,
    DncEntry,
    DncGroupList,
    DncKind,
    DncList,
)
from app.security.access import Actor, NotFound, Permission, get_scoped, scoped
from app.security.pseudonyms import of_session as pseudonyms_of_session
from app.services.audit import record
from app.services.csv_text import csv_lines
from app.services.number_formats import country_to_read_by
from app.services.organizations import organization_for
from common.clock import utcnow
from common.errors import ConfigError, Refused

T = TypeVar("T")

#: The list that opt-outs by SMS, email and calls go to.
OWN_LIST = "Do not call"
#: The source of an opt-out by the channel it was said in.
CALL, SMS_STOP, EMAIL_UNSUBSCRIBE = "call", "sms_stop", "email_unsubscribe"
_SOURCES = {"voice": CALL, "sms": SMS_STOP, "email": EMAIL_UNSUBSCRIBE}
_BATCH = 500


#: In place of a campaign: the lists that hold for all campaigns, and no list by group.
NO_CAMPAIGN = 0


def blocked(
    session: Session,
    organization_id: int,
    subjects: Iterable[tuple[str, str]],
    now: datetime | None = None,
    campaign_id: int | None = None,
) -> list[Listing]:
    """Which of the (kind, value) pairs are on a list of the organization or on a common one at this moment.

    Kinds are `DncKind`s; values are E.164 numbers, emails, or ids. A listing of `until_day` still has to be asked
    where the person is (`Listing.holds`). Without a campaign every list counts.
    """
    moment = now or utcnow()
    by_kind: dict[str, set[str]] = {}
    for kind, value in subjects:
        if value:
            by_kind.setdefault(str(kind), set()).add(value.lower() if kind == DncKind.EMAIL else value)
    erased = erased_subjects(session, by_kind)
    found = _named(session, {**by_kind, str(DncKind.ERASED): set(erased)} if erased else by_kind)
    if not found:
        return []
    statement = (
        select(DncEntry.kind, DncEntry.value, DncList.name, DncEntry.until, DncEntry.until_day)
        .join(DncList, DncList.id == DncEntry.dnc_list_id)
        .where(
            _any_of(session, found),
            or_(DncEntry.organization_id == organization_id, DncEntry.organization_id.is_(None)),
            or_(DncEntry.until.is_(None), DncEntry.until > moment),
            or_(DncEntry.until_day.is_(None), DncEntry.until_day >= earliest_day(moment)),
            # Whoever was erased is never called, whatever list says so.
            *(or_(DncEntry.kind == DncKind.ERASED, chosen) for chosen in chosen_lists(campaign_id)),
        )
        .order_by(DncEntry.id)
    )
    rows = session.execute(statement)
    return [
        Listing(*(erased[value] if kind == DncKind.ERASED else (kind, value)), name, until, until_day)
        for kind, value, name, until, until_day in rows
    ]


def erased_subjects(session: Session, subjects: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, str]]:
    """What the subjects would be called had they been erased, and who that is; empty where nobody was."""
    least = select(func.min(DncEntry.value)).where(DncEntry.kind == DncKind.ERASED)
    greatest = select(func.max(DncEntry.value)).where(DncEntry.kind == DncKind.ERASED)
    kept = {value[:8] for value in session.scalars(least.union_all(greatest)) if value is not None}
    if not kept:
        return {}
    pseudonyms = pseudonyms_of_session(session)
    if kept != {pseudonyms.mark}:
        raise ConfigError(
            "CLARION_SECRET_KEY: people were erased under another key, so nobody can tell whom not to call; "
            "give that key again"
        )
    return pseudonyms.of_all(subjects)


def _named(session: Session, subjects: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Those of the subjects that any entry names, whatever list it is on: read from the index alone, since nearly
    everybody asked for is on none."""
    found: dict[str, set[str]] = {}
    looks = [
        select(DncEntry.kind, DncEntry.value).where(
            DncEntry.kind == kind, among(session, DncEntry.value, sorted(values))
        )
        for kind, values in subjects.items()
    ]
    if looks:
        # Joined, not one condition of several: PostgreSQL would go to the table for that.
        for kind, value in session.execute(union_all(*looks)):
            found.setdefault(kind, set()).add(value)
    return found


def _any_of(session: Session, subjects: Mapping[str, set[str]]) -> ColumnElement[bool]:
    named = [
        and_(DncEntry.kind == kind, among(session, DncEntry.value, sorted(values))) for kind, values in subjects.items()
    ]
    return or_(*named)


def chosen_lists(campaign_id: int | None) -> list[ColumnElement[bool]]:
    """The conditions for lists that hold for a campaign; none, and so every list, where no campaign is known."""
    if campaign_id is None:
        return []
    chosen = (
        select(DncGroupList.dnc_list_id)
        .join(CampaignDncGroup, CampaignDncGroup.dnc_group_id == DncGroupList.dnc_group_id)
        .where(CampaignDncGroup.campaign_id == campaign_id)
    )
    return [or_(DncList.by_group.is_(False), DncList.id.in_(chosen))]


def subjects_of(external_id: str, customer_id: str) -> list[tuple[str, str]]:
    """A person as lists name it, whatever the address."""
    return [(str(DncKind.CONTACT_ID), external_id), (str(DncKind.CUSTOMER_ID), customer_id)]


def is_listed(session: Session, organization_id: int, kind: str, value: str, now: datetime | None = None) -> bool:
    """Wherever the person is: an entry of a day holds as long as it does anywhere."""
    return bool(blocked(session, organization_id, [(kind, value)], now))


def list_dnc_lists(session: Session, actor: Actor) -> list[tuple[DncList, int]]:
    """Each list with the number of its entries; common ones too."""
    actor.require(Permission.DNC_VIEW)
    lists = list(
        session.scalars(scoped(select(DncList), DncList, actor, include_common=True).order_by(DncList.name, DncList.id))
    )
    counts: dict[int, int] = {
        list_id: count
        for list_id, count in session.execute(
            select(DncEntry.dnc_list_id, func.count())
            .where(DncEntry.dnc_list_id.in_([dnc_list.id for dnc_list in lists]))
            .group_by(DncEntry.dnc_list_id)
        )
    }
    return [(dnc_list, counts.get(dnc_list.id, 0)) for dnc_list in lists]


def create_dnc_list(
    session: Session, actor: Actor, name: str, organization_id: int | None = None, *, common: bool = False
) -> DncList:
    """A `common` list applies to every organization and needs a global actor."""
    actor.require(Permission.DNC_EDIT)
    if common:
        actor.require_global()
    home = None if common else organization_for(session, actor, organization_id)
    name = name.strip()
    if not name:
        raise Refused("name: give the list a name")
    if _find(session, home, name) is not None:
        raise Refused(f"name: there is a do-not-call list named {name!r} already")
    return _create(session, actor, home, name)


def list_entries(
    session: Session, actor: Actor, dnc_list_id: int, *, search: str = "", after_id: int = 0, limit: int = 100
) -> list[DncEntry]:
    """In order of adding; `after_id` turns the page; `search` is the beginning of the value, or the whole address or ID
    of somebody who was erased."""
    actor.require(Permission.DNC_VIEW)
    get_scoped(session, actor, DncList, dnc_list_id, include_common=True)
    statement = select(DncEntry).where(DncEntry.dnc_list_id == dnc_list_id, DncEntry.id > after_id)
    if search.strip():
        text = search.strip()
        whole = {str(kind): {text.lower() if kind is DncKind.EMAIL else text} for kind in DncKind}
        erased = and_(DncEntry.kind == DncKind.ERASED, DncEntry.value.in_(erased_subjects(session, whole)))
        statement = statement.where(or_(DncEntry.value.startswith(text, autoescape=True), erased))
    return list(session.scalars(statement.order_by(DncEntry.id).limit(limit)))


def export_csv(session: Session, actor: Actor, dnc_list_id: int) -> Iterator[str]:
    """The list as CSV in pieces, in order of adding."""
    yield csv_lines([("kind", "value", "since", "until", "until_day", "source", "proof")])
    after = 0
    while page := list_entries(session, actor, dnc_list_id, after_id=after, limit=_BATCH):
        yield csv_lines(
            (
                entry.kind,
                entry.value,
                entry.created_at,
                entry.until,
                entry.until_day,
                entry.source,
                entry.proof,
            )
            for entry in page
        )
        after = page[-1].id
        session.expunge_all()


def add(
    session: Session,
    actor: Actor,
    subjects: Sequence[tuple[str, str]],
    *,
    dnc_list_id: int | None = None,
    organization_id: int | None = None,
    source: str = "panel",
    proof: str = "",
    until: datetime | date | None = None,
    home_country: str = "",
) -> int:
    """Put (kind, value) pairs on a list, the organization's own one if none is named; how many are new.

    `until` is a moment, or the last day where the person is. What is listed already stays, and is only ever
    prolonged: a limit never shortens an entry without end. `home_country` is that of numbers without one, "" the
    organization's own.
    """
    actor.require(Permission.DNC_EDIT)
    dnc_list = _target(session, actor, dnc_list_id, organization_id)
    country = country_to_read_by(session, dnc_list.organization_id, home_country)
    wanted = list(dict.fromkeys((DncKind(kind), normalised(kind, value, country)) for kind, value in subjects))
    return _enter(session, actor, dnc_list, wanted, source, proof, until)


def opt_out(
    session: Session, organization_id: int, subjects: Sequence[tuple[DncKind, str]], *, source: str, proof: str
) -> int:
    """A person's own wish, with (kind, value) pairs as they are stored: nothing about them can be refused."""
    actor = Actor.system(organization_id)
    wanted = [(kind, value.lower() if kind is DncKind.EMAIL else value) for kind, value in subjects if value]
    dnc_list = _target(session, actor, None, organization_id)
    return _enter(session, actor, dnc_list, wanted, source, proof[:255], None)


def opt_out_after(session: Session, attempt: Attempt) -> int:
    """The person said so in this attempt: list the address used and, by their id, every other address of theirs."""
    kind = DncKind.EMAIL if attempt.channel == "email" else DncKind.PHONE
    row = session.execute(
        select(Contact.external_id, Contact.customer_id).where(Contact.id == attempt.contact_id)
    ).one_or_none()
    external_id, customer_id = row or ("", "")
    return opt_out(
        session,
        attempt.organization_id,
        [(kind, attempt.address), (DncKind.CONTACT_ID, external_id), (DncKind.CUSTOMER_ID, customer_id)],
        source=_SOURCES[attempt.channel],
        proof=attempt.id,
    )


def means_opt_out(session: Session, organization_id: int, code: str) -> bool:
    """Does an attempt that ends with this code put the person on the do-not-call list?"""
    owner = CompletionCode.organization_id
    flags = session.execute(
        select(owner, CompletionCode.do_not_call).where(
            CompletionCode.name == code, or_(owner == organization_id, owner.is_(None))
        )
    ).all()
    # The system's own code goes before an organization's of the same name.
    return next((flag for whose, flag in sorted(flags, key=lambda row: row[0] is not None)), False)


def _enter(
    session: Session,
    actor: Actor,
    dnc_list: DncList,
    wanted: Sequence[tuple[DncKind, str]],
    source: str,
    proof: str,
    until: datetime | date | None,
) -> int:
    moment = until if isinstance(until, datetime) else None
    day = until if until is not None and moment is None else None
    added = 0
    for batch in _batches(wanted):
        present = {
            (entry.kind, entry.value): entry
            for entry in session.scalars(
                select(DncEntry).where(
                    DncEntry.dnc_list_id == dnc_list.id, DncEntry.value.in_([value for _, value in batch])
                )
            )
        }
        rows = [
            {
                "dnc_list_id": dnc_list.id,
                "organization_id": dnc_list.organization_id,
                "kind": kind.value,
                "value": value,
                "until": moment,
                "until_day": day,
                "source": source,
                "proof": proof,
                "created_at": utcnow(),
            }
            for kind, value in batch
            if (kind.value, value) not in present
        ]
        for entry in present.values():
            if (entry.kind, entry.value) in batch:
                _prolong(entry, moment, day)
                if entry.source == SMS_STOP != source:
                    # START takes back what STOP did alone: somebody else forbids it now too.
                    entry.source, entry.proof = source, proof
        if rows:
            session.execute(insert_missing(session, DncEntry), rows)
            added += len(rows)
    session.flush()
    record(session, actor, "dnc.add", dnc_list, after={"added": added, "source": source})
    return added


def _prolong(entry: DncEntry, moment: datetime | None, day: date | None) -> None:
    """The later end counts, and none before any; a moment and a day both stay, since neither is surely the later."""
    if entry.until is None and entry.until_day is None:
        return
    if moment is None and day is None:
        entry.until, entry.until_day = None, None
    if moment is not None:
        entry.until = max(entry.until or moment, moment)
    if day is not None:
        entry.until_day = max(entry.until_day or day, day)


def remove(session: Session, actor: Actor, entry_id: int) -> None:
    actor.require(Permission.DNC_EDIT)
    entry = get_scoped(session, actor, DncEntry, entry_id)
    before = {"kind": entry.kind, "list": entry.dnc_list_id, "source": entry.source, "entry": entry.id}
    record(session, actor, "dnc.remove", entry, before=before)
    session.execute(delete(DncEntry).where(DncEntry.id == entry.id))


def normalised(kind: str, value: str, home_country: str = "US") -> str:
    """As the look-up compares it. Raise Refused naming the mend."""
    if kind == DncKind.PHONE:
        try:
            return parse_number(value, home_country).e164
        except NeverDialled as error:
            # An open range may have it dialled: whoever has such a number must be able to say no.
            return error.number.e164
    if kind == DncKind.ERASED:
        raise Refused("kind: only an erasure makes such entries; use phone, email, contact_id or customer_id")
    value = value.strip()
    if kind == DncKind.EMAIL:
        value = value.lower()
        if "@" not in value or value.startswith("@") or value.endswith("@") or " " in value:
            raise Refused(f"email: {value!r} is not an address; write name@domain")
    if not value or len(value) > 254:
        raise Refused(f"{kind}: give 1 to 254 characters")
    return value


def own_list(session: Session, organization_id: int) -> DncList:
    """The list that opt-outs go to; made where there is none yet."""
    found = _find(session, organization_id, OWN_LIST)
    return found or _create(session, Actor.system(organization_id), organization_id, OWN_LIST)


def _target(session: Session, actor: Actor, dnc_list_id: int | None, organization_id: int | None) -> DncList:
    if dnc_list_id is not None:
        return get_scoped(session, actor, DncList, dnc_list_id)
    return own_list(session, organization_for(session, actor, organization_id))


def _find(session: Session, organization_id: int | None, name: str) -> DncList | None:
    owner = DncList.organization_id
    mine = owner.is_(None) if organization_id is None else owner == organization_id
    return session.scalar(select(DncList).where(mine, DncList.name == name))


def _create(session: Session, actor: Actor, organization_id: int | None, name: str) -> DncList:
    dnc_list = DncList(organization_id=organization_id, name=name, created_at=utcnow())
    session.add(dnc_list)
    session.flush()
    record(session, actor, "dnc.create_list", dnc_list, after={"name": name})
    return dnc_list


def find_dnc_list(session: Session, actor: Actor, name: str) -> DncList:
    actor.require(Permission.DNC_VIEW)
    found = session.scalar(
        scoped(select(DncList).where(DncList.name == name), DncList, actor, include_common=True).limit(1)
    )
    if found is None:
        raise NotFound(f"do-not-call list {name!r}: there is none")
    return found


def _batches(items: Sequence[T]) -> Iterator[list[T]]:
    source = iter(items)
    while batch := list(islice(source, _BATCH)):
        yield batch
