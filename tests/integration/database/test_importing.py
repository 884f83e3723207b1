"""Imports into real databases: what arrives, what is refused, and what happens to others meanwhile."""

from __future__ import annotations

import csv
import io
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.exc import OperationalError

from app import db
from app.intake.chunks import Job
from app.models import (
    Address,
    Attribute,
    AttributeType,
    Contact,
    ImportReject,
    ImportRun,
    ImportState,
    Organization,
    OutboxEvent,
)
from app.security.access import Actor
from app.services import contact_push, dnc, importing, lists
from app.services.importing import Progress, loading
from app.services.importing.readers import chunks_of
from common.clock import utcnow
from common.errors import Refused

pytestmark = pytest.mark.integration

ACTOR = Actor.system()
#: A job of which only the path counts.
NOTHING = (",", ("id", "phone1"), {"id": "id", "phone1": "phone1"}, {}, "US", 0, False)
HEADER = "id,first_name,phone1,phone2,email,balance,time_zone\n"
GOOD = HEADER + "A1,Anna,(202) 555-0100,,anna@example.org,12.50,\nA2,Bo,303-555-0101,+1 415 555 0102,,7,America/Boise\n"


@pytest.fixture
def list_id(engine: Engine) -> int:
    with db.write_transaction(engine) as session:
        session.add(Organization(name="Test", created_at=utcnow()))
        session.flush()
        lists.define_attribute(session, ACTOR, "balance", AttributeType.DECIMAL)
        return lists.create_list(session, ACTOR, "Patients").id


