"""Rows of people who are in the list already: what is the same is left alone, however it is written, all else seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from app import db
from app.models import Address, AttributeType, Contact, ContactChange, ImportRun, Organization
from app.security.access import Actor
from app.services import importing, lists
from app.services.importing import standing
from common.clock import utcnow

pytestmark = pytest.mark.integration

ACTOR = Actor.system()
HEADER = "id,first_name,last_name,phone1,phone2,email,longer_note,due,note\n"
ROWS = (
    "A1,An\tna,Lee,202 555 0100,,an@example.org,,2026-03-31,plain\n",
    "A2,Zoë,Ünal,202 555 0101,+44 7400 123456,u@example.org,,,näh\n",
    'A3,"Bo ""B""",C\\D,202 555 0102,,,"say ""a\\b""",2026-04-01,\n',
    "A4,,,202 555 0103,303 555 0101,Cy@Example.org,x,,y\n",
)


@pytest.fixture
def list_id(engine: Engine) -> int:
    with db.write_transaction(engine) as session:
        session.add(Organization(name="Test", created_at=utcnow()))
        session.flush()
        lists.define_attribute(session, ACTOR, "due", AttributeType.DATE)
        return lists.create_list(session, ACTOR, "Patients").id


def imported(engine: Engine, list_id: int, path: Path, *rows: str, header: str = HEADER) -> ImportRun:
    path = path / "contacts.csv"
    path.write_text(header + "".join(rows), encoding="utf-8")
    run_id = importing.import_file(engine, ACTOR, list_id, path)
    with db.read_transaction(engine) as session:
        return session.get_one(ImportRun, run_id)


def history(engine: Engine) -> set[tuple[str, str, str, str]]:
    with db.read_transaction(engine) as session:
        rows = session.execute(
            select(Contact.external_id, ContactChange.field, ContactChange.old, ContactChange.new)
            .join(Contact, Contact.id == ContactChange.contact_id)
            .where(ContactChange.field != "deleted")
        )
        return {tuple(row) for row in rows}


def test_a_file_that_says_nothing_new_is_told_by_its_text(
    engine: Engine, list_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = ROWS[1], ROWS[3]
    imported(engine, list_id, tmp_path, *plain)
    # Nobody is read whole or taken apart.
    monkeypatch.setattr(standing, "look_up", None)
    monkeypatch.setattr(standing, "_known", None)
    assert imported(engine, list_id, tmp_path, *plain).rows_unchanged == 2


def test_whatever_is_in_the_cells_the_same_file_changes_nothing(engine: Engine, list_id: int, tmp_path: Path) -> None:
    imported(engine, list_id, tmp_path, *ROWS)
    with db.write_transaction(engine) as session:
        # Somebody has put addresses in another order, and knows more of a contact than the file.
        session.execute(update(Address).where(Address.name == "phone1").values(position=7))
        one = session.scalars(select(Contact).where(Contact.external_id == "A4")).one()
        one.attributes = {"zz": "more", **one.attributes}
    run = imported(engine, list_id, tmp_path, *ROWS)
    assert (run.rows_unchanged, run.rows_updated, run.rows_added) == (4, 0, 0)
    assert history(engine) == set()


def test_each_thing_that_differs_is_seen(engine: Engine, list_id: int, tmp_path: Path) -> None:
    imported(engine, list_id, tmp_path, *ROWS)
    run = imported(
        engine, list_id, tmp_path,
        "A1,An,na\tLee,202 555 0100,,an@example.org,,2026-03-31,plain\n",
        "A2,Zoë,Ünal,202 555 0101,,u@example.org,,,näh\n",
        'A3,"Bo ""B""",C\\D,202 555 0102,,,"say ""a\\c""",2026-04-01,\n',
        "A4,,,202 555 0103,303 555 0102,Cy@Example.org,y,,x\n",
    )  # fmt: skip
    assert (run.rows_unchanged, run.rows_updated) == (0, 4)
    assert history(engine) == {
        ("A1", "first_name", "An\tna", "An"),
        ("A1", "last_name", "Lee", "na\tLee"),
        ("A2", "phone2", "+447400123456", ""),
        ("A3", "longer_note", 'say "a\\b"', 'say "a\\c"'),
        ("A4", "phone2", "+13035550101", "+13035550102"),
        ("A4", "longer_note", "x", "y"),
        ("A4", "note", "y", "x"),
    }


def test_columns_that_a_file_does_not_have_are_not_compared(engine: Engine, list_id: int, tmp_path: Path) -> None:
    imported(engine, list_id, tmp_path, *ROWS)
    few = "A4,202 555 0103,y\n"
    assert imported(engine, list_id, tmp_path, few, header="id,phone1,note\n").rows_unchanged == 1


def test_who_was_deleted_comes_back_though_the_row_is_the_same(engine: Engine, list_id: int, tmp_path: Path) -> None:
    imported(engine, list_id, tmp_path, *ROWS)
    with db.write_transaction(engine) as session:
        session.execute(update(Contact).where(Contact.external_id == "A2").values(deleted_at=utcnow()))
    run = imported(engine, list_id, tmp_path, *ROWS)
    assert (run.rows_unchanged, run.rows_updated) == (3, 1)
    with db.read_transaction(engine) as session:
        assert session.scalars(select(Contact.deleted_at).where(Contact.external_id == "A2")).one() is None
