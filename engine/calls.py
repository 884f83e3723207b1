"""Calls under way: launched on media servers, followed by their events, asked after when events may be missing.

An attempt that was begun ends in exactly one of these ways: the media server tells its outcome; the server never got
it and never will (NO_PORTS, tried again soon); or its outcome cannot be learnt (OUTCOME_UNKNOWN).
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from channels.voice.base import BootChanged, NotReached
from common.clock import Clock
from common.control import CallEvent, CallRequest, CallStatus, Disposition, EventType
from common.errors import Refused, RemoteError
from common.tasks import Tasks, note_failure
from engine import effects, outcomes
from engine.addresses import Addresses
from engine.gate import Work
from engine.last_look import listed_by_now, still_ours
from engine.links import MediaLink
from engine.outcomes import Running, TrunkRest
from engine.people import erased_contacts, listed_attempts
from engine.recorder import Recorder
from engine.routes import Port
from engine.shares import Place
from engine.store import NewAttempt, Outcome, Progress
from engine.tuning import Tuning

log = structlog.get_logger()

#: So many unanswered calls in a row without a single reply, and the trunk itself is thought silent.
_SILENT_IN_A_ROW = 3
_ASK_AGAIN = 1.0
#: Questions about calls on their way at one time.
_QUESTIONS = 8
_CLOSED_BY_ERASURE = "CONTACT_DELETED"


@dataclass(slots=True)
class Call:
    running: Running
    ringing: bool = False
    answered: bool = False
    #: It is being ordered of its media server, or asked after there: nobody else asks meanwhile. A server that does
    #: not know a call yet would be believed, and the person dialled again.
    asking: bool = False
    #: It is to be cancelled: no further request to place it may leave.
    unwanted: bool = False
    #: The trunks it may go by, best first.
    trunks: tuple[int, ...] = ()
    #: What each of them dials, where it is not the number itself.
    dialled: Mapping[str, str] = field(default_factory=dict)
    #: Another engine began it.
    adopted: bool = False
    #: Since when it is followed here, monotonic.
    followed_at: float = 0.0

    @property
    def places(self) -> list[Place]:
        return [(trunk, self.running.attempt.media_server) for trunk in self.trunks]


class Calls:
    def __init__(
        self,
        database: Engine,
        addresses: Addresses,
        recorder: Recorder,
        clock: Clock,
        tuning: Tuning,
        links: Mapping[str, MediaLink],
        alive_since: Callable[[], float],
    ) -> None:
        self._database = database
        self._addresses = addresses
        self._recorder = recorder
        self._clock = clock
        self._tuning = tuning
        self._links = links
        self._alive_since = alive_since
        self._calls: dict[str, Call] = {}
        self._silent: Counter[int] = Counter()
        self._questions = asyncio.Semaphore(_QUESTIONS)
        #: Calls that belong to no job, by trunk and media server.
        self.outside: Counter[Place] = Counter()
        self._first: Counter[Place] = Counter()
        self._any: Counter[Place] = Counter()
        self._adopted: Counter[Place] = Counter()
        self.tasks = Tasks()

    def __len__(self) -> int:
        return len(self._calls)

    def holds(self, attempt_id: str) -> bool:
        return attempt_id in self._calls

    def of_job(self, job_id: int) -> int:
        return sum(1 for call in self._calls.values() if call.running.plan.job_id == job_id)

    def on_trunk(self, place: Place) -> int:
        """Calls that were to leave by this trunk first."""
        return self._first[place] + self.outside[place]

    def may_be_on(self, place: Place) -> int:
        """Calls that left by this trunk, or may have for want of another."""
        return self._any[place] + self.outside[place]

    def adopted_on(self, place: Place) -> int:
        return self._adopted[place]

    # Starting

    def launch(self, work: Work, attempt: NewAttempt, port: Port) -> None:
        """The attempt is committed: place the call."""
        running = Running(attempt, work.plan, work.state, work.address.name)
        self._follow(Call(running, asking=True, trunks=port.trunk_ids, dialled=port.dialled))
        self.tasks.start(self._place(work, attempt, port))

    async def _place(self, work: Work, attempt: NewAttempt, port: Port) -> None:
        call = self._calls[attempt.id]
        try:
            await self._place_once(call, work, port)
        finally:
            call.asking = False

    async def _place_once(self, call: Call, work: Work, port: Port) -> None:
        link = self._link_of(call)
        if link is None:
            self._never_left(call, "its media server was taken out of use")
            return
        if not self._may_act(call):
            # Our life as an engine ran out: another may be finishing this attempt already.
            self._never_left(call, "the engine was too late")
            return
        try:
            request = self._request(work, call.running.attempt, port)
        except Refused as error:
            self._end(call, self._outcome("INVALID_NUMBER", str(error)))
            return
        except Exception as error:
            # It would fail alike the next time.
            note_failure("request", error, attempt=call.running.attempt.id)
            self._end(call, self._outcome("SYSTEM_ERROR", f"the request cannot be made: {type(error).__name__}"))
            return
        try:
            listed = await listed_by_now(self._database, call.running, self._clock.utcnow(), self._tuning.dnc_watch)
        except (SQLAlchemyError, OSError) as error:
            log.warning("call_not_looked_at", attempt=call.running.attempt.id, error=type(error).__name__)
            self._never_left(call, "the do-not-call lists could not be asked")
            return
        if listed:
            call.running = replace(call.running, closed_as=outcomes.CLOSED_BY_DNC)
            self._end(call, self._outcome("CANCELLED_BY_SYSTEM", "listed while it waited to leave"))
            return
        await self._order(call, link, request)

    async def _order(self, call: Call, link: MediaLink, request: CallRequest) -> None:
        """POST until the answer is known: the same attempt id is never placed twice."""
        give_up_at = self._clock.monotonic() + self._tuning.server_limit
        first = True
        while self._calls.get(request.attempt_id) is call:
            if not self._may_act(call):
                # Another engine has adopted it, or will.
                return
            if call.unwanted:
                await self._leave_unplaced(call, link, first=first)
                return
            try:
                status = await link.client.place(request)
                if status.disposition is Disposition.NOT_ADMITTED:
                    link.refused()
                self._hear_status(call, status)
                return
            except NotReached as error:
                link.lost()
                if first:
                    self._never_left(call, str(error))
                    return
            except BootChanged as error:
                if first:
                    self._never_left(call, str(error))
                    return
                await self._ask(call, link)
                return
            except Refused as error:
                self._end(call, self._outcome("SYSTEM_ERROR", str(error)))
                return
            except RemoteError as error:
                log.warning("launch_answer_lost", attempt=request.attempt_id, server=link.name, error=str(error))
            first = False
            if self._clock.monotonic() > give_up_at:
                self._end(call, self._outcome("OUTCOME_UNKNOWN", "the media server did not answer"))
                return
            await asyncio.sleep(_ASK_AGAIN)

    def _may_act(self, call: Call) -> bool:
        return still_ours(call.running.attempt, self._clock, self._alive_since())

    async def _leave_unplaced(self, call: Call, link: MediaLink, *, first: bool) -> None:
        if first:
            self._never_left(call, "cancelled before it left")
        else:
            # A request whose answer was lost may have placed it.
            await self._ask(call, link)

    def _request(self, work: Work, attempt: NewAttempt, port: Port) -> CallRequest:
        plan = work.plan
        trunk, *alternatives = port.trunks
        return CallRequest(
            attempt_id=attempt.id,
            to=attempt.address,
            sender=attempt.sender,
            trunk=trunk,
            alternatives=tuple(alternatives),
            dialled=port.dialled,
            application=self._addresses.application(plan, attempt.id),
            values={**work.person.values, **self._addresses.values(plan, attempt.id)},
            display_name=plan.display_name,
            identity=plan.identity,
            answer=plan.answer,
            ring_timeout=work.wanted.action.timeout,
            max_duration=self._tuning.max_call,
            organization=str(plan.organization_id),
            revision=plan.script[0] if plan.script else "notice",
            boot_id=attempt.boot_id,
            allow=plan.hosts,
        )

    # What media servers say

    def hear(self, link: MediaLink, event: CallEvent) -> None:
        call = self._calls.get(event.attempt_id)
        if call is None:
            return
        if event.type is EventType.ENDED and event.status is not None:
            self._hear_status(call, event.status)
        elif event.type is EventType.RINGING and not call.ringing:
            call.ringing = True
            self._recorder.progress(Progress(event.attempt_id, ringing_at=_moment(event.at)))
        elif event.type is EventType.ANSWERED and not call.answered:
            call.answered = True
            self._recorder.progress(Progress(event.attempt_id, answered_at=_moment(event.at)))

    async def resync(self, link: MediaLink) -> None:
        """Events may have been missed: ask after every call of the server."""
        for call in tuple(self._calls.values()):
            if self._link_of(call) is link:
                self._ask_after(call, link)

    async def sweep(self) -> None:
        """Ask after the calls whose events may be lost; give up those on servers that are gone for long."""
        for call in tuple(self._calls.values()):
            link = self._link_of(call)
            if self._clock.monotonic() - call.followed_at > self._tuning.max_attempt:
                self._end(call, self._outcome("OUTCOME_UNKNOWN", "its media server never said that it ended"))
            elif link is None:
                started = call.running.attempt.started_at
                if (self._clock.utcnow() - started).total_seconds() > self._tuning.server_limit:
                    self._end(call, self._outcome("OUTCOME_UNKNOWN", "its media server is no longer known"))
            elif not link.up and link.silent_for() > self._tuning.server_limit:
                self._end(call, self._outcome("OUTCOME_UNKNOWN", "its media server did not come back"))
            elif link.up:
                self._ask_after(call, link)

    def adopt(self, running: Running) -> None:
        """An attempt of an engine that is gone: ask its media server what became of it."""
        # Which of them it went by is not known here.
        call = Call(running, trunks=tuple(trunk.id for trunk in running.plan.group), adopted=True)
        self._follow(call)
        link = self._link_of(call)
        if link is not None and link.up:
            self._ask_after(call, link)

    def _ask_after(self, call: Call, link: MediaLink) -> None:
        if not call.asking:
            call.asking = True
            self.tasks.start(self._ask_alone(call, link))

    async def _ask_alone(self, call: Call, link: MediaLink) -> None:
        try:
            await self._ask(call, link)
        finally:
            call.asking = False

    async def _ask(self, call: Call, link: MediaLink) -> None:
        """One question; when it fails, the next sweep or resync asks again."""
        try:
            async with self._questions:
                status = await link.client.status(call.running.attempt.id)
                boot_id = (await link.client.info()).boot_id if status is None else ""
        except RemoteError as error:
            log.info("call_not_asked", attempt=call.running.attempt.id, server=link.name, error=str(error))
            return
        if status is not None:
            self._hear_status(call, status)
        elif boot_id == call.running.attempt.boot_id:
            self._never_left(call, "the media server never got it")
        else:
            self._end(call, self._outcome("OUTCOME_UNKNOWN", "the media server has restarted and does not know it"))

    def _hear_status(self, call: Call, status: CallStatus) -> None:
        if status.disposition is None:
            call.ringing = call.ringing or status.state in ("ringing", "answered")
            call.answered = call.answered or status.state == "answered"
            return
        try:
            outcome, rests = self._judged(call, status)
        except Exception as error:
            # Asked again it would say the same, for ever.
            note_failure("outcome", error, attempt=call.running.attempt.id)
            why = f"what its media server told makes no sense: {type(error).__name__}"
            outcome, rests = self._outcome("OUTCOME_UNKNOWN", why), []
        self._end(call, outcome, rests)

    def _judged(self, call: Call, status: CallStatus) -> tuple[Outcome, list[TrunkRest]]:
        plan, now = call.running.plan, self._clock.utcnow()
        trunk = outcomes.trunk_taken(status, plan)
        unheard = status.disposition is Disposition.NO_REPLY and not status.provisional
        self._silent[trunk] = self._silent[trunk] + 1 if unheard else 0
        silent = self._silent[trunk] >= _SILENT_IN_A_ROW
        outcome = outcomes.of_call(status, plan, now, trunk_silent=silent)
        outcome = outcomes.with_dialled(outcome, call.running.attempt, call.dialled, status.trunk)
        rests = outcomes.trunk_rests(
            status, plan, outcome, now, rest=self._tuning.trunk_rest, longest=self._tuning.longest_rest
        )
        return outcome, rests

    # Cancelling

    async def watch_dnc(self) -> None:
        """Whoever asks not to be called while we ring is not rung any longer."""
        by_job: dict[int, dict[tuple[int, str], Call]] = defaultdict(dict)
        for call in self._calls.values():
            if not call.answered and not call.running.closed_as:
                attempt = call.running.attempt
                by_job[call.running.plan.job_id][attempt.contact_id, attempt.address] = call
        for calls in by_job.values():
            plan = next(iter(calls.values())).running.plan
            listed = await asyncio.to_thread(
                listed_attempts,
                self._database,
                plan.organization_id,
                plan.campaign_id,
                plan.calendar.zones,
                tuple(calls),
                self._clock.utcnow(),
            )
            for key in listed:
                await self._cancel(calls[key], outcomes.CLOSED_BY_DNC)
        await self._watch_erased()

    async def _watch_erased(self) -> None:
        """Whoever asked to be erased is not talked to any longer either."""
        open_calls = [call for call in self._calls.values() if not call.running.closed_as]
        if not open_calls:
            return
        wanted = {call.running.attempt.contact_id for call in open_calls}
        erased = await asyncio.to_thread(erased_contacts, self._database, wanted)
        for call in open_calls:
            if call.running.attempt.contact_id in erased:
                await self._cancel(call, _CLOSED_BY_ERASURE)

    async def _cancel(self, call: Call, closed_as: str) -> None:
        link = self._link_of(call)
        if link is None:
            return
        call.unwanted = True
        call.running = replace(call.running, closed_as=closed_as)
        log.info("call_cancelled", attempt=call.running.attempt.id, because=closed_as)
        try:
            if not await link.client.hang_up(call.running.attempt.id):
                # Not there, or not yet: the next look tries again.
                call.running = replace(call.running, closed_as="")
        except RemoteError as error:
            log.warning("call_not_cancelled", attempt=call.running.attempt.id, error=str(error))
            # The next look tries again.
            call.running = replace(call.running, closed_as="")

    # Ending

    def _never_left(self, call: Call, why: str) -> None:
        self._end(call, self._outcome("NO_PORTS", why))

    def _outcome(self, code: str, reason: str) -> Outcome:
        return Outcome(code, self._clock.utcnow(), reason=reason)

    def _end(self, call: Call, outcome: Outcome, rests: Sequence[TrunkRest] = ()) -> None:
        running = call.running
        if self._calls.pop(running.attempt.id, None) is None:
            return
        self._count(call, -1)
        if (link := self._link_of(call)) is not None:
            link.calls.discard(running.attempt.id)
        now = self._clock.utcnow()
        self._recorder.finish(outcomes.finish(running, outcome, now))
        log.info(
            "attempt_ended",
            job=running.plan.job_id,
            contact=running.attempt.contact_id,
            attempt=running.attempt.id,
            code=outcome.completion_code,
            sip_status=outcome.sip_status,
        )
        self.tasks.start(self._consequences(running, outcome, rests))

    async def _consequences(self, running: Running, outcome: Outcome, rests: Sequence[TrunkRest]) -> None:
        for trunk_id, until, reason in rests:
            await asyncio.to_thread(effects.rest_trunk, self._database, trunk_id, until, reason)
        code = outcome.completion_code
        if code == "INVALID_NUMBER" and running.attempt.address_id is not None and outcome.sip_status is not None:
            await asyncio.to_thread(effects.disable_address, self._database, running.attempt.address_id, code)

    def _follow(self, call: Call) -> None:
        call.followed_at = self._clock.monotonic()
        self._calls[call.running.attempt.id] = call
        self._count(call, 1)
        if (link := self._link_of(call)) is not None:
            link.calls.add(call.running.attempt.id)

    def _count(self, call: Call, by: int) -> None:
        places = call.places
        self._any.update(dict.fromkeys(places, by))
        self._first.update(dict.fromkeys(places[:1], by))
        if call.adopted:
            self._adopted.update(dict.fromkeys(places, by))

    def _link_of(self, call: Call) -> MediaLink | None:
        return self._links.get(call.running.attempt.media_server)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
