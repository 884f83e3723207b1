"""A person who has left something in every table and file that can hold it, and a search for what is left."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from app.db import read_transaction, write_transaction
from app.models import (
    Address,
    ApiRequest,
    ApiToken,
    Attempt,
    AttemptResult,
    AttemptState,
    AttemptTrace,
    AuditEntry,
    Base,
    ConsentFile,
    Contact,
    ContactChange,
    ContactList,
    ContactName,
    DataSource,
    DncFile,
    FilterTemplate,
    ImportReject,
    ImportRun,
    Job,
    JobContact,
    ListChange,
    OutboxEvent,
    Script,
    ScriptRevision,
    TestCall,
)
from app.security.access import Actor
from app.services import consents, dnc
from common.clock import utcnow
from common.ids import new_id
from tests.support import workbooks

NUMBER, SECOND, EMAIL = "+12025550143", "+442079460958", "zephyrine.quackenbush@example.org"
#: Of another request for the same person.
EXPORT = "0-of-another-request.zip"
FIRST, LAST, CUSTOMER, EXTERNAL = "Zéphyrine", "Quackenbush", "CUST-776655", "EXT-998877"
#: What nobody may find afterwards, in small letters.
STRINGS = (
    "2025550143", "202) 555-0143", "2079460958", EMAIL, "quackenbush", "zéphyrine", "z\\u00e9phyrine",
    "zephyrine", CUSTOMER.lower(), EXTERNAL.lower(), "her own words",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Left:
    """Ids of the person's rows, and of a neighbour who stays."""

    organization_id: int
    contact_id: int
    twin_id: int
    neighbour_id: int
    attempt_id: str
    run_id: int


def leave(engine: Engine, job_id: int, home: Path, media_server: str = "") -> Left:
    """The person is in the job, and once more in another list."""
    with write_transaction(engine) as session:
        if engine.dialect.name == "postgresql":
            for table in ("contact", "address", "job_contact"):  # make_job chooses its own ids
                session.execute(text(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))"))
        job = session.get_one(Job, job_id)
        contact_list = job.settings["contact_list_id"]
        contact = _contact(session, job.organization_id, contact_list, EXTERNAL, CUSTOMER)
        _address(session, contact, "phone1", NUMBER, "(202) 555-0143")
        _address(session, contact, "email", EMAIL, EMAIL.upper())
        neighbour = _contact(session, job.organization_id, contact_list, "EXT-1", "", first="Ada", last="Lovelace")
        _address(session, neighbour, "phone1", "+12025550199", "")
        now = utcnow()
        other = ContactList(organization_id=job.organization_id, name="Other", created_at=now, updated_at=now)
        session.add(other)
        session.flush()
        twin = _contact(session, job.organization_id, other.id, EXTERNAL + "b", CUSTOMER)
        _address(session, twin, "phone1", SECOND, "020 7946 0958")
        attempt = _attempts(session, job, contact, media_server)
        run = _imports(session, job.organization_id, contact_list)
        _ledgers(session, contact)
        _elsewhere(session, job.organization_id, contact)
        _asked_for(session, contact)
        _by_programs(session, contact)
        _files(home, job.organization_id, run)
        return Left(job.organization_id, contact.id, twin.id, neighbour.id, attempt, run)


def found_in_tables(engine: Engine) -> list[str]:
    """`table.column: string` of every value that holds one, as the database itself dumps it."""
    found = []
    with read_transaction(engine) as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(select(table)).mappings():
                for column, value in row.items():
                    said = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                    found += [f"{table.name}.{column}: {each}" for each in STRINGS if each in said.lower()]
    return found


def found_in_files(home: Path) -> list[str]:
    """`file: string` of every file that holds one, the database's own included."""
    found = []
    for path in sorted(home.rglob("*")):
        if path.is_file():
            for content in _contents(path):
                said = content.decode("utf-8", "replace").lower()
                found += [f"{path.name}: {each}" for each in STRINGS if each in said]
    return found


def _contents(path: Path) -> Iterator[bytes]:
    body = path.read_bytes()
    yield body
    yield body.replace(b"\0", b"")
    if body[:2] == b"\x1f\x8b":
        yield gzip.decompress(body)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist())


def _contact(
    session: Session, home: int, list_id: int, external: str, customer: str, first: str = FIRST, last: str = LAST
) -> Contact:
    now = utcnow()
    contact = Contact(
        organization_id=home, contact_list_id=list_id, external_id=external, customer_id=customer, first_name=first,
        last_name=last, attributes={"note": "her own words" if first == FIRST else ""}, created_at=now, updated_at=now,
    )  # fmt: skip
    session.add(contact)
    session.flush()
    return contact


