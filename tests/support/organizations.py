"""Two organizations with a row of everything each, to show that neither reaches the other's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core.strategy.parser import shipped, shipped_names
from app.models import (
    Address,
    AllowedHost,
    ApiRequest,
    ApiToken,
    Attempt,
    AttemptTrace,
    Attribute,
    AuditEntry,
    Base,
    CallingWindow,
    Campaign,
    CompletionCode,
    ConsentEvent,
    ConsentEvidence,
    ConsentFile,
    Contact,
    ContactChange,
    ContactList,
    DataSource,
    DialingRuleRow,
    DncEntry,
    DncFile,
    DncGroup,
    DncList,
    Erasure,
    FilterTemplate,
    GuardTime,
    HolidayRow,
    ImportReject,
    ImportRun,
    Job,
    JobContact,
    ListChange,
    MediaServer,
    NumberDefaultsRow,
    NumberFormatRow,
    OpenedRangeRow,
    Organization,
    PacingTrial,
    RejectPatternRow,
    Script,
    ScriptFile,
    ScriptRevision,
    Strategy,
    StrategyRevision,
    SubjectExport,
    TestCall,
    Trunk,
    User,
    ZoneRuleRow,
)
from common.clock import utcnow
from common.ids import new_id

PASSWORD_HASH = "$argon2id$nobody"


@dataclass(frozen=True, slots=True)
class World:
    """Ids of one organization's rows, by table; `marker` is in every text of them."""

    marker: str
    organization_id: int
    ids: Mapping[str, Any]

    def __getattr__(self, table: str) -> Any:
        return self.ids[table]


class _Builder:
    """Adds rows of one organization and notes the first id of each table."""

    def __init__(self, session: Session, marker: str) -> None:
        self._session = session
        self.marker = marker
        self.now = utcnow()
        self.ids: dict[str, Any] = {}
        self.home: int = self.add(Organization(name=marker, created_at=self.now))

    def add(self, row: Base) -> Any:
        self._session.add(row)
        self._session.flush()
        key = row.__tablename__
        self.ids.setdefault(key, row.attempt_id if isinstance(row, AttemptTrace) else row.id)
        return self.ids[key]


def build(session: Session, marker: str) -> World:
    builder = _Builder(session, marker)
    _people(builder)
    _applications(builder)
    _job(builder)
    return World(marker, builder.home, builder.ids)


def _people(make: _Builder) -> None:
    home, marker, now = make.home, make.marker, make.now
    stamps = {"created_at": now, "updated_at": now}
    user = make.add(
        User(
            organization_id=home, login=marker, name=marker, password_hash=PASSWORD_HASH,
            roles=["org_supervisor"], created_at=now,
        )
    )  # fmt: skip
    contact_list = make.add(ContactList(organization_id=home, name=marker, **stamps))
    make.add(FilterTemplate(organization_id=home, name=marker, definition={}, **stamps))
    make.add(Attribute(organization_id=home, name=marker, masked=True))
    contact = make.add(
        Contact(
            organization_id=home, contact_list_id=contact_list, external_id=marker, first_name=marker,
            attributes={marker: marker}, **stamps,
        )
    )  # fmt: skip
    make.add(ContactChange(organization_id=home, contact_id=contact, at=now, field="last_name", new=marker))
    email = f"{marker.lower()}@example.org"
    make.add(Address(organization_id=home, contact_id=contact, kind="email", name="email", value=email))
    _wishes(make, user)
    run = make.add(
        ImportRun(
            organization_id=home, contact_list_id=contact_list, file_name=marker, mapping={}, started_at=now,
            created_by=user,
        )
    )  # fmt: skip
    make.add(ImportReject(import_run_id=run, line=2, reason=marker, row=marker))
    _programs(make, contact_list)
    make.add(
        AuditEntry(
            organization_id=home, user_id=user, at=now, action="test", kind="contact", object_id=str(contact),
            after={"name": marker},
        )
    )  # fmt: skip


def _wishes(make: _Builder, user: int) -> None:
    """Do not call, consent, and what people ask about their data."""
    home, marker, now = make.home, make.marker, make.now
    dnc_list = make.add(DncList(organization_id=home, name=marker, created_at=now))
    make.add(DncGroup(organization_id=home, name=marker))
    make.add(SubjectExport(organization_id=home, requested_at=now, reference=marker, found_by="phone", contents={}))
    make.add(Erasure(organization_id=home, requested_at=now, reference=marker, found_by="phone", removed={}))
    make.add(
        DncFile(
            organization_id=home, dnc_list_id=dnc_list, file_name=marker, format="csv", action="add", state="completed",
            first_rejects=[], started_at=now,
        )
    )  # fmt: skip
    make.add(
        DncEntry(
            dnc_list_id=dnc_list, organization_id=home, kind="contact_id", value=marker, source="panel", created_at=now
        )
    )
    proof = make.add(ConsentEvidence(organization_id=home, file_name=marker, digest=marker, body=b"scan"))
    make.add(
        ConsentFile(
            organization_id=home, file_name=marker, state="completed", started_at=now,
            first_rejects=[{"line": 2, "reason": marker}],
        )
    )  # fmt: skip
    make.add(
        ConsentEvent(
            organization_id=home, kind="contact_id", value=marker, channel="email", purpose="news", act="given", at=now,
            source=marker, evidence_id=proof, entered_by=user, entered_at=now,
        )
    )  # fmt: skip


