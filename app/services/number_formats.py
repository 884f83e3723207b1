"""How an organization's numbers are written: by country, and what holds for all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.phone import SEPARATORS, check_lengths, check_local, is_country, lengths_text
from app.models import NumberDefaultsRow, NumberFormatRow
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.audit import record
from app.services.organizations import organization_for
from common.clock import utcnow
from common.errors import Refused

_TRUNK_PREFIX = re.compile(r"[0-9]{0,8}")
_MOST_PADDED = 15


@dataclass(frozen=True, slots=True)
class NumberFormatFields:
    """`lengths` such as "9, 10-11"; `local` is a line for each pattern and the digits before it."""

    country: str
    lengths: str = ""
    pad: int = 0
    trunk_prefix: str = ""
    local: str = ""


def list_number_formats(session: Session, actor: Actor) -> list[NumberFormatRow]:
    actor.require(Permission.CAMPAIGNS_VIEW)
    order = (NumberFormatRow.organization_id, NumberFormatRow.country)
    return list(session.scalars(scoped(select(NumberFormatRow), NumberFormatRow, actor).order_by(*order)))


def put_number_format(
    session: Session, actor: Actor, fields: NumberFormatFields, organization_id: int | None = None
) -> NumberFormatRow:
    """The format of a country; the one it had is replaced. Numbers that lists have already stay."""
    actor.require(Permission.SETTINGS_MANAGE)
    home, country = organization_for(session, actor, organization_id), fields.country.strip().upper()
    if not is_country(country):
        raise Refused(f"country: {country or 'nothing'} is no country; write two letters such as US")
    if not 0 <= fields.pad <= _MOST_PADDED:
        raise Refused(f"pad: give a whole number from 0 to {_MOST_PADDED}")
    if not _TRUNK_PREFIX.fullmatch(fields.trunk_prefix.strip()):
        raise Refused("trunk_prefix: write digits, 8 at most")
    lengths = lengths_text(check_lengths(fields.lengths))
    values: dict[str, Any] = {
        "country": country,
        "lengths": lengths,
        "pad": fields.pad,
        "trunk_prefix": fields.trunk_prefix.strip(),
        "local": [list(line) for line in check_local(fields.local)],
    }
    if not any(value for name, value in values.items() if name != "country"):
        raise Refused("lengths: the format says nothing; fill in at least one field")
    mine = (NumberFormatRow.organization_id == home, NumberFormatRow.country == country)
    row = session.scalar(select(NumberFormatRow).where(*mine)) or NumberFormatRow(organization_id=home)
    for name, value in values.items():
        setattr(row, name, value)
    row.updated_at = utcnow()
    session.add(row)
    session.flush()
    record(session, actor, "number_format.put", row, after=values)
    return row


def delete_number_format(session: Session, actor: Actor, format_id: int) -> None:
    actor.require(Permission.SETTINGS_MANAGE)
    row = get_scoped(session, actor, NumberFormatRow, format_id)
    record(session, actor, "number_format.delete", row, before={"country": row.country, "lengths": row.lengths})
    session.delete(row)
    session.flush()


def list_number_defaults(session: Session, actor: Actor) -> list[NumberDefaultsRow]:
    """By organization; one without any has none."""
    actor.require(Permission.CAMPAIGNS_VIEW)
    return list(session.scalars(scoped(select(NumberDefaultsRow), NumberDefaultsRow, actor)))


def put_number_defaults(
    session: Session, actor: Actor, home_country: str, separator: str, organization_id: int | None = None
) -> NumberDefaultsRow:
    """`home_country` "" leaves that of new lists to whoever makes one; `separator` is one sign, "" for none."""
    actor.require(Permission.SETTINGS_MANAGE)
    home, country = organization_for(session, actor, organization_id), home_country.strip().upper()
    if country and not is_country(country):
        raise Refused(f"home_country: {country} is no country; write two letters such as US, or leave it empty")
    if separator and separator not in SEPARATORS:
        raise Refused(f"separator: use one of {' '.join(SEPARATORS)}, or leave it empty")
    mine = NumberDefaultsRow.organization_id == home
    row = session.scalar(select(NumberDefaultsRow).where(mine)) or NumberDefaultsRow(organization_id=home)
    row.home_country, row.separator, row.updated_at = country, separator, utcnow()
    session.add(row)
    session.flush()
    after = {"home_country": country, "separator": separator}
    record(session, actor, "number_defaults.put", row, after=after)
    return row


def home_country_for(session: Session, actor: Actor) -> str:
    """What a new list of the actor's begins with; "" where nobody has said, or it is not clear whose it will be."""
    found = list_number_defaults(session, actor)
    return found[0].home_country if len(found) == 1 else ""


def country_to_read_by(session: Session, organization_id: int | None, given: str = "") -> str:
    """Of numbers without a country code: what was given with them, else the organization's own; the United States where
    it has none, or is none."""
    own = home_country_of(session, organization_id) if organization_id is not None and not given else ""
    return given or own or "US"


def home_country_of(session: Session, organization_id: int) -> str:
    """Of new lists; "" where the organization has none."""
    mine = NumberDefaultsRow.organization_id == organization_id
    return session.scalar(select(NumberDefaultsRow.home_country).where(mine)) or ""