def _address(session: Session, contact: Contact, name: str, value: str, original: str) -> None:
    kind = "email" if "@" in value else "phone"
    session.add(
        Address(
            organization_id=contact.organization_id, contact_id=contact.id, kind=kind, name=name, value=value,
            original=original,
        )
    )  # fmt: skip
    session.flush()


def _attempts(session: Session, job: Job, contact: Contact, media_server: str) -> str:
    now = utcnow()
    waiting = JobContact(
        organization_id=job.organization_id, job_id=job.id, contact_id=contact.id, lane=0, due_at=now,
        strategy_state={}, updated_at=now, attempt_count=2, hold_detail=f"{NUMBER} rests",
    )  # fmt: skip
    session.add(waiting)
    session.flush()
    attempts = [
        Attempt(
            id=new_id(), organization_id=job.organization_id, job_id=job.id, job_contact_id=waiting.id,
            contact_id=contact.id, number=number, channel=channel, address=address, state=AttemptState.DONE,
            completion_code=code, reason=f"{FIRST} said so", provider_id=f"SM{number}", digest="d" * 64,
            media_server=media_server if channel == "voice" else "", started_at=now, ended_at=now,
            result={"exit": {"name": LAST}, "dtmf": "2025550143", "rtp": {"sent": 50}},
        )
        for number, channel, address, code in (
            (1, "voice", NUMBER, "ANSWER_HUMAN"), (2, "email", EMAIL, "EMAIL_SENT"),
        )
    ]  # fmt: skip
    session.add_all(attempts)
    session.flush()
    first = attempts[0].id
    session.add(
        AttemptTrace(attempt_id=first, steps=[{"at": now.isoformat(), "kind": "vxml", "text": f"Hello {LAST}"}])
    )
    session.add(AttemptResult(attempt_id=first, at=now, values={"email": EMAIL}))
    return first


def _imports(session: Session, home: int, list_id: int) -> int:
    run = ImportRun(
        organization_id=home, contact_list_id=list_id, file_name=f"{FIRST} {LAST}.csv",
        state="completed", mapping={}, detail=f"stopped at {EMAIL}", started_at=utcnow(),
    )  # fmt: skip
    session.add(run)
    session.flush()
    for line, row in enumerate((f"9,{FIRST};{LAST},(202) 555-0143", f"10,x,{EMAIL.upper()}", "11,Ada,bad"), 2):
        session.add(ImportReject(import_run_id=run.id, line=line, field="phone1", reason=f"bad: {row}", row=row))
    return run.id


def _ledgers(session: Session, contact: Contact) -> None:
    home, root = contact.organization_id, Actor.system()
    fields = consents.ConsentFields(
        "voice", "marketing", "paper", text_shown=f"I, {FIRST} {LAST}, agree", evidence=("scan.txt", EMAIL.encode())
    )
    consents.give(session, root, ("customer_id", CUSTOMER), fields, home)
    consents.revoke(session, root, ("email", EMAIL), consents.ConsentFields("email", "marketing", "link"), home)
    subjects = [("phone", NUMBER), ("contact_id", EXTERNAL)]
    dnc.add(session, root, subjects, organization_id=home, proof=f"contact {EXTERNAL}")
    common = dnc.create_dnc_list(session, root, "Everybody's", common=True)
    session.add(
        DncFile(
            organization_id=None, dnc_list_id=common.id, file_name="f.csv", format="csv", action="add",
            state="completed", first_rejects=[{"line": 1, "reason": f"{NUMBER} twice"}], started_at=utcnow(),
        )
    )  # fmt: skip
    dnc.add(session, root, [("phone", NUMBER)], dnc_list_id=common.id)


