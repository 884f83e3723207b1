"""Find contacts among millions by what a person types: a number in any writing, an email, an ID or a name.

Every look goes by the beginning of something that an index holds in order, and stops after `MOST` contacts. Numbers,
emails and IDs are found by indexes that imports keep anyway. Names have a table of their own (`contact_name`): those of
an import are entered once it is over (`contact_names`), those that a program hands over go with its contacts, and what
is changed or deleted later the database's triggers follow at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from phonenumbers import country_code_for_region
from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.core.phone import BadNumber, parse_number
from app.models import Address, AddressKind, Contact, ContactList, ContactName
from app.services.address_index import in_organizations

#: Contacts that one search finds at most: who wants more must write more.
MOST = 1000
#: Up to this many contacts are read whole for a name; among more the names' order leads.
_SMALL = 20_000
#: Found contacts that a page is chosen from: some may have been deleted.
_FIRST = 500
_PHONE = re.compile(r"[0-9 +().\-/]*[0-9][0-9 +().\-/]*")
#: Sorts after every character that a name, email or ID can go on with.
_LAST = "\U0010ffff"


def candidates(
    session: Session, organization_ids: Sequence[int], lists: Sequence[ContactList], text: str, *, within: bool
) -> Select[int]:
    """A statement of contact ids that match `text`, at most `MOST` by each of its meanings; `within` limits it to the
    lists given."""
    found: list[Any] = [*_by_id(lists, text), *_by_name(session, organization_ids, lists, text, within=within)]
    if _PHONE.fullmatch(text):
        starts = [(AddressKind.PHONE, start) for start in _phone_starts(lists, text)]
    else:
        starts = [(AddressKind.EMAIL, text.lower())]
    mine = in_organizations(session, organization_ids)
    found += [_by_address(mine, kind, start, lists if within else ()) for kind, start in starts]
    parts = [select(part.subquery().c[0]) for part in found]
    return select(union_all(*parts).subquery().c[0])


def _by_id(lists: Sequence[ContactList], text: str) -> Iterator[Select[int]]:
    """As it is written, in capitals and in small letters: each a range of its own, or SQLite reads every contact."""
    mine = Contact.contact_list_id.in_([each.id for each in lists])
    for start in sorted({text, text.upper(), text.lower()}):
        yield select(Contact.id).where(mine, _begins(Contact.external_id, start)).limit(MOST)


def _by_address(mine: ColumnElement[bool], kind: AddressKind, start: str, lists: Sequence[ContactList]) -> Select[int]:
    """`lists` limits it to them; empty is no limit."""
    found = select(Address.contact_id).where(mine, Address.kind == kind, _begins(Address.value, start)).limit(MOST)
    if not lists:
        return found
    inside = Contact.contact_list_id.in_([each.id for each in lists])
    return found.join(Contact, Contact.id == Address.contact_id).where(inside)


def _phone_starts(lists: Sequence[ContactList], text: str) -> Iterator[str]:
    """E.164 beginnings that the writing may mean: international, or national in a home country of the lists."""
    digits = re.sub(r"[^0-9]", "", text)
    starts = {f"+{digits}", f"+{digits.removeprefix('00')}"} if not text.strip().startswith("+") else {f"+{digits}"}
    for country in {each.home_country for each in lists}:
        try:
            starts.add(parse_number(text, country).e164)
        except BadNumber:
            if code := _country_code(country):
                starts.add(f"+{code}{digits.lstrip('0')}")
    yield from sorted(start for start in starts if len(start) > 1)


def _country_code(country: str) -> str:
    return str(country_code_for_region(country) or "")


def _by_name(
    session: Session, organization_ids: Sequence[int], lists: Sequence[ContactList], text: str, *, within: bool
) -> Iterator[Select[int]]:
    """First name, last name, or both in either order; SQL knows small letters of ASCII alone, so capitals are tried."""
    spellings = sorted({_small(text), _small(text.lower()), _small(text.capitalize())})
    is_so = or_(*(_named(start) for start in spellings))
    mine = Contact.contact_list_id.in_([each.id for each in lists])
    if _is_small(session, lists):
        yield select(Contact.id).where(mine, is_so).limit(MOST)
        return
    for spelling in spellings:
        if " " not in spelling and not within:
            yield _first_named(organization_ids, spelling)
            continue
        # What comes before a space is a whole name, or all of it is the beginning of one name of several words.
        whole = [ContactName.term == spelling.split()[0]] if " " in spelling else []
        for entered in (*whole, _begins(ContactName.term, spelling)):
            names = select(ContactName.contact_id).where(ContactName.organization_id.in_(organization_ids), entered)
            wanted = names.join(Contact, Contact.id == ContactName.contact_id).where(
                is_so, Contact.deleted_at.is_(None)
            )
            yield (wanted.where(mine) if within else wanted).limit(MOST)


def _first_named(organization_ids: Sequence[int], start: str) -> Select[int]:
    """The first names of this beginning, in their order: left to choose, PostgreSQL reads half the names for a letter.
    Names of contacts that were deleted by the thousand stay until the purge, so each is asked about, one by one."""
    term = ContactName.term
    there = select(Contact.deleted_at.is_(None)).where(Contact.id == ContactName.contact_id).scalar_subquery()
    names = select(ContactName.contact_id, term).where(
        ContactName.organization_id.in_(organization_ids), term >= start, term < start + _LAST, there
    )
    if len(organization_ids) == 1:
        names = names.order_by(term, ContactName.contact_id)
    first = names.limit(2 * MOST).subquery()
    return select(first.c.contact_id).where(func.substr(first.c.term, 1, len(start)) == start).limit(MOST)


def _named(start: str) -> ColumnElement[bool]:
    first, last = func.lower(Contact.first_name), func.lower(Contact.last_name)
    either = or_(*(func.substr(name, 1, len(start)) == start for name in (first, last)))
    if " " not in start:
        return either
    both = (first + " " + last, last + " " + first)
    return or_(either, *(func.substr(name, 1, len(start)) == start for name in both))


def _is_small(session: Session, lists: Sequence[ContactList]) -> bool:
    mine = select(Contact.id).where(Contact.contact_list_id.in_([each.id for each in lists])).limit(_SMALL + 1)
    return (session.scalar(select(func.count()).select_from(mine.subquery())) or 0) <= _SMALL


def _begins(column: InstrumentedAttribute[str], start: str) -> ColumnElement[bool]:
    """By a range, which every order of letters has an index for, and then exactly."""
    return and_(column >= start, column < start + _LAST, func.substr(column, 1, len(start)) == start)


def _small(text: str) -> str:
    """Small letters as SQL makes them."""
    return "".join(sign.lower() if sign.isascii() else sign for sign in text)


def found_among(session: Session, statement: Select[int], after_id: int) -> ColumnElement[bool]:
    """The contact is one of them; of many, one of the first after `after_id`, more than a page holds."""
    ids = sorted({key for key in session.scalars(statement) if key > after_id})[:_FIRST]
    return Contact.id.in_(ids) if ids else literal(False)