def _programs(make: _Builder, contact_list: int) -> None:
    home, marker, now = make.home, make.marker, make.now
    token = make.add(
        ApiToken(
            organization_id=home, name=marker, beginning=marker[:16], digest=marker, permissions=["lists.view"],
            created_at=now,
        )
    )  # fmt: skip
    make.add(
        ListChange(
            organization_id=home, contact_list_id=contact_list, kind="delete", state="completed", asked={},
            words=marker, created_at=now,
        )
    )  # fmt: skip
    make.add(ApiRequest(api_token_id=token, key=marker, digest=marker, status=200, body=marker, created_at=now))
    make.add(
        DataSource(
            organization_id=home, contact_list_id=contact_list, name=marker, kind="sftp", choices={}, mapping={},
            place={"host": "127.0.0.1", "port": 1}, schedule={"repeats": "never"}, created_at=now, updated_at=now,
        )
    )  # fmt: skip


def _applications(make: _Builder) -> None:
    home, marker, now = make.home, make.marker, make.now
    script = make.add(Script(organization_id=home, name=marker, created_at=now))
    revision = make.add(
        ScriptRevision(
            organization_id=home, script_id=script, number=1, state="draft", digest=marker, entry="main.vxml",
            problems=[], created_at=now,
        )
    )  # fmt: skip
    make.add(
        ScriptFile(
            script_revision_id=revision, path=f"{marker}.vxml", content_type="text/xml", digest=marker, body=b"<vxml/>"
        )
    )
    strategy = make.add(Strategy(organization_id=home, name=marker, created_at=now))
    xml = shipped(next(iter(shipped_names())))
    make.add(
        StrategyRevision(
            organization_id=home, strategy_id=strategy, number=1, state="published", xml=f"{xml}<!-- {marker} -->",
            created_at=now,
        )
    )  # fmt: skip


def _job(make: _Builder) -> None:
    home, marker, now, ids = make.home, make.marker, make.now, make.ids
    make.add(PacingTrial(organization_id=home, title=marker, asked={}, state="completed", created_at=now))
    make.add(AllowedHost(organization_id=home, origin=f"https://{marker}.example", note=marker, created_at=make.now))
    make.add(CompletionCode(organization_id=home, name=marker.upper(), description=marker))
    make.add(ZoneRuleRow(organization_id=home, prefix="+1202", zones="America/New_York", note=marker, updated_at=now))
    make.add(GuardTime(organization_id=home, scope="state", key="US-FL", hours={}, source=marker, updated_at=now))
    make.add(HolidayRow(organization_id=home, day=now.date(), name=marker, updated_at=now))
    window = make.add(CallingWindow(organization_id=home, name=marker, hours={}))
    trunk = make.add(Trunk(organization_id=home, name=marker, host="127.0.0.1", simulated=True))
    make.add(
        DialingRuleRow(organization_id=home, position=1, name=marker, written="digits", prepend="9", updated_at=now)
    )
    make.add(NumberFormatRow(organization_id=home, country="DE", lengths="10, 11", local=[], updated_at=now))
    make.add(NumberDefaultsRow(organization_id=home, home_country="US", separator="#", updated_at=now))
    make.add(RejectPatternRow(organization_id=home, pattern="900*", reason=marker, updated_at=now))
    make.add(OpenedRangeRow(organization_id=home, prefix="+881", until=now, reason=marker, updated_at=now))
    make.add(
        TestCall(
            id=new_id(), organization_id=home, script_revision_id=ids["script_revision"], trunk_id=trunk,
            calling_window_id=window, address="+12025550100", sender="+12025550101", values={marker: marker},
            reason=marker, created_at=now,
        )
    )  # fmt: skip
    campaign = make.add(
        Campaign(
            organization_id=home, name=marker, contact_list_id=ids["contact_list"], strategy_id=ids["strategy"],
            message=marker, calling_window_id=window, trunk_id=trunk, caller_id="+12025550100",
            pacing={"mode": "none"}, senders={}, created_at=now, updated_at=now,
        )
    )  # fmt: skip
    job = make.add(
        Job(
            organization_id=home, campaign_id=campaign, state="running",
            strategy_revision_id=ids["strategy_revision"], settings={"campaign": marker}, created_at=now,
            started_at=now, audience=1,
        )
    )  # fmt: skip
    job_contact = make.add(
        JobContact(
            organization_id=home, job_id=job, contact_id=ids["contact"], lane=0, due_at=now, strategy_state={},
            updated_at=now,
        )
    )  # fmt: skip
    attempt = make.add(
        Attempt(
            id=new_id(), organization_id=home, job_id=job, job_contact_id=job_contact, contact_id=ids["contact"],
            address_id=ids["address"], number=1, channel="email", address=f"{marker.lower()}@example.org",
            reason=marker, started_at=now - timedelta(seconds=5), result={marker: marker},
        )
    )  # fmt: skip
    make.add(AttemptTrace(attempt_id=attempt, steps=[{"text": marker}]))


def add_common(session: Session) -> None:
    """What belongs to no organization."""
    session.add_all(
        [
            MediaServer(name="local", url="http://127.0.0.1:1"),
            User(login="root", name="Root", password_hash=PASSWORD_HASH, roles=["administration"], created_at=utcnow()),
            Trunk(name="Common", host="127.0.0.1", simulated=True),
        ]
    )


def rows_with(engine: Engine, marker: str) -> dict[str, list[Any]]:
    """Every row of every table that has the marker anywhere in it."""
    found = {}
    with engine.connect() as connection:
        for name, table in Base.metadata.tables.items():
            rows = [tuple(row) for row in connection.execute(select(table)) if marker in repr(tuple(row))]
            found[name] = sorted(rows, key=repr)
    return found
