"""Files into the consent ledger on both databases, and the ledger as a file that goes in again."""

from __future__ import annotations

import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, func, select

from app.core.compliance import Consent
from app.db import read_transaction, write_transaction
from app.models import AuditEntry, ConsentEvent, ConsentEvidence, ConsentFile
from app.security.access import Actor
from app.services import consent_files, consents
from app.services.consent_files import take_file
from common.clock import utcnow
from tests.support.organizations import World, build

ROOT = Actor.system()
HEAD = "phone,email,customer_id,channel,purpose,act,at,expires_at,source,text_shown,evidence\n"


@pytest.fixture
def world(engine: Engine) -> World:
    with write_transaction(engine) as session:
        made = build(session, "Meadow")
        session.execute(delete(ConsentEvent))
        return made


def take(engine: Engine, path: Path, text: str, proofs: Path | None = None, *, dry: bool = False) -> ConsentFile:
    path.write_text(text, "utf-8")
    return take_file(engine, ROOT, path, proofs=proofs, dry=dry)


def ledger(engine: Engine) -> list[tuple[str, ...]]:
    columns = (ConsentEvent.kind, ConsentEvent.value, ConsentEvent.channel, ConsentEvent.act, ConsentEvent.at)
    with read_transaction(engine) as session:
        rows = session.execute(select(*columns).order_by(ConsentEvent.id))
        return [(kind, value, channel, act, f"{at:%Y-%m-%d %H:%M}") for kind, value, channel, act, at in rows]


LINES = (
    HEAD
    + "(202) 555-0100,,,voice+sms,Marketing,given,2026-01-05,2099-12-31,web form,I agree,\n"
    + ",A@Example.org,,email,marketing,no,2026-01-06T10:00+02:00,,call,,\n"
    + ",,C-7,voice,marketing,yes,2026-01-07 09:30,,paper,,form.pdf\n"
)


def test_takes_what_people_allowed_and_took_back_with_its_evidence(
    engine: Engine, world: World, tmp_path: Path
) -> None:
    proofs = tmp_path / "scans.zip"
    with zipfile.ZipFile(proofs, "w") as archive:
        archive.writestr("..\\..\\form.pdf", b"%PDF")
    counted = take(engine, tmp_path / "c.csv", LINES, proofs, dry=True)
    assert ledger(engine) == []

    done = take(engine, tmp_path / "c.csv", LINES, proofs)

    for file in (counted, done):
        assert (file.rows_read, file.rows_given, file.rows_revoked, file.rows_rejected) == (3, 3, 1, 0), file.detail
    assert ledger(engine) == [
        ("phone", "+12025550100", "voice", "given", "2026-01-05 00:00"),
        ("phone", "+12025550100", "sms", "given", "2026-01-05 00:00"),
        ("email", "a@example.org", "email", "revoked", "2026-01-06 08:00"),
        ("customer_id", "C-7", "voice", "given", "2026-01-07 09:30"),
    ]
    with read_transaction(engine) as session:
        events = session.scalars(select(ConsentEvent).order_by(ConsentEvent.id)).all()
        assert {event.file_id for event in events} == {done.id}
        assert events[0].text_shown == "I agree"
        assert session.get_one(ConsentEvidence, events[3].evidence_id).body == b"%PDF"
        assert session.scalar(select(func.count()).where(AuditEntry.action == "consent.file")) == 1


def test_taken_twice_adds_nothing_and_so_does_its_own_export(engine: Engine, world: World, tmp_path: Path) -> None:
    text = LINES.replace("form.pdf", "Meadow")  # evidence that is kept already
    take(engine, tmp_path / "c.csv", text)
    again = take(engine, tmp_path / "c.csv", text)
    assert (again.rows_given, again.rows_revoked, again.rows_known) == (0, 0, 4)
    with read_transaction(engine) as session:
        out = "".join(consents.export_csv(session, ROOT))
    back = take(engine, tmp_path / "out.csv", out)
    assert (back.rows_read, back.rows_known, back.rows_rejected) == (4, 4, 0)
    assert len(ledger(engine)) == 4


def test_a_corrected_line_is_entered_and_the_consent_ends_as_it_says(
    engine: Engine, world: World, tmp_path: Path
) -> None:
    line = "2025550100,,,voice,marketing,given,2026-01-05,{},{},{},\n"
    wrong, right = line.format("", "call", "Yes"), line.format("2026-02-05", "call", "Yes")
    for text in (wrong, right, line.format("2026-02-05", "paper", "Yes"), line.format("2026-02-05", "call", "I agree")):
        assert take(engine, tmp_path / "c.csv", HEAD + text).rows_given == 1, text
    assert take(engine, tmp_path / "c.csv", HEAD + wrong + right).rows_known == 2
    person = ("phone", "+12025550100")
    with read_transaction(engine) as session:
        acts = consents.acts_of(session, world.organization_id, "marketing", [person])
        assert consents.consent_for(acts, [person], "voice", utcnow()) is Consent.EXPIRED


