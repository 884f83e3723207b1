"""SMS and email: sent once, looked up after a lost reply, never resent blindly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.core.strategy import Action, Channel, render
from app.core.strategy.text import pick_language
from channels.base import Certainty, ChannelError, Message, Sought
from channels.base import Channel as MessageChannel
from channels.base import Outcome as Sent
from common.clock import Clock
from common.errors import Refused
from common.tasks import Tasks, note_failure
from engine import effects, outcomes
from engine.addresses import Addresses
from engine.admission import Unmade
from engine.gate import Work
from engine.last_look import listed_by_now, still_ours
from engine.outcomes import Running
from engine.people import Person
from engine.plans import JobPlan
from engine.recorder import Recorder
from engine.store import NewAttempt, Outcome
from engine.tuning import Tuning

log = structlog.get_logger()

_ASK_AGAIN = 2.0


class Messenger:
    def __init__(
        self,
        database: Engine,
        channels: Mapping[str, MessageChannel],
        addresses: Addresses,
        recorder: Recorder,
        clock: Clock,
        tuning: Tuning,
        alive_since: Callable[[], float],
    ) -> None:
        """`alive_since`: as `EngineRunner.alive_since`."""
        self._database = database
        self._channels = channels
        self._addresses = addresses
        self._recorder = recorder
        self._clock = clock
        self._tuning = tuning
        self._alive_since = alive_since
        self._running: dict[str, Running] = {}
        self._rooms = {
            name: asyncio.Semaphore(min(tuning.messages, channel.at_once)) for name, channel in channels.items()
        }
        self.tasks = Tasks()

    def __len__(self) -> int:
        return len(self._running)

    @property
    def free(self) -> int:
        return max(0, self._tuning.messages * 2 - len(self._running))

    def holds(self, attempt_id: str) -> bool:
        return attempt_id in self._running

    def usable(self) -> frozenset[Channel]:
        return frozenset({Channel.VOICE, *(Channel(name) for name in self._channels)})

    def compose(self, work: Work, attempt: NewAttempt) -> Message | Unmade:
        """The message of an attempt that is about to be committed."""
        try:
            return self._message(work.plan, work.wanted.action, work.person, attempt)
        except Refused as error:
            return Unmade(str(error))
        except Exception as error:
            # The next try would fail alike; let out, it would keep the whole batch from leaving.
            log.error("message_not_made", attempt=attempt.id, error=repr(error))
            return Unmade(f"the message cannot be made: {error!r}"[:255])

    def send(self, work: Work, attempt: NewAttempt, message: Message | Unmade) -> None:
        """The attempt is committed: let the message leave."""
        running = Running(attempt, work.plan, work.state, work.address.name)
        self._start(running, self._send(running, message))

    def adopt(self, running: Running) -> None:
        """A message whose engine is gone: ask whether it left."""
        self._start(running, self._look_up(running))

    async def _send(self, running: Running, message: Message | Unmade) -> None:
        if isinstance(message, Unmade):
            self._end(running, self._outcome("SYSTEM_ERROR", message.reason))
            return
        channel = self._channels[running.attempt.channel]
        async with self._rooms[running.attempt.channel]:
            if not await self._may_leave(running):
                return
            try:
                sent = await channel.send(message)
            except ChannelError as error:
                await self._refused(running, error)
                return
            except Exception as error:
                # Whatever the provider's library raises, one thing is known: it may have left.
                log.warning("message_answer_lost", attempt=message.attempt_id, error=repr(error))
                await self._settle(running, channel)
                return
        await self._sent(running, sent)

    async def _may_leave(self, running: Running) -> bool:
        """Not if the person was listed meanwhile; with the database away the attempt is made again once it is back."""
        try:
            listed = await listed_by_now(self._database, running, self._clock.utcnow(), self._tuning.dnc_watch)
        except (SQLAlchemyError, OSError) as error:
            log.warning("message_not_looked_at", attempt=running.attempt.id, error=type(error).__name__)
            self._end(running, self._outcome("NO_PORTS", "the do-not-call lists could not be asked"))
            return False
        if not still_ours(running.attempt, self._clock, self._alive_since()):
            self._end(running, self._outcome("NO_PORTS", "the engine was too late"))
            return False
        if listed:
            unwanted = replace(running, closed_as=outcomes.CLOSED_BY_DNC)
            self._end(unwanted, self._outcome("CANCELLED_BY_SYSTEM", "listed while it waited to leave"))
        return not listed

    async def _look_up(self, running: Running) -> None:
        channel = self._channels.get(running.attempt.channel)
        if channel is None:
            self._end(running, self._outcome("OUTCOME_UNKNOWN", "nobody can be asked whether it left"))
            return
        await self._settle(running, channel)

    async def _settle(self, running: Running, channel: MessageChannel) -> None:
        """Ask the provider until it can say: a message on its way in shows only after a while."""
        attempt = running.attempt
        sought = Sought(attempt.id, attempt.address, attempt.digest, attempt.started_at)
        give_up_at = sought.since + timedelta(seconds=self._tuning.message_settle)
        while True:
            try:
                certainty, found = await channel.lookup(sought)
            except Exception as error:
                log.info("message_not_looked_up", attempt=attempt.id, error=repr(error))
            else:
                if certainty is Certainty.SENT and found is not None:
                    await self._sent(running, found)
                    return
                if certainty is Certainty.NOT_SENT:
                    # Tried again soon, through the gate, as a new attempt.
                    self._end(running, self._outcome("NO_PORTS", "the message never left"))
                    return
            if self._clock.utcnow() > give_up_at:
                break
            await asyncio.sleep(_ASK_AGAIN)
        self._end(running, self._outcome("OUTCOME_UNKNOWN", "the provider cannot say whether it left"))

    async def _sent(self, running: Running, sent: Sent) -> None:
        self._end(running, outcomes.of_message(sent, self._clock.utcnow()))
        if sent.extra.get("disable"):
            await self._disable(running, sent.code)

    async def _disable(self, running: Running, code: str) -> None:
        if running.attempt.address_id is not None:
            await asyncio.to_thread(effects.disable_address, self._database, running.attempt.address_id, code)

    async def _refused(self, running: Running, error: ChannelError) -> None:
        self._end(running, self._outcome(error.code, str(error)))
        if error.permanent:
            await self._disable(running, error.code)

    def _message(self, plan: JobPlan, action: Action, person: Person, attempt: NewAttempt) -> Message:
        values: dict[str, Any] = {**person.values, **self._addresses.values(plan, attempt.id)}
        sms = attempt.channel == Channel.SMS
        return Message(
            attempt_id=attempt.id,
            to=attempt.address,
            sender=attempt.sender,
            text=render(pick_language(action.texts, person.language), values),
            subject=render(pick_language(action.subjects, person.language), values),
            status_url=self._addresses.sms_status(attempt.id) if sms else "",
            unsubscribe_url="" if sms else self._addresses.unsubscribe(plan.organization_id, attempt.address),
        )

    def _outcome(self, code: str, reason: str) -> Outcome:
        return Outcome(code, self._clock.utcnow(), reason=reason)

    def _end(self, running: Running, outcome: Outcome) -> None:
        attempt = running.attempt
        if self._running.pop(attempt.id, None) is None:
            return
        now: datetime = self._clock.utcnow()
        self._recorder.finish(outcomes.finish(running, outcome, now))
        log.info(
            "attempt_ended",
            job=attempt.job_id,
            contact=attempt.contact_id,
            attempt=attempt.id,
            channel=attempt.channel,
            code=outcome.completion_code,
        )

    def _start(self, running: Running, work: Coroutine[Any, Any, None]) -> None:
        self._running[running.attempt.id] = running
        self.tasks.start(work, lambda error: self._broken(running, error))

    def _broken(self, running: Running, error: Exception) -> None:
        """A defect of ours on its way: whether it left cannot be told any more, so it is not made again."""
        note_failure("message", error, attempt=running.attempt.id)
        self._end(running, self._outcome("OUTCOME_UNKNOWN", f"a defect of Clarion: {type(error).__name__}"))