def write(tmp_path: Path, content: str | bytes, name: str = "contacts.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def run_of(engine: Engine, run_id: int) -> ImportRun:
    with db.read_transaction(engine) as session:
        return session.get_one(ImportRun, run_id)


def counts(run: ImportRun) -> tuple[str, int, int, int, int]:
    return run.state, run.rows_read, run.rows_added, run.rows_updated, run.rows_rejected


def contacts(engine: Engine) -> dict[str, Contact]:
    with db.read_transaction(engine) as session:
        return {contact.external_id: contact for contact in session.scalars(select(Contact))}


def addresses(engine: Engine, external_id: str) -> dict[str, Address]:
    with db.read_transaction(engine) as session:
        rows = session.scalars(select(Address).join(Contact).where(Contact.external_id == external_id))
        return {address.name: address for address in rows}


def test_imports_contacts_with_addresses_and_typed_attributes(engine: Engine, list_id: int, tmp_path: Path) -> None:
    run_id = importing.import_file(engine, ACTOR, list_id, write(tmp_path, GOOD))
    assert counts(run_of(engine, run_id)) == ("completed", 2, 2, 0, 0)
    found = contacts(engine)
    assert found["A1"].first_name == "Anna"
    assert found["A1"].attributes == {"balance": "12.50"}
    assert found["A2"].time_zone == "America/Boise"
    assert found["A1"].created_at.tzinfo is not None
    first = addresses(engine, "A1")
    assert {name: (row.value, row.original) for name, row in first.items()} == {
        "phone1": ("+12025550100", "(202) 555-0100"),
        "email": ("anna@example.org", "anna@example.org"),
    }
    assert first["phone1"].time_zones == "America/New_York"
    assert set(addresses(engine, "A2")) == {"phone1", "phone2"}


def test_a_second_import_updates_by_id_and_keeps_the_rest(engine: Engine, list_id: int, tmp_path: Path) -> None:
    importing.import_file(engine, ACTOR, list_id, write(tmp_path, GOOD))
    with db.write_transaction(engine) as session:
        session.execute(update(Address).values(disabled_code="INVALID_NUMBER"))
    before = contacts(engine)
    again = "id,phone1,phone2,segment\nA2,303-555-0101,,gold\nA1,202 555 0199,,silver\nA3,202 555 0150,,\n"
    run_id = importing.import_file(engine, ACTOR, list_id, write(tmp_path, again))
    assert counts(run_of(engine, run_id)) == ("completed", 3, 1, 2, 0)
    after = contacts(engine)
    assert {name: after[name].id for name in before} == {name: before[name].id for name in before}
    assert after["A1"].first_name == "Anna"
    assert after["A1"].attributes == {"balance": "12.50", "segment": "silver"}
    assert addresses(engine, "A1")["phone1"].disabled_code == ""
    assert addresses(engine, "A2")["phone1"].disabled_code == "INVALID_NUMBER"
    assert set(addresses(engine, "A1")) == {"phone1", "email"}
    assert set(addresses(engine, "A2")) == {"phone1"}


def test_the_same_id_twice_in_a_file_is_one_contact(engine: Engine, list_id: int, tmp_path: Path) -> None:
    text = "id,first_name,phone1\nA1,Anna,202 555 0100\nA1,Hanna,202 555 0101\n"
    run_id = importing.import_file(engine, ACTOR, list_id, write(tmp_path, text))
    assert counts(run_of(engine, run_id)) == ("completed", 2, 1, 1, 0)
    assert contacts(engine)["A1"].first_name == "Hanna"


def test_lists_every_refused_row_and_imports_the_others(engine: Engine, list_id: int, tmp_path: Path) -> None:
    text = GOOD + (
        "A3,Cy,2025550100;ext=1,,,1,\n"
        "A4,Di,911,,,1,\n"
        "A5,Ed,202 555 0105,,,much,\n"
        "A6,Fay,202 555 0106,,fay,1,\n"
        ",Guy,202 555 0107,,,1,\n"
        "A8,Hal\0,202 555 0108,,,1,\n"
        'A9,"Ida,202 555 0109,,,1,\n'
        "A10,Jo,,,,1,\n"
        "A11,Kit,202 555 0111,,,1,Mars/Base\n"
        "A12,Lou\n"
        "A13,Mia,202 555 0113,,,1,\n"
    )
    run_id = importing.import_file(engine, ACTOR, list_id, write(tmp_path, text))
    run = run_of(engine, run_id)
    assert counts(run) == ("completed", 13, 3, 0, 10)
    assert set(contacts(engine)) == {"A1", "A2", "A13"}
    with db.read_transaction(engine) as session:
        kinds = session.scalars(select(Address.number_type).where(Address.kind == "phone")).all()
    assert set(kinds) == {"fixed_or_mobile"}
    assert run.numbers == {"US fixed_or_mobile": len(kinds)}
    with db.read_transaction(engine) as session:
        pieces = "".join(importing.rejects_csv(session, ACTOR, run_id))
        summary = importing.summary(session, ACTOR, run_id)
    table = list(csv.DictReader(io.StringIO(pieces)))
    assert [(row["line"], row["field"]) for row in table] == [
        ("4", "phone1"), ("5", "phone1"), ("6", "balance"), ("7", "email"), ("8", "id"), ("9", ""), ("10", ""),
        ("11", ""), ("12", "time_zone"), ("13", ""),
    ]  # fmt: skip
    assert table[0]["row"] == "A3,Cy,2025550100;ext=1,,,1,"
    assert [(row["id"], row["balance"]) for row in table[:3]] == [("A3", "1"), ("A4", "1"), ("A5", "much")]
    assert table[-1]["id"] == ""  # its cells cannot be told apart
    assert len(summary.first_rejects) == 10


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04\x14\x00", "no zip archive"),
        (HEADER.encode() + "A1,Zoë,202 555 0100,,,1,\n".encode("latin-1"), "not utf-8"),
        (b"x" * 10_000_000, "longer than"),
        (b"A1,Anna,202 555 0100\n", "no column is the id"),
        (b'{"id": 1, "phone1": "2025550100"}', "no column is a phone"),
        (b"\0\0\0\0", "NUL|UTF-16"),
    ],
)
def test_a_file_that_is_no_csv_changes_nothing(
    engine: Engine, list_id: int, tmp_path: Path, content: bytes, words: str
) -> None:
    importing.import_file(engine, ACTOR, list_id, write(tmp_path, GOOD))
    before = {name: vars(contact) for name, contact in contacts(engine).items()}
    with pytest.raises(Refused, match=words):
        importing.import_file(engine, ACTOR, list_id, write(tmp_path, content, "bad.csv"))
    after = {name: vars(contact) for name, contact in contacts(engine).items()}
    for name in before:
        assert {key: value for key, value in before[name].items() if key[0] != "_"} == {
            key: value for key, value in after[name].items() if key[0] != "_"
        }
    with db.read_transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(ImportRun)) == 1


