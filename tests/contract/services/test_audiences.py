"""Filters: what the database finds is what the rules say of each contact, on both databases; and jobs take them."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import phonenumbers
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from sqlalchemy import Engine, insert, select, update
from sqlalchemy.orm import Session

from app.core.audience import (
    OPERATORS,
    BadCondition,
    Condition,
    Facts,
    Filter,
    Group,
    Match,
    Operator,
    SortKey,
    kind_of,
    matches,
)
from app.core.phone import PhoneNumber, known_number
from app.db import read_transaction, write_transaction
from app.models import Address, Attempt, Campaign, Contact, FilterTemplate, Job, JobContact, JobOrder
from app.models.campaign import NOT_YET
from app.security.access import Actor, NotFound
from app.services import explain, jobs, lists, regions
from app.services.audience import templates
from app.services.audience.facts import facts_of
from app.services.audience.sql import Compiler, successful_codes
from common.clock import SystemClock, utcnow
from common.errors import Refused
from common.ids import new_id
from engine import leases
from engine.director import Director
from tests.support.organizations import World, build

ROOT = Actor.system()
NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
TYPES = {
    "city": "string",
    "children": "integer",
    "balance": "decimal",
    "member": "boolean",
    "due": "date",
    "seen": "datetime",
}
_TEXTS = ("", "Aa", "aa", "Zürich", "Zug", "a,b", "%_", "10")
_DAYS = ("2026-03-01", "2026-03-10", "2027-01-01")
_SEEN = ("2026-03-10T12:30:00Z", "2026-03-10T12:30:00.500000Z", "2026-03-09T00:00:00Z")
VALUES: dict[str, tuple[Any, ...]] = {
    "city": (None, *_TEXTS),
    "children": (None, 0, 3, 10, -2),
    "balance": (None, "0", "12.50", "-3.25", "100"),
    "member": (None, True, False),
    "due": (None, *_DAYS),
    "seen": (None, *_SEEN),
}
#: What is written beside a field of each kind.
OPERANDS = {
    "text": ("Aa", "Z", "a", "Zug,Aa", "10", "CALL_BUSY", "fixed_or_mobile", "US", "Washington D.C."),
    "number": ("0", "3", "12.5", "-3.25"),
    "boolean": ("yes", "no"),
    "date": ("2026-03-10", "2026-03-02"),
    "moment": ("2026-03-10T12:30:00", "2026-03-10", "2026-03-09T01:00:00+01:00"),
}
TOLD = ("phone_area", "phone_carrier")
FIELDS = (
    "id", "first_name", "added_on", "last_attempt_time", "last_completion_code", "attempts", "successful_attempts",
    "recent_attempts", "address.phone1", "phone_type", "phone_country", *TOLD,
    *(f"attribute.{name}" for name in TYPES), "attribute.gone",
)  # fmt: skip
SORTED = [name for name in FIELDS if name not in TOLD]


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    field = draw(st.sampled_from(FIELDS))
    kind = kind_of(field, TYPES) or kind_of("id", TYPES)
    assert kind is not None
    operator = draw(st.sampled_from(OPERATORS[kind]))
    days = operator in (Operator.WITHIN, Operator.OLDER)
    value = draw(st.sampled_from(("1", "9")) if days else st.sampled_from(OPERANDS[kind]))
    return Condition(field, operator, value, days=3)


GROUPS = st.builds(Group, st.lists(conditions(), max_size=3).map(tuple), st.sampled_from(Match))
FILTERS = st.builds(
    Filter,
    st.lists(GROUPS, max_size=2).map(tuple),
    st.sampled_from(Match),
    st.lists(
        st.builds(SortKey, st.sampled_from(SORTED), st.booleans(), st.just(3)),
        max_size=2,
    ).map(tuple),
)


@pytest.fixture
def world(engine: Engine) -> World:
    with write_transaction(engine) as session:
        return build(session, "Meadow")


@pytest.fixture
def people(engine: Engine, world: World) -> Iterator[Session]:
    """Fifty contacts of every shape, with and without attempts, in a list of their own."""
    with write_transaction(engine) as session:
        list_id = lists.create_list(session, ROOT, "Many", organization_id=world.organization_id).id
        for number in range(50):
            session.add(_person(world, list_id, number))
        session.flush()
        for contact in session.scalars(select(Contact).where(Contact.contact_list_id == list_id)).all():
            _history(session, world, contact, int(contact.external_id))
    with read_transaction(engine) as session:
        session.info["list"] = list_id
        yield session


def _person(world: World, list_id: int, number: int) -> Contact:
    attributes = {
        name: values[(number * 7 + place) % len(values)] for place, (name, values) in enumerate(VALUES.items())
    }
    if number % 11 == 0:
        attributes = {}
    return Contact(
        organization_id=world.organization_id, contact_list_id=list_id, external_id=str(number),
        first_name=_TEXTS[number % len(_TEXTS)], attributes=attributes,
        last_completion_code="CALL_BUSY" if number % 3 == 0 else "",
        last_attempt_at=NOW - timedelta(days=number % 5) if number % 3 == 0 else None,
        created_at=NOW - timedelta(days=number), updated_at=NOW,
    )  # fmt: skip


def _history(session: Session, world: World, contact: Contact, number: int) -> None:
    session.add(
        Address(
            organization_id=world.organization_id, contact_id=contact.id, kind="phone", name=f"phone{number % 2 + 1}",
            value=f"+1202555{number:04d}", country=("", "US", "CA")[number % 3],
            number_type=("", "fixed_or_mobile")[number % 2],
        )
    )  # fmt: skip
    if number % 4:
        return
    row = JobContact(
        organization_id=world.organization_id, job_id=world.job, contact_id=contact.id, lane=0, due_at=NOW,
        strategy_state={}, updated_at=NOW,
    )  # fmt: skip
    session.add(row)
    session.flush()
    for tried in range(number % 3 + 1):
        code = "ANSWER_HUMAN" if number % 8 else "CALL_BUSY"
        session.execute(
            insert(Attempt).values(
                id=new_id(), organization_id=world.organization_id, job_id=world.job, job_contact_id=row.id,
                contact_id=contact.id, number=tried + 1, channel="voice", address="+12025550100", state="done",
                completion_code=code, started_at=NOW - timedelta(days=tried * 2),
            )
        )  # fmt: skip


def test_a_database_finds_whom_the_rules_mean_in_the_same_order(people: Session, world: World) -> None:
    contacts = people.scalars(select(Contact).where(Contact.contact_list_id == people.info["list"])).all()
    facts = {contact.id: facts_of(people, contact) for contact in contacts}
    successes = successful_codes(people, world.organization_id)
    compiler = Compiler(people.get_bind().dialect.name, TYPES, NOW, successes)

    @settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
    @given(FILTERS)
    def check(made: Filter) -> None:
        mine = select(Contact.id).where(Contact.contact_list_id == people.info["list"], compiler.where(made))
        found = people.scalars(mine.order_by(*compiler.order(made))).all()
        assert set(found) == {key for key, known in facts.items() if matches(made, known, TYPES, NOW)}

    check()


def test_contacts_without_a_value_come_last_either_way(people: Session) -> None:
    compiler = Compiler(people.get_bind().dialect.name, TYPES, NOW)
    for descending in (False, True):
        order = compiler.order(Filter(sort=(SortKey("attribute.balance", descending),)))
        mine = select(Contact.attributes).where(Contact.contact_list_id == people.info["list"]).order_by(*order)
        values = [attributes.get("balance") for attributes in people.scalars(mine)]
        known = [float(value) for value in values if value is not None]
        assert known == sorted(known, reverse=descending)
        assert all(value is None for value in values[len(known) :])


@pytest.fixture(scope="module")
def numbers() -> dict[str, PhoneNumber]:
    """Of each country and kind some that there are, their last digits by chance."""
    chance, found = Random(5), {}
    for country in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.VOIP):
            example = phonenumbers.example_number_for_type(country, kind)
            text = phonenumbers.format_number(example, PhoneNumberFormat.E164) if example else ""
            for spoiled in (0, 4, 7) if text else ():
                kept = text[: max(3, len(text) - spoiled)]
                tried = kept + "".join(chance.choice("0123456789") for _ in range(len(text) - len(kept)))
                number = known_number(tried)
                if number is not None and number.e164 == tried:
                    found[tried] = number
    # An Argentine mobile number, and one whose area is a state.
    found |= {text: known_number(text) for text in ("+5491123456789", "+14155550132", "+13125550142")}
    return {text: number for text, number in found.items() if number is not None}


CASES = [
    *((field, operator, "") for field in TOLD for operator in (Operator.EMPTY, Operator.FILLED)),
    *(("phone_area", operator, "Chicago, IL") for operator in (Operator.EQUALS, Operator.DIFFERS)),
    ("phone_area", Operator.EQUALS, "Buenos Aires"),
    ("phone_area", Operator.CONTAINS, "an"),
    ("phone_area", Operator.BEGINS, "B"),
    ("phone_area", Operator.ONE_OF, "California; Paris; Berlin; Chicago, IL"),
    ("phone_carrier", Operator.ONE_OF, "Vodafone; Orange"),
    ("phone_carrier", Operator.CONTAINS, "Tel"),
    ("phone_carrier", Operator.DIFFERS, "Vodafone"),
]


def test_what_digits_tell_is_what_pages_show_of_numbers_of_every_country(
    engine: Engine, world: World, numbers: dict[str, PhoneNumber]
) -> None:
    home = {"organization_id": world.organization_id}
    with write_transaction(engine) as session:
        list_id = lists.create_list(session, ROOT, "Many", organization_id=world.organization_id).id
        stamps = {"created_at": NOW, "updated_at": NOW, "attributes": {}, "contact_list_id": list_id}
        session.execute(insert(Contact), [{**home, **stamps, "external_id": text} for text in numbers])
        ids = {text: key for key, text in session.execute(select(Contact.id, Contact.external_id))}
        common = {**home, "kind": "phone", "name": "phone1"}
        rows = [
            {**common, "contact_id": ids[text], "value": text, "number_type": one.type, "country": one.country}
            for text, one in numbers.items()
        ]
        session.execute(insert(Address), rows)
    origins = {text: regions.origin(text) for text in numbers}
    facts = {text: Facts({"phone_area": it.area, "phone_carrier": it.carrier}) for text, it in origins.items()}
    with read_transaction(engine) as session:
        compiler = Compiler(session.get_bind().dialect.name, TYPES, NOW)
        for field, operator, value in CASES:
            made = Filter((Group((Condition(field, operator, value),)),))
            wanted = select(Contact.external_id).where(Contact.contact_list_id == list_id, compiler.where(made))
            meant = {text for text, known in facts.items() if matches(made, known, TYPES, NOW)}
            assert set(session.scalars(wanted)) == meant
            assert meant


def test_a_place_that_no_number_has_is_refused_with_what_is_like_it_and_none_is_sorted_by(
    engine: Engine, world: World
) -> None:
    def make(made: Filter) -> None:
        with write_transaction(engine) as session:
            templates.create_filter(session, ROOT, "Bad", made, organization_id=world.organization_id)

    lower = Condition("phone_area", Operator.ONE_OF, "Chicago, IL; chicago heights")
    with pytest.raises(BadCondition, match=r"'chicago heights'.*'Chicago Heights, IL'") as caught:
        make(Filter((Group((Condition("id", Operator.FILLED),)), Group((lower,)))))
    assert caught.value.place == (1, 0)
    with pytest.raises(BadCondition, match=r"no number has 'Vodafine'.*such as 'Vodafone'"):
        make(Filter((Group((Condition("phone_carrier", Operator.EQUALS, "Vodafine"),)),)))
    with pytest.raises(BadCondition, match="cannot be sorted by"):
        make(Filter(sort=(SortKey("phone_area"),)))


def test_a_filter_says_which_condition_cannot_be_asked(engine: Engine, world: World) -> None:
    wrong = Filter((Group((Condition("id", Operator.FILLED), Condition("attempts", Operator.LESS, "few"))),))
    with write_transaction(engine) as session, pytest.raises(BadCondition, match="not a number") as caught:
        templates.create_filter(session, ROOT, "Bad", wrong, organization_id=world.organization_id)
    assert caught.value.place == (0, 1)
    unknown = Filter(sort=(SortKey("attribute.nowhere"),))
    with write_transaction(engine) as session, pytest.raises(BadCondition, match="no attribute 'nowhere'"):
        templates.create_filter(session, ROOT, "Bad", unknown, organization_id=world.organization_id)


def test_a_job_takes_whom_its_filter_means_in_its_order_and_says_why_not(engine: Engine, world: World) -> None:
    made = Filter(
        (Group((Condition("attribute.balance", Operator.AT_LEAST, "3"),)),), sort=(SortKey("attribute.balance", True),)
    )
    with write_transaction(engine) as session:
        list_id, job = _job_over_ten(session, world, made)
    freeze(engine, job.id)
    with read_transaction(engine) as session:
        waiting = session.scalars(select(JobContact.contact_id).where(JobContact.job_id == job.id)).all()
        assert list(waiting) == sorted(waiting)
        holds = explain.why_not_dialled(session, ROOT, waiting[0], utcnow())
        assert any("its turn in the order" in hold.text for hold in holds)
    release_all(engine)
    with read_transaction(engine) as session:
        assert session.scalars(select(JobOrder)).all() == []
        rows = session.execute(
            select(Contact.external_id)
            .join(JobContact, JobContact.contact_id == Contact.id)
            .where(JobContact.job_id == job.id)
            .order_by(JobContact.due_at, JobContact.id)
        )
        assert [external_id for (external_id,) in rows] == ["9", "8", "7", "6", "5", "4", "3"]
        again = session.get_one(Job, job.id)
        assert (again.audience, again.frozen, again.state) == (7, True, "running")
        poor = session.scalars(
            select(Contact).where(Contact.contact_list_id == list_id, Contact.external_id == "2")
        ).one()
        holds = explain.why_not_dialled(session, ROOT, poor.id, utcnow())
        words = [hold.text for hold in holds if hold.code == "NOT_IN_AUDIENCE"]
        assert words == [f"the filter 'Rich' of job {job.id} leaves it out, not so: balance is at least 3"]


def test_freezing_goes_on_where_a_crash_left_it(engine: Engine, world: World) -> None:
    with write_transaction(engine) as session:
        list_id, job = _job_over_ten(session, world, Filter(sort=(SortKey("attribute.balance", True),)))
        first = session.scalars(
            select(Contact.id).where(Contact.contact_list_id == list_id, Contact.external_id.in_(["9", "8"]))
        ).all()
        everybody = session.scalars(select(Contact.id).where(Contact.contact_list_id == list_id)).all()
        ids = array("q", reversed(everybody)).tobytes()
        session.add(JobOrder(job_id=job.id, part=0, contact_ids=ids))
        for contact_id in first:
            session.add(
                JobContact(
                    organization_id=world.organization_id, job_id=job.id, contact_id=contact_id, lane=0,
                    due_at=NOT_YET, strategy_state={}, updated_at=utcnow(),
                )
            )  # fmt: skip
        session.execute(update(Job).where(Job.id == job.id).values(audience=2))
    freeze(engine, job.id)
    release_all(engine)
    with read_transaction(engine) as session:
        ordered = select(JobContact.contact_id).where(JobContact.job_id == job.id, JobContact.due_at < utcnow())
        assert list(session.scalars(ordered.order_by(JobContact.due_at))) == list(reversed(everybody))
        frozen = session.scalars(select(JobContact.contact_id).where(JobContact.job_id == job.id)).all()
        assert len(frozen) == len(set(frozen)) == session.get_one(Job, job.id).audience == 10


def test_a_preview_counts_and_shows_the_first(engine: Engine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Filter((Group((Condition("attribute.balance", Operator.GREATER, "4"),)),), sort=(SortKey("id", True),))
    with write_transaction(engine) as session:
        list_id, _ = _job_over_ten(session, world, made)
    with read_transaction(engine) as session:
        found = templates.preview(session, ROOT, list_id, made, NOW)
        assert (found.counted, found.looked_at, found.whole) == (5, 10, True)
        assert [view.contact.external_id for view in found.first] == ["9", "8", "7", "6", "5"]
        monkeypatch.setattr(templates, "QUICK", 7)
        part = templates.preview(session, ROOT, list_id, made, NOW)
        assert (part.counted, part.looked_at, part.whole) == (2, 7, False)


def test_filters_stay_in_their_organization_and_with_their_campaigns(engine: Engine, world: World) -> None:
    with write_transaction(engine) as session:
        stranger = build(session, "Other")
        made = templates.create_filter(session, ROOT, "Mine", Filter(), organization_id=world.organization_id)
        session.execute(update(Campaign).where(Campaign.id == world.campaign).values(filter_id=made.id))
        bound = Actor.system(stranger.organization_id)
        with pytest.raises(NotFound):
            templates.get_filter(session, bound, made.id)
        assert made not in templates.list_filters(session, bound)
        with pytest.raises(Refused, match="'Meadow' uses this filter"):
            templates.delete_filter(session, ROOT, made.id)
        session.execute(update(Campaign).values(filter_id=None))
        templates.delete_filter(session, ROOT, made.id)
        session.flush()
        assert session.get(FilterTemplate, made.id) is None


def _job_over_ten(session: Session, world: World, made: Filter) -> tuple[int, Job]:
    """A queued job of a campaign with the filter, over contacts 0 to 9 whose balance is their id."""
    home = world.organization_id
    list_id = lists.create_list(session, ROOT, "Ten", organization_id=home).id
    lists.define_attribute(session, ROOT, "balance", "decimal", organization_id=home)
    for number in range(10):
        session.add(
            Contact(
                organization_id=home, contact_list_id=list_id, external_id=str(number), created_at=NOW, updated_at=NOW,
                attributes={"balance": str(number)},
            )
        )  # fmt: skip
    filter_id = templates.create_filter(session, ROOT, "Rich", made, organization_id=home).id
    session.execute(update(Job).values(state="completed"))
    session.execute(
        update(Campaign).where(Campaign.id == world.campaign).values(contact_list_id=list_id, filter_id=filter_id)
    )
    return list_id, jobs.start_job(session, ROOT, world.campaign)


def release_all(engine: Engine) -> None:
    now = utcnow()
    lease = leases.acquire(engine, leases.DIRECTOR, "test", now, now + timedelta(minutes=1))
    assert lease is not None
    Director(engine, SystemClock()).direct(lease)


def freeze(engine: Engine, job_id: int) -> None:
    now = utcnow()
    lease = leases.acquire(engine, leases.DIRECTOR, "test", now, now + timedelta(minutes=1))
    assert lease is not None
    Director(engine, SystemClock()).freeze(lease, job_id, lambda: True)