@pytest.mark.parametrize("days", [3, 0])
def test_a_day_of_taking_back_outdoes_what_was_given_on_it(
    engine: Engine, world: World, tmp_path: Path, days: int
) -> None:
    given = utcnow() - timedelta(days=days)
    lines = (
        f"2025550100,,,voice,marketing,given,{given.isoformat()},,call,,\n"
        f"2025550100,,,voice,marketing,revoked,{given.date()},,call,,\n"
    )
    assert take(engine, tmp_path / "c.csv", HEAD + lines).rows_rejected == 0
    assert take(engine, tmp_path / "c.csv", HEAD + lines).rows_known == 2
    person = ("phone", "+12025550100")
    with read_transaction(engine) as session:
        acts = consents.acts_of(session, world.organization_id, "marketing", [person])
        assert consents.consent_for(acts, [person], "voice", utcnow()) is Consent.REVOKED


def test_words_that_a_spreadsheet_would_run_come_back_from_the_export_as_known(
    engine: Engine, world: World, tmp_path: Path
) -> None:
    with write_transaction(engine) as session:
        fields = consents.ConsentFields("sms", "marketing", "web form", "=I agree\r\n to SMS ")
        consents.give(session, ROOT, ("phone", "+12025550100"), fields, world.organization_id)
        out = "".join(consents.export_csv(session, ROOT))
    assert take(engine, tmp_path / "out.csv", out).rows_known == 1


def test_what_is_not_taken_is_told_by_line(engine: Engine, world: World, tmp_path: Path) -> None:
    bad = (
        "12,,,voice,marketing,given,2026-01-05,,call,,",
        ",,,voice,marketing,given,2026-01-05,,call,,",
        "2025550100,,,fax,marketing,given,2026-01-05,,call,,",
        "2025550100,,,voice,marketing,perhaps,2026-01-05,,call,,",
        "2025550100,,,voice,marketing,given,,,call,,",
        "2025550100,,,voice,marketing,given,2099-01-05,,call,,",
        "2025550100,,,voice,marketing,given,2026-01-05,2025-01-05,call,,",
        "2025550100,,,voice,marketing,given,2026-01-05,,,,",
        "2025550100,,,voice,marketing,given,5 January,,call,,",
        "2025550100,,,voice,marketing,given,2026-01-05,,call,,gone.pdf",
        "2025550100,,,voice",
    )
    done = take(engine, tmp_path / "c.csv", HEAD + "\n".join(bad) + "\n")
    assert (done.rows_read, done.rows_given, done.rows_rejected) == (len(bad), 0, len(bad))
    words = ["number", "person", "channel", "act", "at: say", "after this moment", "ends after", "source", "time"]
    words += ["gone.pdf", "column"]
    assert [reject["line"] for reject in done.first_rejects] == list(range(2, len(bad) + 2))
    for reject, word in zip(done.first_rejects, words, strict=True):
        assert word in reject["reason"], reject


@pytest.mark.parametrize(
    ("text", "words"),
    [("a,b\n1,2\n", "no column is channel"), ("channel,purpose,act,at,source\nx,x,x,x,x\n", "names the person")],
)
def test_a_file_of_another_kind_is_refused_whole(
    engine: Engine, world: World, tmp_path: Path, text: str, words: str
) -> None:
    done = take(engine, tmp_path / "c.csv", text)
    assert done.state == "failed"
    assert words in done.detail


