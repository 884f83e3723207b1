"""What a job goes by, read from the database: strategy, gate rules, pacing, trunk, script and completion codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Engine, or_, select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from app.core.compliance import Rules
from app.core.phone import Numbering, TrunkSite
from app.core.strategy import Strategy, parse
from app.db import read_transaction
from app.models import (
    AllowedHost,
    CallingWindow,
    CompletionCode,
    Job,
    JobState,
    ScriptRevision,
    StrategyRevision,
    Trunk,
)
from app.security.secrets import Vault
from app.services.calendars import Calendar, CalendarReader
from app.services.numbering import NumberingReader
from app.services.trunk_groups import read_group
from common import control
from common.classification import AnswerRules
from common.errors import ClarionError
from pacing.agentless import Pacing

log = structlog.get_logger()

ENDED = (JobState.STOPPED.value, JobState.COMPLETED.value)


@dataclass(frozen=True, slots=True)
class TrunkPlan:
    id: int
    name: str
    host: str
    port: int
    transport: str
    line: str
    username: str
    password: str
    max_channels: int
    calls_per_second: int
    simulated: bool
    paused_until: datetime | None = None
    priority: int = 0
    weight: int = 1
    signalling: Mapping[str, Any] = field(default_factory=dict)
    country: str = ""

    @property
    def site(self) -> TrunkSite:
        """As dialing rules see it."""
        return TrunkSite(self.id, self.country)

    def for_media_server(self) -> control.Trunk:
        """As media servers are told it."""
        trunk = control.Trunk(self.host, self.port, self.transport, self.username, self.password, self.line)
        limited = replace(trunk, max_channels=self.max_channels, calls_per_second=self.calls_per_second)
        return limited.signalling(self.signalling)


@dataclass(frozen=True, slots=True)
class CodeFlags:
    closes: bool
    nuisance: bool
    #: The person's own wish: the attempt puts the person on the do-not-call list.
    do_not_call: bool = False


@dataclass(frozen=True, slots=True)
class JobPlan:
    job_id: int
    organization_id: int
    campaign_id: int
    state: str
    campaign: str
    strategy: Strategy
    rules: Rules
    pacing: Pacing
    trunk: TrunkPlan
    caller_id: str
    display_name: str
    message: str
    senders: Mapping[str, str]
    #: Digest and entry file of the pinned script revision; None speaks `message`.
    script: tuple[str, str] | None
    #: The system's codes and the organization's own.
    codes: Mapping[str, CodeFlags]
    #: Origins that the organization's scripts may fetch from.
    hosts: tuple[str, ...] = ()
    identity: control.CallerIdentity = field(default_factory=control.CallerIdentity)
    answer: AnswerRules = field(default_factory=AnswerRules)
    calendar: Calendar = field(default_factory=Calendar)
    #: What people must have given consent for; "" asks for none.
    consent_purpose: str = ""
    #: All trunks of the group that `trunk` is in.
    trunks: tuple[TrunkPlan, ...] = ()
    #: What the organization lays down about numbers.
    numbering: Numbering = field(default_factory=Numbering)

    @property
    def group(self) -> tuple[TrunkPlan, ...]:
        return self.trunks or (self.trunk,)

    @property
    def running(self) -> bool:
        return self.state == JobState.RUNNING


class PlanReader:
    """Reads the plans of jobs that have not ended. What never changes (revisions) is read once.

    `simulated_channels` are those of SMS and email whose providers are on this machine (channels.registry).
    """

    def __init__(self, engine: Engine, vault: Vault, simulated_channels: frozenset[str] = frozenset()) -> None:
        self._simulated_channels = simulated_channels
        self._engine = engine
        self._vault = vault
        self._strategies: dict[int, Strategy] = {}
        self._scripts: dict[int, tuple[str, str]] = {}
        self._calendars = CalendarReader()
        self._numberings = NumberingReader()

    def read(self) -> tuple[dict[int, JobPlan], dict[int, str]]:
        """Plans by job, and for jobs that cannot run, why."""
        plans: dict[int, JobPlan] = {}
        problems: dict[int, str] = {}
        with read_transaction(self._engine) as session:
            jobs = session.scalars(select(Job).where(Job.state.not_in(ENDED)).order_by(Job.id)).all()
            organizations = {job.organization_id for job in jobs}
            codes, hosts = read_codes(session, organizations), read_hosts(session, organizations)
            calendars = self._calendars.read(session, organizations)
            numberings = self._numberings.read(session, organizations)
            for job in jobs:
                home = job.organization_id
                try:
                    plan = self._plan(session, job, codes[home], hosts[home], calendars[home])
                    plans[job.id] = replace(plan, numbering=numberings[home])
                except (ClarionError, NoResultFound, KeyError, TypeError, ValueError) as error:
                    problems[job.id] = f"the job cannot run: {type(error).__name__} {error}"[:500]
        return plans, problems

    def _plan(
        self,
        session: Session,
        job: Job,
        codes: Mapping[str, CodeFlags],
        hosts: tuple[str, ...],
        calendar: Calendar,
    ) -> JobPlan:
        settings = job.settings
        window = session.get_one(CallingWindow, int(settings["calling_window_id"]))
        row = session.get_one(Trunk, int(settings["trunk_id"]))
        trunks = tuple(self.trunk(other) for other in read_group(session, row))
        trunk = next(trunk for trunk in trunks if trunk.id == row.id)
        return JobPlan(
            job_id=job.id,
            organization_id=job.organization_id,
            campaign_id=job.campaign_id,
            state=job.state,
            campaign=str(settings["campaign"]),
            strategy=self._strategy(session, job.strategy_revision_id),
            rules=Rules(
                window.hours,
                window.always_open,
                trunk.simulated,
                self._simulated_channels,
                calendar.guards,
                calendar.holiday_rules(window, job.campaign_id),
            ),
            calendar=calendar,
            pacing=Pacing.from_json(settings["pacing"]),
            trunk=trunk,
            trunks=trunks,
            caller_id=str(settings["caller_id"]),
            display_name=str(settings.get("display_name", "")),
            identity=control.CallerIdentity(**(settings.get("identity") or {})),
            answer=AnswerRules.from_json(settings.get("answer") or {}),
            message=str(settings.get("message", "")),
            consent_purpose=str(settings.get("consent_purpose", "")),
            senders=dict(settings.get("senders") or {}),
            script=self._script(session, job.script_revision_id),
            codes=codes,
            hosts=hosts,
        )

    def _strategy(self, session: Session, revision_id: int) -> Strategy:
        if revision_id not in self._strategies:
            self._strategies[revision_id] = parse(session.get_one(StrategyRevision, revision_id).xml)
        return self._strategies[revision_id]

    def _script(self, session: Session, revision_id: int | None) -> tuple[str, str] | None:
        if revision_id is None:
            return None
        if revision_id not in self._scripts:
            revision = session.get_one(ScriptRevision, revision_id)
            self._scripts[revision_id] = (revision.digest, revision.entry)
        return self._scripts[revision_id]

    def trunk(self, row: Trunk) -> TrunkPlan:
        return TrunkPlan(
            row.id,
            row.name,
            row.host,
            row.port,
            row.transport,
            row.line,
            row.username,
            self._vault.decrypt(row.password_encrypted),
            row.max_channels,
            row.calls_per_second,
            row.simulated,
            row.paused_until,
            row.priority,
            row.weight,
            row.signalling,
            row.country,
        )


def read_hosts(session: Session, organizations: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """By organization: the origins that its scripts may fetch from."""
    owners = list(organizations)
    rows = session.execute(
        select(AllowedHost.organization_id, AllowedHost.origin)
        .where(AllowedHost.organization_id.in_(owners))
        .order_by(AllowedHost.origin)
    ).all()
    return {owner: tuple(origin for whose, origin in rows if whose == owner) for owner in owners}


def read_codes(session: Session, organizations: Iterable[int]) -> dict[int, Mapping[str, CodeFlags]]:
    """By organization and name: the system's codes and the organization's own."""
    owners = list(organizations)
    owner = CompletionCode.organization_id
    columns = (CompletionCode.closure, CompletionCode.nuisance, CompletionCode.do_not_call)
    rows = session.execute(
        select(owner, CompletionCode.name, *columns).where(or_(owner.in_(owners), owner.is_(None)))
    ).all()
    found: dict[int, dict[str, CodeFlags]] = {key: {} for key in owners}
    for whose, name, *flags in rows:
        for key in owners if whose is None else [whose]:
            # An organization's own code never replaces the system's of the same name.
            if whose is None or name not in found[key]:
                found[key][name] = CodeFlags(*flags)
    return dict(found)
