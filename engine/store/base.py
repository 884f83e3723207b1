"""The `AttemptStore` port and its values.

What keeps a contact from being dialled twice: a row is claimed by one owner until a time; `begin` takes only rows
whose claim is still the caller's, and commits the attempt before it answers; of one organization, an address has one
attempt in progress at most, so two campaigns cannot reach the same person at once; `finish` does nothing where the
attempt was finished already. `owner` names one life of one engine.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def row(cls: type[T]) -> type[T]:
    """A frozen dataclass to the type checker, an open one at run time: rows are made by the thousand a second, and a
    frozen one takes three times as long to make."""
    return dataclass(slots=True)(cls)


@dataclass(frozen=True, slots=True)
class Share:
    """The lanes of one engine among several: those whose number modulo `count` is `index`."""

    index: int = 0
    count: int = 1


EVERYTHING = Share()


@row
class Claimed:
    """A due contact of a job, ours until the lease ends."""

    id: int
    job_id: int
    organization_id: int
    contact_id: int
    attempt_count: int
    strategy_state: Mapping[str, Any]
    last_code: str = ""


@row
class NewAttempt:
    """An attempt about to leave. `number` is the contact's attempt count plus one."""

    id: str
    organization_id: int
    job_id: int
    job_contact_id: int
    contact_id: int
    address_id: int | None
    number: int
    channel: str
    action: str
    address: str
    sender: str
    owner: str
    started_at: datetime
    media_server: str = ""
    boot_id: str = ""
    #: Of the message's text (channels.base.digest_of), for asking the provider after a lost reply.
    digest: str = ""
    #: What is dialled instead of the address, by the trunk it leaves by first.
    dialled: str = ""


@row
class Next:
    """What becomes of the job contact: due again at `due_at`, or done with `final_code`."""

    due_at: datetime
    strategy_state: Mapping[str, Any]
    last_code: str = ""
    final_code: str = ""

    @property
    def state(self) -> str:
        return "done" if self.final_code else "ready"


@dataclass(frozen=True, slots=True)
class Hold:
    """Why the contact must wait."""

    code: str = ""
    detail: str = ""
    until: datetime | None = None


NO_HOLD = Hold()


@row
class Parked:
    """A claimed contact given back without an attempt."""

    job_contact_id: int
    next: Next
    hold: Hold = NO_HOLD


@row
class Outcome:
    """How an attempt ended."""

    completion_code: str
    ended_at: datetime
    disposition: str = ""
    sip_status: int | None = None
    reason: str = ""
    provider_id: str = ""
    nuisance: bool = False
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    result: Mapping[str, Any] | None = None
    trace: Sequence[Mapping[str, str]] = field(default=())


@row
class FinishedAttempt:
    attempt_id: str
    job_contact_id: int
    contact_id: int
    number: int
    outcome: Outcome
    next: Next
    #: The person wants no more: listed as not to be contacted, together with the outcome.
    opts_out: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of an attempt under way."""

    attempt_id: str
    ringing_at: datetime | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An attempt whose engine is gone, now the caller's, with the state of its contact in the job."""

    attempt: NewAttempt
    strategy_state: Mapping[str, Any]


class ClaimStore(Protocol):
    """Who may act on which contact. Calls block: run them in a thread. Every method is one transaction."""

    def claim(
        self, job_id: int, owner: str, now: datetime, until: datetime, limit: int, share: Share = EVERYTHING
    ) -> list[Claimed]:
        """Lease contacts that are due, the longest due first."""
        ...

    def park(self, owner: str, parked: Sequence[Parked], now: datetime) -> None:
        """Give claimed contacts back with a next state; a claim that is no longer the owner's is left alone."""
        ...

    def release(self, owner: str, job_contact_ids: Collection[int] | None = None) -> int:
        """Give claims back as they were: those named, or all."""
        ...

    def reap(self, now: datetime, dead_owners: Collection[str] = (), limit: int = 1000) -> int:
        """Make contacts due again whose lease ran out, or whose owner is known to be dead."""
        ...

    def owners(self) -> set[str]:
        """Who holds contacts or has attempts in progress.

        Ask this first and for the living afterwards: who is in here and not among them is dead, not just born.
        """
        ...


class AttemptStore(ClaimStore, Protocol):
    """The attempts made of claims. The same rules."""

    def begin(self, attempts: Sequence[NewAttempt], now: datetime) -> set[str]:
        """Record attempts of claimed contacts. Answers the ids recorded; the others must not leave and stay claimed:
        the claim ran out, the job no longer runs, or another attempt to the address is in progress."""
        ...

    def progress(self, steps: Sequence[Progress]) -> None: ...

    def finish(self, finished: Sequence[FinishedAttempt], now: datetime) -> None:
        """Record outcomes and what follows, both or neither. An attempt that has its outcome keeps it."""
        ...

    def adopt(self, dead_owners: Collection[str], owner: str, limit: int = 200) -> list[Unfinished]:
        """Take over the attempts in progress of owners known to be dead."""
        ...