def test_makes_attributes_that_are_not_defined_yet(engine: Engine, list_id: int, tmp_path: Path) -> None:
    importing.import_file(engine, ACTOR, list_id, write(tmp_path, "id,phone1,Loyalty level\nA1,202 555 0100,gold\n"))
    with db.read_transaction(engine) as session:
        made = session.scalars(select(Attribute).where(Attribute.name == "loyalty_level")).one()
    assert made.type == "string"


def many(tmp_path: Path, rows: int, name: str = "many.csv") -> Path:
    lines = (f"C{number},Anna,{202 + number % 3 * 101} 555 {number % 10000:04d},,,1,\n" for number in range(rows))
    return write(tmp_path, HEADER + "".join(lines), name)


def test_a_cancelled_import_keeps_what_it_has(engine: Engine, list_id: int, tmp_path: Path) -> None:
    path = many(tmp_path, 9000)
    with db.write_transaction(engine) as session:
        run_id = importing.start_import(session, ACTOR, list_id, path).id

    def cancel(progress: Progress) -> None:
        if progress.rows_read:
            with db.write_transaction(engine) as session:
                importing.request_cancel(session, ACTOR, run_id)

    importing.run_import(engine, ACTOR, run_id, path, cancel)
    run = run_of(engine, run_id)
    assert run.state == ImportState.CANCELLED
    assert 0 < run.rows_added == len(contacts(engine)) < 9000
    with pytest.raises(Refused, match="start a new one"):
        importing.run_import(engine, ACTOR, run_id, path)


class Killed(BaseException):
    """Stands for the end of the process."""


def test_an_import_that_died_goes_on_where_it_stopped(engine: Engine, list_id: int, tmp_path: Path) -> None:
    path = many(tmp_path, 9000)
    with db.write_transaction(engine) as session:
        run_id = importing.start_import(session, ACTOR, list_id, path).id

    def die(progress: Progress) -> None:
        if progress.rows_read:
            raise Killed

    with pytest.raises(Killed):
        importing.run_import(engine, ACTOR, run_id, path, die)
    died = run_of(engine, run_id)
    assert died.state == ImportState.RUNNING
    assert 0 < died.rows_added < 9000
    with db.read_transaction(engine) as session:
        assert [run.id for run in importing.unfinished(session, ACTOR)] == [run_id]
    importing.run_import(engine, ACTOR, run_id, path)
    assert counts(run_of(engine, run_id)) == ("completed", 9000, 9000, 0, 0)
    assert len(contacts(engine)) == 9000


def test_a_file_that_changed_meanwhile_is_not_taken_up(engine: Engine, list_id: int, tmp_path: Path) -> None:
    path = many(tmp_path, 10)
    with db.write_transaction(engine) as session:
        run_id = importing.start_import(session, ACTOR, list_id, path).id
    importing.run_import(engine, ACTOR, run_id, many(tmp_path, 11, "other.csv"))
    run = run_of(engine, run_id)
    assert run.state == ImportState.FAILED
    assert "has changed" in run.detail


