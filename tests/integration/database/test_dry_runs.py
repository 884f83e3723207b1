"""Dry runs on real databases: the whole file is counted, nothing is written, and it is imported afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from app import db
from app.models import Attribute, Contact, ContactChange, ImportReject, ImportRun, ImportSeen, Organization
from app.security.access import Actor
from app.services import dnc, importing, lists
from app.services.importing import dry
from app.services.importing.uploads import Uploads
from app.web.importer import Importer
from common.clock import utcnow
from common.errors import Refused

pytestmark = pytest.mark.integration

ACTOR = Actor.system()
HEADER = "id,first_name,phone1,due,size\n"
KNOWN = HEADER + "A1,Ann,202 555 0101,2026-01-01,1\nA2,Bo,202 555 0102,2026-01-02,2\nA9,Di,202 555 0109,,\n"
FILE = (
    HEADER
    + "A1,Ann,202 555 0101,2026-01-01,1\n"
    + "A2,Bob,202 555 0102,2026-01-02,2\n"
    + "A3,Cy,+44 20 7946 0958,2026-01-03,3\n"
    + "A4,Flo,call me,2026-01-03,3\n"
    + "A3,Cy,+44 20 7946 0958,2026-01-03,3.5\n"
    + "A5,Gus,202 555 0105,not yet,4\n"
    + "A6,Hal,1 2 3\n"
    + "A7,Ira,202 555 0107,,\n"
)


@pytest.fixture
def list_id(engine: Engine, tmp_path: Path) -> int:
    with db.write_transaction(engine) as session:
        session.add(Organization(name="Test", created_at=utcnow()))
        session.flush()
        made = lists.create_list(session, ACTOR, "People")
        made_id = made.id
        dnc.add(session, ACTOR, [("phone", "+12025550107")], organization_id=made.organization_id)
    path = tmp_path / "known.csv"
    path.write_text(KNOWN)
    importing.import_file(engine, ACTOR, made_id, path)
    return made_id


def everything(engine: Engine) -> list[object]:
    with db.read_transaction(engine) as session:
        tables = (Contact, ContactChange, Attribute, ImportSeen)
        rows: list[object] = [session.scalar(select(func.count()).select_from(table)) for table in tables]
        return rows + list(session.scalars(select(Contact.updated_at).order_by(Contact.id)))


def tried(engine: Engine, list_id: int, folder: Path, text: str = FILE, **options: Any) -> ImportRun:
    path = folder / "file.csv"
    path.write_text(text)
    run_id = importing.import_file(engine, ACTOR, list_id, path, dry=True, **options)
    with db.read_transaction(engine) as session:
        return session.get_one(ImportRun, run_id)


def test_counts_all_that_would_happen_and_writes_nothing(
    engine: Engine, list_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(engine)
    monkeypatch.setattr(dry, "_ROWS", 1)
    run = tried(engine, list_id, tmp_path, mode="full", most_removed=50)
    assert everything(engine) == before
    assert (run.state, run.rows_read) == ("completed", 8)
    assert (run.rows_added, run.rows_updated, run.rows_unchanged) == (3, 1, 1)
    assert (run.rows_rejected, run.rows_unread, run.rows_listed, run.rows_removed) == (2, 1, 1, 0)
    assert run.trial["repeated"] == 1
    assert {(field, count) for field, _, count in run.trial["reasons"]} == {("phone1", 1), ("", 1)}
    assert run.trial["countries"] == {"US": 4, "GB": 1}
    assert run.trial["columns"] == {"due": "string", "size": "decimal"}
    assert run.trial["removal"] == "held"
    with db.read_transaction(engine) as session:
        lines = session.scalars(select(ImportReject.line).where(ImportReject.import_run_id == run.id))
        assert sorted(lines) == [5, 8]
    clean = tried(engine, list_id, tmp_path, KNOWN.replace("A9", "A8"), mode="full", most_removed=50)
    assert (clean.rows_added, clean.rows_unchanged, clean.rows_removed) == (1, 2, 1)


def test_a_dry_run_of_names_marks_nobody(engine: Engine, list_id: int, tmp_path: Path) -> None:
    before = everything(engine)
    run = tried(engine, list_id, tmp_path, "id\nA1\nnobody\n", mode="exclude")
    assert (run.rows_updated, run.rows_rejected) == (1, 1)
    assert everything(engine) == before


def test_one_that_died_begins_anew(
    engine: Engine, list_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        pass

    def dying(*_: object) -> None:
        raise Died

    path = tmp_path / "file.csv"
    path.write_text(FILE)
    with db.write_transaction(engine) as session:
        run_id = importing.start_import(session, ACTOR, list_id, path, dry=True).id
    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(dry.DryRun, "_conclude", dying)
        importing.run_import(engine, ACTOR, run_id, path)
    importing.run_import(engine, ACTOR, run_id, path)
    with db.read_transaction(engine) as session:
        run = session.get_one(ImportRun, run_id)
        assert (run.state, run.rows_read, run.rows_rejected) == ("completed", 8, 2)
        mine = select(func.count()).where(ImportReject.import_run_id == run_id)
        assert session.scalar(mine) == 2


def test_is_imported_afterwards_without_sending_it_again(engine: Engine, list_id: int, tmp_path: Path) -> None:
    uploads, importer = Uploads(tmp_path), Importer(engine, tmp_path)
    raw = uploads.incoming()
    raw.write_text(FILE)
    with db.write_transaction(engine) as session:
        understood = importing.preview(raw).understood.as_json()
        made = importing.start_import(
            session, ACTOR, list_id, raw, understood=understood, types={"due": "date"}, dry=True
        )
        dry_id = made.id
        uploads.hand_over(raw, dry_id)
        with pytest.raises(Refused, match="no dry run that has ended"):
            importing.start_tried(session, ACTOR, dry_id)
    importer.work()
    with db.write_transaction(engine) as session:
        run = importing.start_tried(session, ACTOR, dry_id)
        run_id = run.id
        uploads.hand_over(uploads.tried(dry_id), run_id)
    importer.work()
    with db.read_transaction(engine) as session:
        run = session.get_one(ImportRun, run_id)
        assert (run.state, run.dry, run.rows_added, run.rows_updated) == ("completed", False, 3, 2)
        assert session.get_one(ImportRun, dry_id).state == "completed"
    assert list(tmp_path.glob("uploads/import-*")) == []
