"""Users, do-not-call lists, contact lists and contacts on both databases."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select, update

from app.db import read_transaction, write_transaction
from app.models import Attribute, AuditEntry, Campaign, Contact, DncEntry, DncList, Organization, Role, User
from app.security.access import EVERYTHING, OF_MASKED_ATTRIBUTES, Actor, Forbidden, NotFound, Permission
from app.services import audit, contact_push, contacts, dnc, list_counts, lists, users
from common.clock import utcnow
from common.errors import Refused
from tests.support.organizations import World, build

ROOT = Actor.system()
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Engine:
    name = "sqlite_engine" if request.param == "sqlite" else "postgres_engine"
    opened: Engine = request.getfixturevalue(name)
    return opened


@pytest.fixture
def world(engine: Engine) -> World:
    with write_transaction(engine) as session:
        return build(session, "Meadow")


def first_admin(engine: Engine) -> str:
    with write_transaction(engine) as session:
        return users.ensure_first_admin(session)


def test_the_first_administrator_gets_a_password_once_and_must_change_it(engine: Engine) -> None:
    password = first_admin(engine)
    assert first_admin(engine) == ""
    user = users.sign_in(engine, "Admin", password, NOW)
    assert user.must_change_password
    actor = Actor.of(user)
    assert actor.permissions == EVERYTHING - OF_MASKED_ATTRIBUTES
    with pytest.raises(Refused, match="current password"):
        users.change_own_password(engine, actor, "wrong", "a better passphrase")
    with pytest.raises(Refused, match="another one"):
        users.change_own_password(engine, actor, password, password)
    users.change_own_password(engine, actor, password, "a better passphrase")
    changed = users.sign_in(engine, "admin", "a better passphrase", NOW)
    assert not changed.must_change_password
    assert changed.session_generation == user.session_generation + 1


def test_guessing_is_slowed_and_says_nothing_about_the_login(engine: Engine) -> None:
    password = first_admin(engine)
    for _ in range(5):
        with pytest.raises(Refused, match="The login or the password is wrong"):
            users.sign_in(engine, "admin", "guess", NOW)
    with pytest.raises(Refused, match="Too many"):
        users.sign_in(engine, "admin", password, NOW + timedelta(seconds=29))
    with pytest.raises(Refused, match="The login or the password is wrong"):
        users.sign_in(engine, "nobody", "guess", NOW)
    user = users.sign_in(engine, "admin", password, NOW + timedelta(seconds=31))
    assert (user.failed_logins, user.locked_until) == (0, None)


def test_a_disabled_user_cannot_sign_in(engine: Engine) -> None:
    first_admin(engine)
    with write_transaction(engine) as session:
        added = users.add_user(session, ROOT, login="anna", roles=[Role.SUPERVISOR])
        users.set_disabled(session, ROOT, added.user.id, True)
    with pytest.raises(Refused, match="wrong"):
        users.sign_in(engine, "anna", added.password or "", NOW)


def test_the_last_administrator_stays(engine: Engine) -> None:
    first_admin(engine)
    with read_transaction(engine) as session:
        admin = users.find_user(session, ROOT, "admin").id
    with pytest.raises(Refused, match="last administrator"), write_transaction(engine) as session:
        users.set_disabled(session, ROOT, admin, True)
    with pytest.raises(Refused, match="last administrator"), write_transaction(engine) as session:
        users.set_roles(session, ROOT, admin, [Role.SUPERVISOR])


def test_nobody_gives_more_than_they_have(engine: Engine, world: World) -> None:
    manager = Actor(world.user, "anna", world.organization_id, frozenset({Permission.USERS_MANAGE}))
    with pytest.raises(Forbidden, match="more than you have"), write_transaction(engine) as session:
        users.add_user(session, manager, login="bo", roles=[Role.ADMINISTRATION])


@pytest.mark.parametrize(
    ("login", "roles", "words"),
    [
        ("x", [Role.SUPERVISOR], "login"),
        ("an na", [Role.SUPERVISOR], "login"),
        ("anna", [], "at least one"),
        ("anna", ["king"], "no role king"),
        ("anna", [Role.ORG_SUPERVISOR], "needs the organization"),
    ],
)
def test_refuses_a_user_naming_the_mend(sqlite_engine: Engine, login: str, roles: list[str], words: str) -> None:
    with pytest.raises(Refused, match=words), write_transaction(sqlite_engine) as session:
        users.add_user(session, ROOT, login=login, roles=roles)


def test_a_listed_address_is_blocked_in_its_organization_alone(engine: Engine, world: World) -> None:
    with write_transaction(engine) as session:
        other = Organization(name="Other", created_at=NOW)
        session.add(other)
        session.flush()
        added = dnc.add(
            session,
            Actor.system(world.organization_id),
            [("phone", "(202) 555-0100"), ("email", "Anna@Example.org"), ("contact_id", "A1"), ("contact_id", "A1")],
            source="sms_stop",
        )
        assert added == 3
        asked = [
            ("phone", "+12025550100"),
            ("email", "ANNA@example.org"),
            ("contact_id", "A1"),
            ("phone", "+12025550101"),
        ]
        hits = dnc.blocked(session, world.organization_id, asked)
        assert sorted((hit.kind, hit.value) for hit in hits) == [
            ("contact_id", "A1"), ("email", "anna@example.org"), ("phone", "+12025550100"),
        ]  # fmt: skip
        assert {hit.list_name for hit in hits} == {dnc.OWN_LIST}
        assert dnc.blocked(session, other.id, asked) == []


def test_a_common_list_blocks_everywhere_and_needs_a_global_actor(engine: Engine, world: World) -> None:
    with pytest.raises(Forbidden), write_transaction(engine) as session:
        dnc.create_dnc_list(session, Actor.system(world.organization_id), "National", common=True)
    with write_transaction(engine) as session:
        national = dnc.create_dnc_list(session, ROOT, "National", common=True)
        dnc.add(session, ROOT, [("phone", "+12025550100")], dnc_list_id=national.id)
        assert dnc.is_listed(session, world.organization_id, "phone", "+12025550100")
        entry = session.scalars(select(DncEntry).where(DncEntry.dnc_list_id == national.id)).one()
        with pytest.raises(NotFound):
            dnc.remove(session, Actor.system(world.organization_id), entry.id)
        dnc.remove(session, ROOT, entry.id)
        assert not dnc.is_listed(session, world.organization_id, "phone", "+12025550100")


def test_an_entry_ends_when_it_says_and_is_only_ever_prolonged(engine: Engine, world: World) -> None:
    actor, subject = Actor.system(world.organization_id), [("email", "a@example.org")]

    def listed(session: object, moment: datetime) -> bool:
        return dnc.is_listed(session, world.organization_id, "email", "a@example.org", moment)

    with write_transaction(engine) as session:
        dnc.add(session, actor, subject, until=NOW + timedelta(days=2))
        assert listed(session, NOW + timedelta(days=1))
        assert not listed(session, NOW + timedelta(days=2))
        dnc.add(session, actor, subject, until=NOW + timedelta(days=1))
        assert listed(session, NOW + timedelta(days=1, hours=1))
        dnc.add(session, actor, subject)
        assert listed(session, NOW + timedelta(days=9999))
        dnc.add(session, actor, subject, until=NOW + timedelta(days=1))
        assert listed(session, NOW + timedelta(days=9999))


def test_asks_for_thousands_of_addresses_at_once(engine: Engine, world: World) -> None:
    with write_transaction(engine) as session:
        dnc.add(
            session, Actor.system(world.organization_id), [("phone", f"+1202555{n:04d}") for n in range(0, 3000, 3)]
        )
        asked = [("phone", f"+1202555{number:04d}") for number in range(3000)]
        assert len(dnc.blocked(session, world.organization_id, asked)) == 1000


@pytest.mark.parametrize(("kind", "value"), [("phone", "12"), ("email", "nobody"), ("contact_id", " ")])
def test_refuses_to_list_what_is_no_address(sqlite_engine: Engine, kind: str, value: str) -> None:
    with write_transaction(sqlite_engine) as session:
        home = build(session, "Meadow").organization_id
    with pytest.raises(Refused), write_transaction(sqlite_engine) as session:
        dnc.add(session, Actor.system(home), [(kind, value)])


def contact(engine: Engine, world: World, external_id: str, **values: object) -> int:
    with write_transaction(engine) as session:
        row = Contact(
            organization_id=world.organization_id, contact_list_id=world.contact_list, external_id=external_id,
            created_at=NOW, updated_at=NOW, **{"attributes": {}, **values},
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


def test_finds_contacts_by_the_beginning_of_what_is_known(engine: Engine, world: World) -> None:
    anna = contact(engine, world, "A-17", first_name="Anna", last_name="Smith")
    contact(engine, world, "B-18", first_name="Bo", last_name="100%_sure")
    with read_transaction(engine) as session:

        def found(search: str) -> list[str]:
            page = contacts.search_contacts(session, ROOT, contact_list_id=world.contact_list, search=search)
            return [view.contact.external_id for view in page.contacts]

        assert found("ann") == found("SMITH") == found("anna sm") == found("a-17") == ["A-17"]
        assert found("100%") == ["B-18"]
        assert found("%") == found("nobody") == []
        assert found("meadow@ex") == ["Meadow"]
        assert contacts.get_contact(session, ROOT, anna).contact.first_name == "Anna"


def test_turns_pages(engine: Engine, world: World) -> None:
    for number in range(5):
        contact(engine, world, f"C{number}")
    seen: list[str] = []
    with read_transaction(engine) as session:
        after: int | None = 0
        while after is not None:
            page = contacts.search_contacts(session, ROOT, after_id=after, limit=2)
            seen += [view.contact.external_id for view in page.contacts]
            after = page.next_after
    assert seen == ["Meadow", "C0", "C1", "C2", "C3", "C4"]


def test_masked_attributes_are_shown_to_those_who_may_unmask(engine: Engine, world: World) -> None:
    plain = Actor(world.user, "anna", world.organization_id, frozenset({Permission.LISTS_VIEW}))
    unmasking = Actor(world.user, "bo", None, frozenset({Permission.LISTS_VIEW, Permission.ATTRIBUTES_UNMASK}))
    with read_transaction(engine) as session:
        assert contacts.get_contact(session, plain, world.contact).attributes == {"Meadow": contacts.MASK}
        assert contacts.get_contact(session, unmasking, world.contact).attributes == {"Meadow": "Meadow"}
        assert contacts.MASK in "".join(contacts.export_csv(session, plain, world.contact_list))


def test_exports_what_can_be_imported_again_and_runs_no_formula(engine: Engine, world: World) -> None:
    with write_transaction(engine) as session:
        session.execute(update(Attribute).values(name="plan", masked=False))
    contact(engine, world, "=cmd()", first_name="+1 (202) 555", last_name="-x", attributes={"plan": True})
    with read_transaction(engine) as session:
        rows = list(csv.DictReader(io.StringIO("".join(contacts.export_csv(session, ROOT, world.contact_list)))))
    assert list(rows[0]) == ["id", "first_name", "last_name", "language", "time_zone", "customer_id", "email", "plan"]
    assert rows[0]["email"] == "meadow@example.org"
    assert (rows[1]["id"], rows[1]["first_name"], rows[1]["last_name"]) == ("'=cmd()", "+1 (202) 555", "'-x")
    assert rows[1]["plan"] == "true"


def test_deleting_a_contact_that_jobs_refer_to_only_marks_it(engine: Engine, world: World) -> None:
    free = contact(engine, world, "free")
    with write_transaction(engine) as session:
        contacts.delete_contact(session, ROOT, free)
        contacts.delete_contact(session, ROOT, world.contact)
    with read_transaction(engine) as session:
        assert session.get(Contact, free) is None
        assert session.get_one(Contact, world.contact).deleted_at is not None
        assert contacts.search_contacts(session, ROOT).contacts == ()


def test_deletes_a_list_that_nobody_uses_with_its_contacts(engine: Engine, world: World) -> None:
    for number in range(450):
        contact(engine, world, f"C{number}") if number % 45 == 0 else None
    with pytest.raises(Refused, match="'Meadow' uses this list"):
        lists.delete_list(engine, ROOT, world.contact_list)
    with write_transaction(engine) as session:
        assert [row.contacts for row in lists.list_lists(session, ROOT)] == [11]
        spare = lists.create_list(session, ROOT, "Spare").id
        contact_push.push(session, ROOT, spare, [{"id": "S1", "phone1": "2025550100"}])
    lists.delete_list(engine, ROOT, spare)
    with read_transaction(engine) as session:
        assert [row.contact_list.name for row in lists.list_lists(session, ROOT)] == ["Meadow"]


def test_a_large_list_is_counted_again_after_some_seconds_only(
    engine: Engine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted(large: int, shown: float) -> int:
        monkeypatch.setattr(list_counts, "LARGE", large)
        monkeypatch.setattr(list_counts, "SHOWN", shown)
        with read_transaction(engine) as session:
            return lists.list_lists(session, ROOT)[0].contacts

    assert counted(1, 1000) == 1
    contact(engine, world, "C2")
    assert counted(1, 1000) == 1
    assert counted(3, 0) == 2
    contact(engine, world, "C3")
    assert counted(1, 1000) == 3  # a small one is never kept


def test_a_list_whose_contacts_jobs_have_had_stays_and_keeps_them(engine: Engine, world: World) -> None:
    with write_transaction(engine) as session:
        session.get_one(Campaign, world.campaign).contact_list_id = lists.create_list(session, ROOT, "Spare").id
    with pytest.raises(Refused, match="empty it instead"):
        lists.delete_list(engine, ROOT, world.contact_list)
    with read_transaction(engine) as session:
        assert session.get_one(Contact, world.contact).deleted_at is None


@pytest.mark.parametrize(
    ("name", "country", "words"),
    [
        ("", "US", "1 to 120"),
        ("Meadow", "US", "already"),
        ("New", "Atlantis", "no country"),
        ("a\nb", "US", "printable"),
    ],
)
def test_refuses_a_list_naming_the_mend(sqlite_engine: Engine, name: str, country: str, words: str) -> None:
    with write_transaction(sqlite_engine) as session:
        build(session, "Meadow")
    with pytest.raises(Refused, match=words), write_transaction(sqlite_engine) as session:
        lists.create_list(session, ROOT, name, home_country=country)


def test_changes_leave_a_trace_without_secrets(engine: Engine, world: World) -> None:
    with write_transaction(engine) as session:
        made = lists.create_list(session, ROOT, "New")
        users.reset_password(session, ROOT, world.user)
        audit.record(session, ROOT, "test", made, before={"password": "secret"}, after={"name": "New"})
    with read_transaction(engine) as session:
        entries = audit.list_entries(session, ROOT, kind="contact_list", object_id=str(made.id))
        assert [entry.action for entry in entries] == ["test", "contact_list.create"]
        assert entries[0].before == {"password": audit.MASK}
        assert session.scalars(select(AuditEntry).where(AuditEntry.action == "user.reset_password")).one().after is None
        assert session.scalars(select(User.must_change_password).where(User.id == world.user)).one()
        assert session.scalars(select(DncList)).all()
        assert entries[0].at <= utcnow()