def test_a_large_file_is_read_by_a_process_of_its_own(
    engine: Engine, list_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.importing.readers.WORTH_A_PROCESS", 0)
    text = GOOD + "A3,Ti\\to,+44 7400 123456,,,1,\nA4,Di,911,,,1,\nA1,Hanna,202 555 0101,,,2,\n"
    run_id = importing.import_file(engine, ACTOR, list_id, write(tmp_path, text))
    assert counts(run_of(engine, run_id)) == ("completed", 5, 3, 1, 1)
    found = contacts(engine)
    assert [found[name].first_name for name in ("A1", "A2", "A3")] == ["Hanna", "Bo", "Ti\\to"]
    assert found["A1"].attributes == {"balance": "2"}
    assert addresses(engine, "A3")["phone1"].value == "+447400123456"
    with pytest.raises(Refused, match="cannot be read"), chunks_of(Job(str(tmp_path / "gone"), *NOTHING), 1) as source:
        next(source)


def test_two_processes_on_one_import_count_no_row_twice(engine: Engine, list_id: int, tmp_path: Path) -> None:
    path = many(tmp_path, 3000)
    with db.write_transaction(engine) as session:
        run_id = importing.start_import(session, ACTOR, list_id, path).id
    threads = [threading.Thread(target=importing.run_import, args=(engine, ACTOR, run_id, path)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts(run_of(engine, run_id)) == ("completed", 3000, 3000, 0, 0)


def test_two_imports_into_one_list_make_no_contact_twice(engine: Engine, list_id: int, tmp_path: Path) -> None:
    paths = [many(tmp_path, 2000, "one.csv"), many(tmp_path, 2000, "two.csv")]
    threads = [threading.Thread(target=importing.import_file, args=(engine, ACTOR, list_id, path)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.read_transaction(engine) as session:
        runs = importing.list_runs(session, ACTOR, list_id)
    assert sorted(run.rows_added for run in runs) != [2000, 2000]
    assert sum(run.rows_added for run in runs) == len(contacts(engine)) == 2000


@pytest.mark.parametrize("on_duplicate", ["update", "skip"])
def test_a_contact_whom_somebody_adds_meanwhile_is_known(
    engine: Engine, list_id: int, tmp_path: Path, on_duplicate: str
) -> None:
    """The list was empty, so the import asks for nobody but whom it has written itself."""
    path = many(tmp_path, 9000)
    with db.write_transaction(engine) as session:
        run_id = importing.start_import(session, ACTOR, list_id, path, on_duplicate=on_duplicate).id

    def add_the_last(progress: Progress) -> None:
        if progress.rows_read and "C8999" not in contacts(engine):
            with db.write_transaction(engine) as session:
                contact_push.push(
                    session, ACTOR, list_id, [{"id": "C8999", "first_name": "Zoe", "phone1": "2025550100"}]
                )

    importing.run_import(engine, ACTOR, run_id, path, add_the_last)
    run = run_of(engine, run_id)
    assert (run.rows_read, run.rows_added, run.rows_updated + run.rows_skipped) == (9000, 8999, 1)
    assert contacts(engine)["C8999"].first_name == ("Anna" if on_duplicate == "update" else "Zoe")


def test_attempts_keep_starting_during_a_large_import(engine: Engine, list_id: int, tmp_path: Path) -> None:
    """Small writing transactions, as an engine makes for each attempt, run beside an import of 15,000 rows."""
    path = many(tmp_path, 15_000)
    waits: list[float] = []
    done = threading.Event()

    def start_attempts() -> None:
        while not done.is_set():
            asked = time.monotonic()
            with db.write_transaction(engine) as session:
                session.add(OutboxEvent(topic="attempt", payload={}, created_at=utcnow()))
            waits.append(time.monotonic() - asked)
            time.sleep(0.01)

    thread = threading.Thread(target=start_attempts)
    thread.start()
    try:
        run_id = importing.import_file(engine, ACTOR, list_id, path)
    finally:
        done.set()
        thread.join()
    run = run_of(engine, run_id)
    assert counts(run) == ("completed", 15_000, 15_000, 0, 0)
    assert run.ended_at is not None
    seconds = (run.ended_at - run.started_at).total_seconds()
    # Kept apart from wall-clock figures: at least a handful started each second, and none was starved out of its turn.
    assert len(waits) >= 4 * seconds
    assert max(waits) < db.BUSY_TIMEOUT


def test_leaves_known_contacts_as_they_are(engine: Engine, list_id: int, tmp_path: Path) -> None:
    importing.import_file(engine, ACTOR, list_id, write(tmp_path, GOOD))
    again = HEADER + "A2,Bob,,,,9,\nA2,Bob,303 555 0199,,,9,\nA3,Cy,202 555 0103,,,,\nA3,Cynthia,202 555 0104,,,,\n"
    run_id = importing.import_file(engine, ACTOR, list_id, write(tmp_path, again), on_duplicate="skip")
    run = run_of(engine, run_id)
    assert counts(run) == ("completed", 4, 1, 0, 1)
    assert run.rows_skipped == 2
    assert [contacts(engine)[name].first_name for name in ("A2", "A3")] == ["Bo", "Cy"]
    assert addresses(engine, "A2")["phone1"].value == "+13035550101"
    with pytest.raises(Refused, match="use update or skip"):
        importing.import_file(engine, ACTOR, list_id, write(tmp_path, again), on_duplicate="merge")


def test_counts_who_is_on_a_do_not_call_list(engine: Engine, list_id: int, tmp_path: Path) -> None:
    with db.write_transaction(engine) as session:
        dnc.add(session, ACTOR, [("phone", "+12025550100"), ("email", "anna@example.org"), ("contact_id", "A2")])
    text = GOOD + "A3,Cy,202 555 0103,,,,\nA4,Di,202 555 0104,(202) 555-0100,,,\n"
    run_id = importing.import_file(engine, ACTOR, list_id, write(tmp_path, text))
    assert (run_of(engine, run_id).rows_added, run_of(engine, run_id).rows_listed) == (4, 3)


def test_rejects_beyond_the_limit_are_counted_only(
    engine: Engine, list_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.importing.loading.MOST_REJECTS", 50)
    text = HEADER + "".join(f"C{number},Anna,12,,,1,\n" for number in range(400))
    run_id = importing.import_file(engine, ACTOR, list_id, write(tmp_path, text))
    run = run_of(engine, run_id)
    assert counts(run) == ("completed", 400, 0, 0, 400)
    assert "first 50" in run.detail
    with db.read_transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(ImportReject)) == 50


def test_previews_columns_rows_and_a_mapping(tmp_path: Path) -> None:
    preview = importing.preview(write(tmp_path, GOOD + "A3\n"))
    assert preview.columns[:3] == ("id", "first_name", "phone1")
    assert preview.rows[0][1] == "Anna"
    assert preview.mapping["phone2"] == "phone2"
    assert preview.problems == ((4, "has 1 columns, the first line names 7; is a quote or delimiter missing?"),)


@pytest.mark.parametrize("away", [True, False])
def test_an_import_goes_on_once_the_database_is_back_and_has_failed_by_a_defect(
    away: bool, engine: Engine, list_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise OperationalError("COPY", {}, Exception("gone")) if away else KeyError("a defect")

    path = write(tmp_path, GOOD)
    with db.write_transaction(engine) as session:
        run_id = importing.start_import(session, ACTOR, list_id, path).id
    monkeypatch.setattr(loading, "write_contacts", gone)
    with pytest.raises(OperationalError if away else KeyError):
        importing.run_import(engine, ACTOR, run_id, path)
    assert run_of(engine, run_id).state == ("running" if away else "failed")
    monkeypatch.undo()
    if away:
        importing.run_import(engine, ACTOR, run_id, path)
        assert counts(run_of(engine, run_id)) == ("completed", 2, 2, 0, 0)