def _elsewhere(session: Session, home: int, contact: Contact) -> None:
    now = utcnow()
    entry = AuditEntry(
        organization_id=home, at=now, action="contact.update", kind="contact", object_id=str(contact.id),
        before={"first_name": FIRST}, after={"first_name": "her own words"},
    )  # fmt: skip
    told = AuditEntry(
        organization_id=home, at=now, action="call.test", kind="trunk", object_id="1", before=None,
        after={"number": NUMBER, "to": f"{LAST}, {FIRST}", "kept": "trunk A"},
    )  # fmt: skip
    session.add_all([entry, told, OutboxEvent(topic="receipt", payload={"from": NUMBER}, created_at=now)])
    script = Script(organization_id=home, name="Trial", created_at=now)
    session.add(script)
    session.flush()
    revision = ScriptRevision(
        organization_id=home, script_id=script.id, number=1, digest="", entry="a.vxml", problems=[], created_at=now
    )
    session.add(revision)
    session.flush()
    trunk, window = (session.scalar(text(f"SELECT min(id) FROM {name}")) for name in ("trunk", "calling_window"))
    session.add(
        TestCall(
            id=new_id(), organization_id=home, script_revision_id=revision.id, trunk_id=trunk,
            calling_window_id=window, address=NUMBER, sender="+12025550100", values={"name": LAST}, state="done",
            reason=NUMBER, created_at=now, result={"dtmf": "2025550143"}, trace=[{"text": LAST}], posted=[{"a": EMAIL}],
        )
    )  # fmt: skip


def _asked_for(session: Session, contact: Contact) -> None:
    """What people did in the panel: changes, searches, filters, files of consents, deletions by filter."""
    now, home = utcnow(), contact.organization_id
    stamps = {"created_at": now, "updated_at": now}
    for name in (FIRST, LAST):
        # As the search keeps names.
        term = name.lower().replace("é", "e")
        session.merge(ContactName(organization_id=home, term=term, contact_id=contact.id))
    session.add_all(
        [
            ContactChange(organization_id=home, contact_id=contact.id, at=now, field="phone1", old=NUMBER, new=SECOND),
            FilterTemplate(organization_id=home, name=f"only {LAST}, {FIRST}", definition={"value": NUMBER}, **stamps),
            ConsentFile(
                organization_id=home, file_name=f"{FIRST} {LAST}.csv", state="completed", started_at=now,
                first_rejects=[{"line": 2, "reason": f"email: {EMAIL!r} is not an address"}],
            ),
            ListChange(
                organization_id=home, contact_list_id=contact.contact_list_id, kind="delete", state="completed",
                asked={"filter": {"value": EMAIL}}, words=f"phone1 is {NUMBER}", created_at=now,
            ),
        ]
    )  # fmt: skip


def _by_programs(session: Session, contact: Contact) -> None:
    """Answers that the REST API gives again to a request that is repeated, and a data source's last words."""
    now, home = utcnow(), contact.organization_id
    token = ApiToken(
        organization_id=home, name="CRM", beginning="clarion_x", digest="d", permissions=["lists.edit"], created_at=now
    )
    session.add(token)
    session.flush()
    session.add(
        ApiRequest(
            api_token_id=token.id, key=f"add {NUMBER}", digest="d", status=200, created_at=now,
            body=json.dumps({"errors": [{"detail": f"phone1: {NUMBER} of {FIRST} {LAST}"}]}),
        )
    )  # fmt: skip
    session.add(
        DataSource(
            organization_id=home, contact_list_id=contact.contact_list_id, name="CRM", kind="folder", choices={},
            mapping={}, place={"folder": "people"}, schedule={"repeats": "never"}, last_words=f"{EMAIL} twice",
            created_at=now, updated_at=now,
        )
    )  # fmt: skip


def _files(home: Path, organization_id: int, run: int) -> None:
    folder = home / "uploads"
    folder.mkdir(parents=True)
    plain = f"id,first_name,last_name,phone1\r\n9,{FIRST},{LAST},(202) 555-0143\r\n"
    (folder / "pending-1-1-aaaa.csv").write_text(plain, "utf-16")
    (folder / f"import-{run}.csv").write_text(plain, "utf-8")
    (folder / "pending-1-1-bbbb.csv").write_text("id,phone1\r\n1,+12025550199\r\n", "utf-8")
    with zipfile.ZipFile(folder / "pending-1-1-cccc.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("list.csv", plain)
    (folder / f"import-{run}.raw").write_text(plain, "utf-8")
    dropped = home / "drop" / str(organization_id) / "people"
    for name in ("processed", "failed"):
        (dropped / name).mkdir(parents=True)
    (dropped / "processed" / "20260105T120000.000000-people.csv.gz").write_bytes(gzip.compress(plain.encode()))
    workbooks.write(dropped / "failed" / "20260105T120000.000000-people.xlsx", {"People": [["phone"], [NUMBER]]})
    (home / "exports").mkdir()
    with zipfile.ZipFile(home / "exports" / EXPORT, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", json.dumps({"address": [{"value": NUMBER, "name": f"{FIRST} {LAST}"}]}))
