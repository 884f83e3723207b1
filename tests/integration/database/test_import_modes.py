"""Files that are the whole list, on real databases: who is taken out, who never is, and how it is undone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select, update

from app import db
from app.models import (
    Address,
    Attribute,
    AuditEntry,
    Contact,
    ContactChange,
    ImportRun,
    ImportSeen,
    ImportState,
    Organization,
    Removal,
)
from app.security.access import Actor
from app.services import importing, lists
from app.services.importing import removal, runs
from common.clock import utcnow
from common.errors import Refused

pytestmark = pytest.mark.integration

ACTOR = Actor.system()


class Died(BaseException):
    """As when the process is killed there."""


@pytest.fixture
def list_id(engine: Engine) -> int:
    with db.write_transaction(engine) as session:
        session.add(Organization(name="Test", created_at=utcnow()))
        session.flush()
        return lists.create_list(session, ACTOR, "Members").id


class Members:
    """One list, and files for it."""

    def __init__(self, engine: Engine, list_id: int, folder: Path) -> None:
        self.engine = engine
        self.list_id = list_id
        self.folder = folder

    def take(self, text: str, mode: str = "full", **options: Any) -> ImportRun:
        path = self.folder / "members.csv"
        path.write_text(text)
        run_id = importing.import_file(self.engine, ACTOR, self.list_id, path, mode=mode, **options)
        return self.run(run_id)

    def run(self, run_id: int) -> ImportRun:
        with db.read_transaction(self.engine) as session:
            return session.get_one(ImportRun, run_id)

    def here(self) -> set[str]:
        with db.read_transaction(self.engine) as session:
            return set(session.scalars(select(Contact.external_id).where(Contact.deleted_at.is_(None))))

    def history(self) -> list[tuple[str, str, str]]:
        with db.read_transaction(self.engine) as session:
            rows = session.execute(
                select(ContactChange.field, ContactChange.old, ContactChange.new).order_by(ContactChange.id)
            )
            return [(field, old, new) for field, old, new in rows]


@pytest.fixture
def members(engine: Engine, list_id: int, tmp_path: Path) -> Members:
    return Members(engine, list_id, tmp_path)


def rows(*numbers: int, name: str = "Ann") -> str:
    return "id,first_name,phone1\n" + "".join(f"M{n},{name},202 555 {n:04}\n" for n in numbers)


def counts(run: ImportRun) -> tuple[int, int, int, int]:
    return run.rows_added, run.rows_updated, run.rows_unchanged, run.rows_removed


def test_a_full_file_takes_out_who_is_not_in_it_and_can_be_undone(members: Members) -> None:
    members.take(rows(*range(100, 110)), mode="delta")
    run = members.take(rows(*range(101, 109)) + "M108,Zoe,202 555 0108\nM200,New,202 555 0200\n")
    assert (run.state, run.removal, run.detail) == ("completed", "done", "")
    assert counts(run) == (1, 2, 7, 2)
    assert members.here() == {f"M{n}" for n in (*range(101, 109), 200)}
    with db.read_transaction(members.engine) as session:
        assert session.scalar(select(func.count()).select_from(ImportSeen)) == 0
        assert session.scalar(select(func.count()).select_from(Address)) == 11

    assert importing.undo_removal(members.engine, ACTOR, run.id) == 2
    assert members.here() == {f"M{n}" for n in (*range(100, 110), 200)}
    assert members.run(run.id).removal == "undone"
    with pytest.raises(Refused, match="put back"):
        importing.undo_removal(members.engine, ACTOR, run.id)


def test_somebody_who_was_taken_out_comes_back_by_a_later_file(members: Members) -> None:
    members.take(rows(1, 2, 3), mode="delta")
    members.take(rows(1, 2), most_removed=50)
    assert members.here() == {"M1", "M2"}
    run = members.take(rows(1, 2, 3))
    assert counts(run) == (0, 1, 2, 0)
    assert members.here() == {"M1", "M2", "M3"}


def test_more_than_the_share_stays_until_somebody_says_so(members: Members) -> None:
    members.take(rows(1, 2, 3, 4), mode="delta")
    run = members.take(rows(1, 5))
    assert (run.state, run.removal) == ("completed", "held")
    assert "3 of 4 contacts" in run.detail
    assert members.here() == {"M1", "M2", "M3", "M4", "M5"}
    assert importing.confirm_removal(members.engine, ACTOR, run.id) == 3
    assert members.here() == {"M1", "M5"}
    assert members.run(run.id).detail == ""


def test_what_is_held_lapses_with_the_next_import(members: Members) -> None:
    members.take(rows(1, 2, 3, 4), mode="delta")
    held = members.take(rows(1))
    members.take(rows(9), mode="delta")
    assert members.run(held.id).removal == "refused"
    with pytest.raises(Refused, match="holds nobody"):
        importing.confirm_removal(members.engine, ACTOR, held.id)
    assert members.here() == {"M1", "M2", "M3", "M4", "M9"}


@pytest.mark.parametrize("mode", ["full", "replace"])
@pytest.mark.parametrize(
    "text",
    [
        "id,first_name,phone1\n",
        rows(1) + "M2,Ann\n",
        rows(1) + "M2,Ann,call me\nM9,Ann,call me\nM8,Ann,call me\n",
    ],
    ids=["empty", "cut off", "mostly rejected"],
)
def test_a_file_that_cannot_be_trusted_takes_nobody_out(members: Members, text: str, mode: str) -> None:
    members.take(rows(1, 2, 3), mode="delta")
    run = members.take(text, mode=mode, most_removed=100)
    assert (run.state, run.removal, run.rows_removed) == ("completed", "refused", 0)
    assert "nobody was taken out" in run.detail
    assert members.here() == {"M1", "M2", "M3"}


def test_a_rejected_row_does_not_take_its_contact_out(members: Members) -> None:
    members.take(rows(*range(1, 11)), mode="delta")
    run = members.take(rows(*range(1, 9)) + "M9,Ann,call me\nM11,Ann,202 555 0111\n")
    assert (run.rows_rejected, run.rows_removed) == (1, 1)
    assert members.here() == {f"M{n}" for n in (*range(1, 10), 11)}


def test_a_row_without_readable_id_holds_everybody(members: Members) -> None:
    members.take(rows(*range(1, 11)), mode="delta")
    run = members.take(rows(*range(1, 9)) + ",Ann,202 555 0009\n" + "M8,Ann,202 555 0008\n")
    assert (run.rows_unread, run.removal) == (1, "held")
    assert len(members.here()) == 10


def test_a_cancelled_or_failed_run_takes_nobody_out(members: Members, monkeypatch: pytest.MonkeyPatch) -> None:
    members.take(rows(*range(1, 11)), mode="delta")
    real = removal._remove

    def cancelled(engine: Engine, run_id: int, _: object) -> bool:
        assert real(engine, run_id, lambda: False)
        with db.write_transaction(engine) as session:
            session.execute(update(ImportRun).where(ImportRun.id == run_id).values(cancel_requested=True))
        return False

    monkeypatch.setattr(removal, "_remove", cancelled)
    run = members.take(rows(*range(1, 10)))
    assert (run.state, run.removal, run.rows_removed) == ("cancelled", "undone", 0)
    assert len(members.here()) == 10

    def broken(engine: Engine, run_id: int, _: object) -> bool:
        real(engine, run_id, lambda: False)
        raise RuntimeError

    monkeypatch.setattr(removal, "_remove", broken)
    with pytest.raises(RuntimeError):
        members.take(rows(*range(1, 10)))
    assert len(members.here()) == 10


def test_who_is_held_is_left_in_by_word(members: Members) -> None:
    members.take(rows(1, 2, 3, 4), mode="delta")
    held = members.take(rows(1))
    importing.dismiss_removal(members.engine, ACTOR, held.id)
    run = members.run(held.id)
    assert (run.state, run.removal, run.detail, run.rows_removed) == ("completed", "left", "", 0)
    assert members.here() == {"M1", "M2", "M3", "M4"}
    with db.read_transaction(members.engine) as session:
        assert session.scalar(select(func.count()).select_from(ImportSeen)) == 0
        assert session.scalar(select(func.count()).where(AuditEntry.action == "import.leave_in")) == 1
    for act in (importing.dismiss_removal, importing.confirm_removal):
        with pytest.raises(Refused, match="holds nobody"):
            act(members.engine, ACTOR, held.id)


def test_who_was_seen_by_a_run_that_ended_early_is_forgotten(members: Members, monkeypatch: pytest.MonkeyPatch) -> None:
    def seen() -> set[int]:
        with db.read_transaction(members.engine) as session:
            return set(session.scalars(select(ImportSeen.import_run_id)))

    members.take(rows(1, 2, 3, 4), mode="delta")
    held = members.take(rows(1))

    def full(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(runs, "_finish", full)
        failed = members.take(rows(2))
    assert failed.state == ImportState.FAILED
    with pytest.raises(Refused, match="start a new one"):
        importing.run_import(members.engine, ACTOR, failed.id, members.folder / "members.csv")
    assert seen() == set()
    assert members.run(held.id).removal == "refused"

    held = members.take(rows(1))
    with db.write_transaction(members.engine) as session:
        of_none = {"import_run_id": held.id + 99, "contact_id": 1}
        of_failed = {"import_run_id": failed.id, "contact_id": 1}
        session.execute(insert(ImportSeen), [of_none, of_failed])
    removal.forget_leftovers(members.engine)
    assert seen() == {held.id}


def test_a_run_that_died_while_it_took_people_out_goes_on(members: Members, monkeypatch: pytest.MonkeyPatch) -> None:
    members.take(rows(*range(1, 11)), mode="delta")

    def dying(*_: object) -> bool:
        raise Died

    path = members.folder / "members.csv"
    path.write_text(rows(*range(1, 10)))
    with db.write_transaction(members.engine) as session:
        run_id = importing.start_import(session, ACTOR, members.list_id, path, mode="full").id
    with monkeypatch.context() as patch:
        patch.setattr(removal, "_remove", dying)
        with pytest.raises(Died):
            importing.run_import(members.engine, ACTOR, run_id, path)
    assert members.run(run_id).state == ImportState.RUNNING
    importing.run_import(members.engine, ACTOR, run_id, path)
    assert counts(members.run(run_id)) == (0, 0, 9, 1)
    assert members.here() == {f"M{n}" for n in range(1, 10)}


def test_a_run_that_died_while_it_forgot_who_was_seen_takes_nobody_else_out(
    members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    members.take(rows(*range(1, 11)), mode="delta")
    path = members.folder / "members.csv"
    path.write_text(rows(*range(1, 10)))
    with db.write_transaction(members.engine) as session:
        run_id = importing.start_import(session, ACTOR, members.list_id, path, mode="full").id
    real = removal._forget

    def dying(engine: Engine, run_id: int) -> None:
        real(engine, run_id)
        raise Died

    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(removal, "_forget", dying)
        importing.run_import(members.engine, ACTOR, run_id, path)
    assert members.run(run_id).state == ImportState.RUNNING
    importing.run_import(members.engine, ACTOR, run_id, path)
    run = members.run(run_id)
    assert (run.state, run.removal, run.rows_removed) == ("completed", "done", 1)
    assert members.here() == {f"M{n}" for n in range(1, 10)}


def test_a_run_that_died_after_it_asked_still_asks(members: Members, monkeypatch: pytest.MonkeyPatch) -> None:
    members.take(rows(1, 2, 3, 4), mode="delta")
    path = members.folder / "members.csv"
    path.write_text(rows(1))
    with db.write_transaction(members.engine) as session:
        run_id = importing.start_import(session, ACTOR, members.list_id, path, mode="full").id

    def dying(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(runs, "_end", dying)
        importing.run_import(members.engine, ACTOR, run_id, path)
    with pytest.raises(Refused, match="holds nobody"):
        importing.confirm_removal(members.engine, ACTOR, run_id)
    importing.run_import(members.engine, ACTOR, run_id, path)
    run = members.run(run_id)
    assert (run.state, run.removal) == ("completed", "held")
    assert "3 of 4 contacts" in run.detail


@pytest.mark.parametrize("meanwhile", ["next import", "second click"])
def test_what_comes_while_people_are_taken_out_by_word_takes_nobody_else_out(
    members: Members, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    members.take(rows(1, 2, 3, 4), mode="delta")
    held = members.take(rows(1, 5))
    real, came = removal._remove, list[str]()

    def interrupted(engine: Engine, run_id: int, is_cancelled: Callable[[], bool]) -> bool:
        if not came:
            came.append(meanwhile)
            if meanwhile == "next import":
                members.take(rows(2), mode="delta")
            else:
                assert importing.confirm_removal(engine, ACTOR, run_id) == 3
        return real(engine, run_id, is_cancelled)

    with monkeypatch.context() as patch:
        patch.setattr(removal, "_remove", interrupted)
        assert importing.confirm_removal(members.engine, ACTOR, held.id) == 3
    run = members.run(held.id)
    assert (run.removal, run.rows_removed, run.detail) == ("done", 3, "")
    assert members.here() == {"M1", "M5"} | ({"M2"} if meanwhile == "next import" else set())


@pytest.mark.parametrize("then", ["go on", "put back", "import"])
def test_taking_out_by_word_that_died_half_way_has_a_way_on(
    members: Members, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    members.take(rows(*range(1, 5)), mode="delta")
    held = members.take(rows(1))
    monkeypatch.setattr(removal, "_FIRST", 1)

    def dying(*_: object) -> int:
        raise Died

    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(removal, "next_chunk_size", dying)
        importing.confirm_removal(members.engine, ACTOR, held.id)
    assert members.here() == {"M1", "M3", "M4"}
    if then == "go on":
        assert importing.confirm_removal(members.engine, ACTOR, held.id) == 3
        assert members.here() == {"M1"}
    elif then == "put back":
        assert importing.undo_removal(members.engine, ACTOR, held.id) == 1
        assert members.here() == {"M1", "M2", "M3", "M4"}
        assert members.run(held.id).removal == "undone"
    else:
        members.take(rows(4), mode="delta")
        assert members.here() == {"M1", "M4"}
        assert members.run(held.id).removal == "done"
    with db.read_transaction(members.engine) as session:
        assert session.scalar(select(func.count()).select_from(ImportSeen)) == 0


def test_who_came_while_the_import_ran_stays(members: Members) -> None:
    members.take(rows(*range(1, 11)), mode="delta")
    path = members.folder / "members.csv"
    path.write_text(rows(*range(1, 11)))
    with db.write_transaction(members.engine) as session:
        run_id = importing.start_import(session, ACTOR, members.list_id, path, mode="full").id
    members.take(rows(99), mode="delta")
    path.write_text(rows(*range(1, 11)))
    importing.run_import(members.engine, ACTOR, run_id, path)
    assert "M99" in members.here()


def test_a_replacement_empties_what_the_file_has_no_column_for(members: Members) -> None:
    members.take(
        "id,first_name,last_name,phone1,email,segment\nM1,Ann,Smith,202 555 0101,a@example.org,gold\n", "delta"
    )
    with db.write_transaction(members.engine) as session:
        session.execute(update(Contact).values(last_completion_code="ANSWER_HUMAN"))
    run = members.take("id,first_name,phone1\nM1,Ann,202 555 0101\nM2,Bo,202 555 0102\n", mode="replace")
    assert counts(run) == (1, 1, 0, 0)
    with db.read_transaction(members.engine) as session:
        found = session.scalars(select(Contact).where(Contact.external_id == "M1")).one()
        assert (found.first_name, found.last_name, found.attributes) == ("Ann", "", {})
        assert found.last_completion_code == "ANSWER_HUMAN"
        names = session.scalars(select(Address.name).where(Address.contact_id == found.id)).all()
    assert names == ["phone1"]
    with pytest.raises(Refused, match="mode"):
        members.take(rows(1), mode="replace", on_duplicate="skip")


def test_a_full_file_may_leave_known_contacts_as_they_are(members: Members) -> None:
    members.take(rows(1, 2, 3), mode="delta")
    run = members.take(rows(1, 2, name="Other"), most_removed=50, on_duplicate="skip")
    assert (run.rows_skipped, run.rows_removed) == (2, 1)
    assert members.here() == {"M1", "M2"}


def test_the_history_tells_what_an_import_changed_and_nothing_else(members: Members) -> None:
    members.take("id,first_name,phone1,segment,pin\nM1,Ann,202 555 0101,gold,1234\nM2,Bo,202 555 0102,,\n", "delta")
    assert members.history() == []
    with db.write_transaction(members.engine) as session:
        session.execute(update(Attribute).where(Attribute.name == "pin").values(private=True))
    run = members.take(
        "id,first_name,phone1,segment,pin\nM1,Anna\t,202 555 0109,back\\slash,99\nM2,Bo,202 555 0102,,\n", "delta"
    )
    assert counts(run) == (0, 1, 1, 0)
    assert sorted(members.history()) == [
        ("first_name", "Ann", "Anna"),
        ("phone1", "+12025550101", "+12025550109"),
        ("pin", "********", "********"),
        ("segment", "gold", "back\\slash"),
    ]
    with db.read_transaction(members.engine) as session:
        assert set(session.scalars(select(ContactChange.import_run_id))) == {run.id}
        brought = set(session.scalars(select(Contact.import_run_id)))
    assert brought == {run.id - 1}
    assert Removal(run.removal) is Removal.NONE
