"""The gate before an attempt: reads the database anew and lets the pure rules decide (app.core.compliance)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Engine

from app.core.calendars import place_of
from app.core.compliance import Candidate, Chosen, Closed, Held, NoAddress, Subject, choose, too_old
from app.core.strategy import Attempt, Channel, Done, Due, Finished, RunnerState, step
from common.tasks import note_failure
from engine.outcomes import close, follow
from engine.people import AddressRow, People, Person, look_up
from engine.plans import JobPlan
from engine.store import Claimed, Hold, Next, Parked

_KINDS = {Channel.VOICE: "phone", Channel.SMS: "phone", Channel.EMAIL: "email"}


@dataclass(frozen=True, slots=True)
class Work:
    """A contact that may be attempted: what the strategy wants, to whom, by which address."""

    plan: JobPlan
    claimed: Claimed
    state: RunnerState
    wanted: Attempt
    person: Person
    address: AddressRow

    @property
    def voice(self) -> bool:
        return self.wanted.channel is Channel.VOICE


@dataclass(frozen=True, slots=True)
class Verdict:
    """Contacts that may be attempted now, and those given back with the reason."""

    works: Sequence[Work]
    parked: Sequence[Parked]


def judge(
    engine: Engine, plan: JobPlan, claims: Sequence[Claimed], channels: frozenset[Channel], now: datetime
) -> Verdict:
    """`channels` are those that can be used at all (SMS and email may be switched off)."""
    wanted = [claimed.contact_id for claimed in claims]
    people = look_up(engine, plan.organization_id, wanted, now, plan.campaign_id, purpose=plan.consent_purpose)
    works: list[Work] = []
    parked: list[Parked] = []
    for claimed in claims:
        try:
            found = _judge_one(plan, claimed, people, channels, now)
        except Exception as error:
            # One contact that nobody can judge would keep the whole batch, and so the job, from going on.
            note_failure("gate", error, job=plan.job_id, contact=claimed.contact_id)
            found = close(RunnerState(), "SYSTEM_ERROR", now)
        if isinstance(found, Work):
            works.append(found)
        else:
            parked.append(found if isinstance(found, Parked) else Parked(claimed.id, found))
    return Verdict(works, parked)


def _judge_one(
    plan: JobPlan, claimed: Claimed, people: People, channels: frozenset[Channel], now: datetime
) -> Work | Parked | Next:
    state = RunnerState.from_json(claimed.strategy_state)
    state, wanted = step(plan.strategy, state, Due(), now)
    if isinstance(wanted, Done):
        return close(state, wanted.code or "NO_CALLABLE_ADDRESS", now)
    if not isinstance(wanted, Attempt):
        return Next(wanted.at, state.to_json())
    person = people.persons.get(claimed.contact_id)
    if person is None:
        return close(state, "CONTACT_DELETED", now)
    addresses = _addresses(plan, wanted, person, now)
    choice = (
        choose([_candidate(index, *pair, people, person, now) for index, pair in enumerate(addresses)], plan.rules, now)
        if wanted.channel in channels
        else NoAddress("NO_CALLABLE_ADDRESS", f"{wanted.channel} is switched off; set it up to use it")
    )
    restriction = next((item for item in wanted.action.restrictions if item.holds(person.values)), None)
    if restriction is not None and not isinstance(choice, Closed):
        choice = NoAddress("RESTRICTED_RULE", f"the strategy restricts {restriction.attribute}")
    match choice:
        case Chosen(key):
            return Work(plan, claimed, state, wanted, person, addresses[key][1])
        case Held(code, detail, until):
            return Parked(claimed.id, Next(until, state.to_json()), Hold(code, detail, until))
        case Closed(code, _):
            return close(state, code, now)
        case NoAddress(code, _):
            return follow(plan, state, Finished(code, attempted=False), now)


def _addresses(plan: JobPlan, wanted: Attempt, person: Person, now: datetime) -> list[tuple[Subject, AddressRow]]:
    """The contact's addresses among those the strategy names, in its order; the subject lacks what the lists say."""
    found = []
    for ref in wanted.addresses:
        row = person.addresses.get(ref.name)
        if row is not None and row.value and row.kind == _KINDS[wanted.channel]:
            place = place_of(person.known(row), plan.calendar.zones)
            subject = Subject(
                channel=str(wanted.channel),
                zones=place.zones,
                country=place.country,
                states=place.states,
                deleted=person.deleted,
                excluded=person.excluded,
                disabled_code=row.disabled_code,
                barred=_barred(plan, wanted.channel, row, now),
                earliest=ref.earliest,
                latest=ref.latest,
            )
            found.append((subject, row))
    return found


def _barred(plan: JobPlan, channel: Channel, row: AddressRow, now: datetime) -> str:
    """Why the number stays undialled, whatever brought it here: it is refused by now, or no trunk of the job's dials
    it."""
    if row.kind != "phone":
        return ""
    why = plan.numbering.barred(row.value, now)
    if why or channel is not Channel.VOICE:
        return why
    return plan.numbering.undiallable(row.value, [trunk.site for trunk in plan.group])


def _candidate(
    index: int, subject: Subject, row: AddressRow, people: People, person: Person, now: datetime
) -> Candidate:
    listed = people.list_holding(person, row, subject.zones, now)
    consent = people.consent(person, row, subject.channel, subject.zones, now)
    unscreened = too_old(people.national, row.value, row.country, now) if row.kind == "phone" else ""
    known = replace(subject, dnc=listed, consent=consent, unscreened=unscreened)
    return Candidate(index, replace(known, quiet=people.quiet_around(person)))