def test_evidence_that_is_no_zip_or_too_large_is_told(
    engine: Engine, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proofs = tmp_path / "scans.zip"
    proofs.write_bytes(b"no zip")
    assert "is no zip" in take(engine, tmp_path / "c.csv", LINES, proofs).detail
    with zipfile.ZipFile(proofs, "w") as archive:
        archive.writestr("form.pdf", b"12345678")
    monkeypatch.setattr(consents, "LARGEST_EVIDENCE", 7)
    for dry in (True, False):
        done = take(engine, tmp_path / "c.csv", LINES, proofs, dry=dry)
        assert (done.rows_given, done.rows_rejected) == (2, 1)
        assert "larger than 7" in done.first_rejects[0]["reason"]


def packed(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, name.encode())
    return path


def of_customer(number: int, evidence: str) -> str:
    return f",,C-{number},voice,marketing,given,2026-01-05,,paper,,{evidence}\n"


def proven(engine: Engine) -> dict[str, bytes]:
    """The body of the evidence that was entered, by person."""
    wanted = select(ConsentEvent.value, ConsentEvidence.body).join(
        ConsentEvidence, ConsentEvidence.id == ConsentEvent.evidence_id
    )
    with read_transaction(engine) as session:
        return {value: body for value, body in session.execute(wanted)}


def test_a_zip_with_two_files_of_one_name_is_refused_as_nobody_can_tell_whose_is_whose(
    engine: Engine, world: World, tmp_path: Path
) -> None:
    proofs = packed(tmp_path / "scans.zip", "anna/form.pdf", "ben/form.pdf")
    done = take(engine, tmp_path / "c.csv", HEAD + of_customer(1, "anna/form.pdf"), proofs)
    assert (done.state, done.rows_given) == ("failed", 0)
    assert "anna/form.pdf and ben/form.pdf have one name" in done.detail
    left_by_macs = packed(tmp_path / "scans.zip", "a/.DS_Store", "b/.DS_Store", "b/form.pdf")
    assert take(engine, tmp_path / "c.csv", HEAD + of_customer(1, "form.pdf"), left_by_macs).rows_given == 1


def test_evidence_in_the_folder_of_another_person_is_not_taken(engine: Engine, world: World, tmp_path: Path) -> None:
    proofs = packed(tmp_path / "scans.zip", "scans/anna/form.pdf")
    lines = (
        of_customer(1, "C:\\scans\\anna\\form.pdf"),
        of_customer(2, "ben/form.pdf"),
        of_customer(3, "anna/form.pdf"),
    )
    done = take(engine, tmp_path / "c.csv", HEAD + "".join(lines), proofs)
    assert proven(engine) == dict.fromkeys(("C-1", "C-3"), b"scans/anna/form.pdf")
    assert [(each["line"], each["reason"]) for each in done.first_rejects] == [
        (3, "evidence: ben/form.pdf is not in the zip, which has scans/anna/form.pdf; name that")
    ]


def test_evidence_that_is_kept_serves_only_where_one_file_has_its_name(
    engine: Engine, world: World, tmp_path: Path
) -> None:
    with write_transaction(engine) as session:
        consents.keep_evidence(session, world.organization_id, "scan.pdf", b"of Anna")
    assert take(engine, tmp_path / "c.csv", HEAD + of_customer(1, "scan.pdf")).rows_given == 1
    with write_transaction(engine) as session:
        consents.keep_evidence(session, world.organization_id, "scan.pdf", b"of Ben")

    done = take(engine, tmp_path / "c.csv", HEAD + of_customer(1, "scan.pdf") + of_customer(2, "scan.pdf"))

    assert (done.rows_known, done.rows_given, done.rows_rejected) == (1, 0, 1)
    assert "several files called scan.pdf are kept; pack" in done.first_rejects[0]["reason"]
    assert proven(engine) == {"C-1": b"of Anna"}


def test_a_proof_of_many_lines_is_unpacked_once_and_while_others_may_write(
    engine: Engine, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked = []

    class Watched(consent_files.Proofs):
        def body(self, name: str) -> bytes:
            unpacked.append(name)
            with write_transaction(engine) as session:
                session.add(ConsentEvidence(organization_id=world.organization_id, file_name="x", digest="x", body=b""))
            return super().body(name)

    monkeypatch.setattr(consent_files, "Proofs", Watched)
    monkeypatch.setattr(consent_files, "_CHUNK", 2)
    monkeypatch.setattr(consent_files, "_MOST_UNPACKED", 5)
    proofs = packed(tmp_path / "scans.zip", "one.pdf", "two.pdf")
    names = ["one.pdf", "two.pdf", "one.pdf", "", "two.pdf"]
    text = HEAD + "".join(of_customer(number, name) for number, name in enumerate(names))
    for dry in (True, False):
        assert take(engine, tmp_path / "c.csv", text, proofs, dry=dry).rows_given == 5
        assert unpacked == ["one.pdf", "two.pdf"]
        unpacked.clear()
    assert proven(engine) == {f"C-{number}": name.encode() for number, name in enumerate(names) if name}
    assert take(engine, tmp_path / "c.csv", text, proofs).rows_known == 5
    assert unpacked == [], "what is known needs no proof"


def test_evidence_that_is_erased_while_the_file_is_taken_is_no_longer_given_to_its_lines(
    engine: Engine, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Erasing(consent_files.Proofs):
        def body(self, name: str) -> bytes:
            if name == "two.pdf":
                with write_transaction(engine) as session:
                    session.execute(delete(ConsentEvent))
                    session.execute(delete(ConsentEvidence).where(ConsentEvidence.file_name == "one.pdf"))
            return super().body(name)

    monkeypatch.setattr(consent_files, "Proofs", Erasing)
    monkeypatch.setattr(consent_files, "_CHUNK", 1)
    proofs = packed(tmp_path / "scans.zip", "one.pdf", "two.pdf")
    text = HEAD + of_customer(1, "one.pdf") + of_customer(2, "two.pdf") + of_customer(3, "one.pdf")

    done = take(engine, tmp_path / "c.csv", text, proofs)

    assert [(each["line"], each["reason"]) for each in done.first_rejects] == [
        (4, "evidence: one.pdf was erased meanwhile; take the file again")
    ]
    assert proven(engine) == {"C-2": b"two.pdf"}
