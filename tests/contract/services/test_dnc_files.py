"""Files into do-not-call lists and out of them on both databases, and national lists that grow old."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from app.db import read_transaction, write_transaction
from app.models import DncEntry, DncFile
from app.security.access import Actor
from app.services import dnc, dnc_files
from app.services.dnc_files import FileFields, coverages, take_file
from common import errors
from common.clock import utcnow
from tests.support.organizations import World, build

ROOT = Actor.system()


@pytest.fixture
def world(engine: Engine) -> World:
    with write_transaction(engine) as session:
        made = build(session, "Meadow")
        for entry in session.scalars(select(DncEntry)):
            session.delete(entry)
        return made


def take(engine: Engine, world: World, path: Path, text: str, fields: FileFields, list_id: int = 0) -> DncFile:
    path.write_text(text, "utf-8")
    return take_file(engine, ROOT, list_id or world.dnc_list, path, fields)


def entries(engine: Engine, list_id: int) -> dict[tuple[str, str], int | None]:
    """Kind and value to the days that are left, None for ever."""
    today = utcnow().date()
    with read_transaction(engine) as session:
        rows = session.execute(
            select(DncEntry.kind, DncEntry.value, DncEntry.until_day).where(DncEntry.dnc_list_id == list_id)
        )
        return {(kind, value): (day - today).days if day else None for kind, value, day in rows}


def test_takes_the_field_s_own_csv_with_days_and_prolongs_only(engine: Engine, world: World, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    text = (
        "ID,ID_TYPE,EXC_DNC_UNTIL_X_DAYS\n(202) 555-0100,PHONE,30\nA@Example.org,EMAIL,\nC-7,CUSTOMER_ID,5\n"
        "12,PHONE,\nx,FAX,\nC-8,CUSTOMER_ID,1000\n"
    )
    done = take(engine, world, path, text, FileFields())
    assert (done.state, done.rows_read, done.rows_changed, done.rows_rejected) == ("completed", 6, 3, 3)
    assert [reject["line"] for reject in done.first_rejects] == [5, 6, 7]
    kept = {("phone", "+12025550100"): 30, ("email", "a@example.org"): None, ("customer_id", "C-7"): 5}
    assert entries(engine, world.dnc_list) == kept
    text = "ID,ID_TYPE,EXC_DNC_UNTIL_X_DAYS\n2025550100,PHONE,7\na@example.org,EMAIL,9\nC-7,CUSTOMER_ID,\n"
    take(engine, world, path, text, FileFields())
    assert entries(engine, world.dnc_list) == kept | {("customer_id", "C-7"): None}


def test_takes_off_what_a_file_has_and_what_it_has_not(engine: Engine, world: World, tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    take(engine, world, path, "2025550100\n2025550101\n2025550102\n", FileFields("numbers"))
    take(engine, world, path, "2025550101\n", FileFields("numbers", "remove"))
    assert {value for _, value in entries(engine, world.dnc_list)} == {"+12025550100", "+12025550102"}
    take(engine, world, path, "2025550102\n2025550103\n", FileFields("numbers", "replace"))
    assert {value for _, value in entries(engine, world.dnc_list)} == {"+12025550102", "+12025550103"}


def test_what_is_written_out_can_be_taken_in(engine: Engine, world: World, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    take(engine, world, path, "ID,ID_TYPE,EXC_DNC_UNTIL_X_DAYS\n2025550100,PHONE,30\nC-7,CUSTOMER_ID,\n", FileFields())
    with write_transaction(engine) as session:
        text = "".join(dnc.export_csv(session, ROOT, world.dnc_list))
        other = dnc.create_dnc_list(session, ROOT, "Other", world.organization_id).id
    done = take(engine, world, path, text, FileFields(), other)
    assert done.rows_rejected == 0
    assert entries(engine, other) == entries(engine, world.dnc_list)


def test_a_national_list_is_loaded_by_area_code_and_has_an_age(engine: Engine, world: World, tmp_path: Path) -> None:
    path, today = tmp_path / "202.txt", utcnow().date()
    with write_transaction(engine) as session:
        registry = dnc.create_dnc_list(session, ROOT, "Registry", common=True).id
        dnc_files.set_national(session, ROOT, registry, "us")
    first = FileFields("us", "replace", today - timedelta(days=3))
    take(engine, world, path, "202,5550100\n202,5550101\n3055550100\nnonsense\n", first, registry)
    # A change list adds and deletes; a full one replaces the area codes that it has, and leaves the others.
    change = FileFields("us", "add", today - timedelta(days=2))
    take(engine, world, path, f"202,5550102,{today},A\n202,5550101,{today},D\n", change, registry)
    assert {value for _, value in entries(engine, registry)} == {"+12025550100", "+12025550102", "+13055550100"}
    take(engine, world, path, "202,5550102\n", FileFields("us", "replace", today), registry)
    assert {value for _, value in entries(engine, registry)} == {"+12025550102", "+13055550100"}
    with read_transaction(engine) as session:
        (found,) = coverages(session, world.organization_id, world.campaign)
        assert found.as_of == {"+1202": today, "+1305": today - timedelta(days=3)}
        assert dnc_files.ages(session, ROOT)[registry] == (3, 2)


def test_takes_the_united_kingdom_s_numbers_however_they_begin(engine: Engine, world: World, tmp_path: Path) -> None:
    text = "02079460123\n7400123456\n+44 161 496 0123\n12\n"
    done = take(engine, world, tmp_path / "tps.txt", text, FileFields("gb"))
    assert done.rows_rejected == 1
    expected = {"+442079460123", "+447400123456", "+441614960123"}
    assert {value for _, value in entries(engine, world.dnc_list)} == expected


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (FileFields("us"), "as_of: give the day"),
        (FileFields("us", as_of=utcnow().date() + timedelta(days=2)), "yet to come"),
        (FileFields("gb", as_of=utcnow().date()), "use us"),
        (FileFields("xml"), "format"),
        (FileFields("us", "burn"), "action"),
    ],
)
def test_refuses_what_would_make_a_national_list_wrong(
    engine: Engine, world: World, tmp_path: Path, fields: FileFields, words: str
) -> None:
    with write_transaction(engine) as session:
        dnc_files.set_national(session, ROOT, world.dnc_list, "us")
    with pytest.raises(errors.Refused, match=words):
        take(engine, world, tmp_path / "a.txt", "202,5550100\n", fields)


def test_a_file_that_is_no_list_fails_with_words(engine: Engine, world: World, tmp_path: Path) -> None:
    done = take(engine, world, tmp_path / "a.txt", "9" * 5000, FileFields("numbers"))
    assert (done.state, done.rows_changed) == ("failed", 0)
    assert "longer than" in done.detail
