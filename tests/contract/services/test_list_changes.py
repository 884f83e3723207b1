"""Deletions of many contacts: who goes, who stays, what is put back, and what is removed for good in the end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy import delete as remove

from app import bulk
from app.core.audience import Condition, Filter, Group, Operator
from app.db import read_transaction, write_transaction
from app.models import (
    Address,
    Attempt,
    AuditEntry,
    ConsentEvent,
    Contact,
    ContactName,
    DncEntry,
    ImportRun,
    Job,
    JobContact,
    ListChange,
)
from app.security.access import Actor
from app.services import contact_push, contacts, dnc, exclusions, importing, list_changes, lists
from app.services.list_changes import UNDO_FOR
from app.services.list_changes.purging import purge_next
from app.services.list_changes.working import SILENCE, work_next
from common.clock import utcnow
from common.errors import Refused
from tests.support.organizations import World, build

ROOT = Actor.system()
EVERYBODY = Filter()
EVEN = Filter((Group((Condition("first_name", Operator.EQUALS, "even"),)),))


@pytest.fixture
def world(engine: Engine) -> World:
    """A list of a contact that a job has and is calling, and forty others, every second of them "even"."""
    with write_transaction(engine) as session:
        world = build(session, "Meadow")
        now = utcnow()
        row = {"organization_id": world.organization_id, "contact_list_id": world.contact_list, "attributes": {}}
        rows = [
            {
                **row,
                "external_id": f"C{n}",
                "first_name": "odd" if n % 2 else "even",
                "created_at": now,
                "updated_at": now,
            }
            for n in range(40)
        ]
        session.execute(insert(Contact), rows)
    return world


def delete(engine: Engine, world: World, made: Filter = EVERYBODY) -> int:
    with write_transaction(engine) as session:
        seen = list_changes.look(session, ROOT, world.contact_list, made, utcnow())
        change = list_changes.start_deletion(
            session, ROOT, world.contact_list, made, expected=seen.preview.counted, last_id=seen.last_id
        )
        return change.id


def change(engine: Engine, change_id: int) -> ListChange:
    with read_transaction(engine) as session:
        return session.get_one(ListChange, change_id)


def there(engine: Engine) -> int:
    return count(engine, Contact, Contact.deleted_at.is_(None))


def count(engine: Engine, model: Any, *conditions: Any) -> int:
    with read_transaction(engine) as session:
        return session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0


def hang_up(engine: Engine) -> None:
    with write_transaction(engine) as session:
        session.execute(update(Attempt).values(state="done", completion_code="CALL_BUSY", ended_at=utcnow()))


def test_who_is_meant_goes_and_is_put_back(engine: Engine, world: World) -> None:
    deletion = delete(engine, world, EVEN)
    contact_push_of_later(engine, world)
    assert work_next(engine)
    assert not work_next(engine)
    done = change(engine, deletion)
    assert (done.state, done.done, done.kept, done.words) == ("completed", 20, 0, "First name is even")
    assert there(engine) == 22
    with write_transaction(engine) as session:
        back = list_changes.undo(session, ROOT, deletion).id
        with pytest.raises(Refused, match="cannot be undone"):
            list_changes.undo(session, ROOT, deletion)
    work_next(engine)
    assert (change(engine, back).done, change(engine, back).kept, there(engine)) == (20, 0, 42)
    assert count(engine, AuditEntry, AuditEntry.kind == "list_change") == 4


def contact_push_of_later(engine: Engine, world: World) -> None:
    """Somebody who is meant comes into the list after it was looked at."""
    with write_transaction(engine) as session:
        later = {"id": "later", "first_name": "even", "phone1": "2025550100"}
        contact_push.push(session, ROOT, world.contact_list, [later])


def test_who_is_being_called_stays_and_books_and_lists_do_too(engine: Engine, world: World) -> None:
    before = [count(engine, model) for model in (DncEntry, ConsentEvent, Attempt, JobContact)]
    deletion = delete(engine, world)
    work_next(engine)
    done = change(engine, deletion)
    assert (done.done, done.kept, there(engine)) == (40, 1, 1)
    assert "1 stay: they are being called now" in done.detail
    hang_up(engine)
    again = delete(engine, world)
    work_next(engine)
    assert (change(engine, again).done, there(engine)) == (1, 0)
    assert purge_next(engine, utcnow() + timedelta(days=8))
    assert purge_next(engine, utcnow() + timedelta(days=8))
    assert not purge_next(engine, utcnow() + timedelta(days=8))
    assert [count(engine, model) for model in (DncEntry, ConsentEvent, Attempt, JobContact)] == before
    assert count(engine, Contact) == 1
    with write_transaction(engine) as session, pytest.raises(Refused, match="cannot be undone"):
        session.execute(update(ListChange).values(undo_until=utcnow()))
        list_changes.undo(session, ROOT, again)


def test_nothing_is_removed_for_good_before_its_time(engine: Engine, world: World) -> None:
    delete(engine, world, EVEN)
    work_next(engine)
    assert not purge_next(engine, utcnow() + timedelta(days=6))
    assert count(engine, Contact) == 41


def test_a_removal_for_good_that_was_stopped_goes_on_later(
    engine: Engine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_FIRST", "_LEAST", "_LARGEST", "_PAGE"):
        monkeypatch.setattr(bulk, name, 3)
    delete(engine, world, EVEN)
    work_next(engine)
    due, steps = utcnow() + timedelta(days=8), iter(range(4))
    assert purge_next(engine, due, lambda: next(steps, None) is not None)
    assert count(engine, Contact) == 41 - 12
    assert purge_next(engine, due)
    assert count(engine, Contact) == 21
    assert not purge_next(engine, due)


def left_out(engine: Engine, world: World, path: Path) -> int:
    """The import of a file that is the whole list and has the first twenty of the forty others alone."""
    path.write_text("id,phone1\n" + "".join(f"C{n},+1202555{n:04}\n" for n in range(20)))
    return importing.import_file(engine, ROOT, world.contact_list, path, mode="full", most_removed=100)


def test_whom_a_whole_file_left_out_is_removed_for_good_after_the_time_to_put_them_back(
    engine: Engine, world: World, tmp_path: Path
) -> None:
    before = [count(engine, model) for model in (DncEntry, ConsentEvent, Attempt, JobContact)]
    with write_transaction(engine) as session:
        exclusions.exclude(session, ROOT, world.contact_list, [("id", "C39")])
    run_id = left_out(engine, world, tmp_path / "members.csv")
    assert (there(engine), count(engine, Contact)) == (20, 41)

    assert not purge_next(engine, utcnow() + UNDO_FOR)
    assert purge_next(engine, utcnow() + 2 * UNDO_FOR)
    assert not purge_next(engine, utcnow() + 2 * UNDO_FOR)
    assert (there(engine), count(engine, Contact)) == (20, 22)
    assert [count(engine, model) for model in (DncEntry, ConsentEvent, Attempt, JobContact)] == before
    with read_transaction(engine) as session:
        stays = session.scalars(select(Contact.external_id).where(Contact.deleted_at.is_not(None)))
        assert set(stays) == {"C39", "Meadow"}
        run = session.get_one(ImportRun, run_id)
        assert (run.rows_removed, run.purged_at is not None) == (21, True)
        assert count(engine, AuditEntry, AuditEntry.action == "import.purge") == 1


def test_who_was_excluded_comes_back_excluded_after_a_deletion_and_its_purge(
    engine: Engine, world: World, tmp_path: Path
) -> None:
    with write_transaction(engine) as session:
        exclusions.exclude(session, ROOT, world.contact_list, [("id", "C38"), ("id", "C2")])
    delete(engine, world, EVEN)
    work_next(engine)
    assert there(engine) == 21
    assert purge_next(engine, utcnow() + timedelta(days=8))
    assert count(engine, Contact) == 21 + 2
    path = tmp_path / "again.csv"
    path.write_text("id,phone1\nC38,+12025550138\nC36,+12025550136\n")
    importing.import_file(engine, ROOT, world.contact_list, path)
    with read_transaction(engine) as session:
        excluded = exclusions.list_excluded(session, ROOT, world.contact_list)
        assert [contact.external_id for contact, _ in excluded] == ["C38"]
        assert there(engine) == 21 + 2


def test_who_was_left_out_is_put_back_in_time_alone(engine: Engine, world: World, tmp_path: Path) -> None:
    run_id = left_out(engine, world, tmp_path / "members.csv")
    with write_transaction(engine) as session:
        run = session.get_one(ImportRun, run_id)
        assert run.removed_at is not None
        assert importing.may_put_back(run, run.removed_at + UNDO_FOR - timedelta(seconds=1))
        assert not importing.may_put_back(run, run.removed_at + UNDO_FOR)
    assert importing.undo_removal(engine, ROOT, run_id) == 21
    assert not purge_next(engine, utcnow() + 2 * UNDO_FOR)
    assert there(engine) == 41


def test_a_worker_that_died_is_followed_by_one_that_goes_on(
    engine: Engine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_FIRST", "_LEAST", "_LARGEST"):
        monkeypatch.setattr(bulk, name, 5)
    deletion, steps = delete(engine, world, EVEN), iter(range(3))

    def dies() -> bool:
        if next(steps, None) is None:
            raise KeyboardInterrupt
        return True

    with pytest.raises(KeyboardInterrupt):
        work_next(engine, dies)
    assert change(engine, deletion).done == 15
    assert not work_next(engine)
    with write_transaction(engine) as session:
        session.execute(update(ListChange).values(seen_at=utcnow() - SILENCE * 2))
    assert work_next(engine, lambda: False)
    assert change(engine, deletion).state == "queued"
    assert work_next(engine)
    assert (change(engine, deletion).state, change(engine, deletion).done) == ("completed", 20)


@pytest.mark.parametrize("call_goes_on", [True, False])
def test_who_was_being_called_before_a_stop_is_asked_about_after_it(
    engine: Engine, world: World, monkeypatch: pytest.MonkeyPatch, call_goes_on: bool
) -> None:
    for name in ("_FIRST", "_LEAST", "_LARGEST"):
        monkeypatch.setattr(bulk, name, 5)
    deletion, steps = delete(engine, world), iter(range(3))
    assert work_next(engine, lambda: next(steps, None) is not None)
    assert (change(engine, deletion).state, change(engine, deletion).done) == ("queued", 14)
    if not call_goes_on:
        hang_up(engine)
    assert work_next(engine)
    done = change(engine, deletion)
    assert (done.state, done.done, done.kept, there(engine)) == (
        ("completed", 40, 1, 1) if call_goes_on else ("completed", 41, 0, 0)
    )
    assert ("1 stay: they are being called now" in done.detail) is call_goes_on


def test_cancelling_leaves_the_rest_and_what_went_can_be_put_back(
    engine: Engine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_FIRST", "_LEAST", "_LARGEST"):
        monkeypatch.setattr(bulk, name, 4)
    deletion, steps = delete(engine, world, EVEN), iter(range(2))

    def cancels() -> bool:
        if next(steps, None) is None:
            with write_transaction(engine) as session:
                session.execute(update(ListChange).values(cancel_requested=True))
        return True

    work_next(engine, cancels)
    stopped = change(engine, deletion)
    assert (stopped.state, stopped.done, there(engine)) == ("cancelled", 8, 33)
    with write_transaction(engine) as session:
        list_changes.undo(session, ROOT, deletion)
    work_next(engine)
    assert there(engine) == 41
    waiting = delete(engine, world, EVEN)
    with write_transaction(engine) as session:
        list_changes.cancel(session, ROOT, waiting)
        with pytest.raises(Refused, match="cancelled already"):
            list_changes.cancel(session, ROOT, waiting)
    assert not work_next(engine)


def test_who_comes_again_after_a_deletion_is_new_and_no_undo_touches_them(engine: Engine, world: World) -> None:
    with write_transaction(engine) as session:
        old = {"id": "C2", "first_name": "even", "last_name": "Old", "phone1": "2025550101", "email": "old@example.org"}
        contact_push.push(session, ROOT, world.contact_list, [old])
    deletion = delete(engine, world)
    work_next(engine)
    with write_transaction(engine) as session:
        pushed = contact_push.push(session, ROOT, world.contact_list, [{"id": "C2", "phone1": "2025550100"}])
        assert (pushed.added, pushed.updated) == (0, 1)
        list_changes.undo(session, ROOT, deletion)
    work_next(engine)
    with read_transaction(engine) as session:
        again = session.scalars(select(Contact).where(Contact.external_id == "C2")).one()
        assert (again.first_name, again.last_name, again.deleted_at) == ("", "", None)
        values = session.scalars(select(Address.value).where(Address.contact_id == again.id)).all()
        assert values == ["+12025550100"]
        back = session.scalars(select(ListChange).order_by(ListChange.id.desc()).limit(1)).one()
        assert (back.done, back.kept) == (39, 1)


def test_the_erased_stay_away(engine: Engine, world: World) -> None:
    deletion = delete(engine, world, EVEN)
    work_next(engine)
    with write_transaction(engine) as session:
        session.execute(update(Contact).where(Contact.external_id == "C2").values(erased_at=utcnow()))
        list_changes.undo(session, ROOT, deletion)
    work_next(engine)
    with read_transaction(engine) as session:
        erased = session.scalars(select(Contact).where(Contact.external_id == "C2")).one()
    assert erased.deleted_at is not None
    assert there(engine) == 40


def test_nobody_meant_is_refused_and_a_list_waits_for_its_change(engine: Engine, world: World) -> None:
    nobody = Filter((Group((Condition("id", Operator.EQUALS, "no such"),)),))
    with pytest.raises(Refused, match="nobody of the list is meant"):
        delete(engine, world, nobody)
    with write_transaction(engine) as session:
        spare = lists.create_list(session, ROOT, "Spare", organization_id=world.organization_id).id
        contact_push.push(session, ROOT, spare, [{"id": "S1", "phone1": "2025550100"}])
        exclusions.exclude(session, ROOT, spare, [("id", "S1")])
        list_changes.start_deletion(session, ROOT, spare, EVERYBODY, expected=1, last_id=10**9)
    with pytest.raises(Refused, match="being changed"):
        lists.delete_list(engine, ROOT, spare)
    work_next(engine)
    assert count(engine, Contact, Contact.contact_list_id == spare, Contact.deleted_at.is_not(None)) == 1
    lists.delete_list(engine, ROOT, spare)
    assert count(engine, Contact, Contact.contact_list_id == spare) == 0


def test_a_job_ends_by_itself_with_whom_a_deletion_took(engine: Engine, world: World) -> None:
    """The rows of the job are the engine's to write: none is touched."""
    hang_up(engine)
    with read_transaction(engine) as session:
        before = session.execute(select(JobContact.id, JobContact.state, JobContact.updated_at)).all()
        audience = session.scalar(select(Job.audience))
    delete(engine, world)
    work_next(engine)
    with read_transaction(engine) as session:
        assert session.execute(select(JobContact.id, JobContact.state, JobContact.updated_at)).all() == before
        assert session.scalar(select(Job.audience)) == audience
    with write_transaction(engine) as session:
        assert dnc.blocked(session, world.organization_id, [("contact_id", "Meadow")])


def test_names_are_found_after_an_undo_and_gone_after_the_purge(engine: Engine, world: World) -> None:
    def found() -> int:
        with read_transaction(engine) as session:
            page = contacts.search_contacts(session, ROOT, contact_list_id=world.contact_list, search="Zoe")
            return len(page.contacts)

    with write_transaction(engine) as session:
        people = [{"id": f"z{n}", "first_name": "Zoe", "phone1": "2025550100"} for n in range(3)]
        contact_push.push(session, ROOT, world.contact_list, people)
    names = count(engine, ContactName)
    assert found() == 3
    deletion = delete(engine, world, Filter((Group((Condition("first_name", Operator.EQUALS, "Zoe"),)),)))
    work_next(engine)
    assert (found(), count(engine, ContactName)) == (0, names)
    with write_transaction(engine) as session:
        session.execute(remove(ContactName).where(ContactName.term == "zoe"))
        list_changes.undo(session, ROOT, deletion)
    work_next(engine)
    assert (found(), count(engine, ContactName)) == (3, names)
    delete(engine, world, Filter((Group((Condition("first_name", Operator.EQUALS, "Zoe"),)),)))
    work_next(engine)
    while purge_next(engine, utcnow() + timedelta(days=8)):
        pass
    assert (found(), count(engine, ContactName)) == (0, names - 3)
