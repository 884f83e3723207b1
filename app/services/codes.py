"""Completion codes: the system's, and those an organization adds with the same flags."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from dataclasses import fields as fields_of

from sqlalchemy import Engine, or_, select
from sqlalchemy.orm import Session

from app.core.completion import SYSTEM_CODES
from app.db import read_transaction, write_transaction
from app.models import Attempt, CompletionCode, Job, JobContact, Strategy, StrategyRevision
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.audit import record
from app.services.organizations import organization_for
from common.errors import Refused

_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Flags:
    """What a code says about the attempt that got it (docs/reference/completion-codes.md)."""

    human: bool = False
    rpc: bool = False
    success: bool = False
    closure: bool = False
    nuisance: bool = False
    counts_as_attempt: bool = False
    do_not_call: bool = False
    retry: bool = False


FLAGS = tuple(field.name for field in fields_of(Flags))


def list_codes(session: Session, actor: Actor) -> list[CompletionCode]:
    """The organization's own codes."""
    actor.require(Permission.STRATEGIES_VIEW)
    own = scoped(select(CompletionCode), CompletionCode, actor).where(CompletionCode.organization_id.is_not(None))
    return list(session.scalars(own.order_by(CompletionCode.name, CompletionCode.id)))


def list_system_codes(session: Session, actor: Actor) -> list[CompletionCode]:
    actor.require(Permission.STRATEGIES_VIEW)
    found = {
        row.name: row for row in session.scalars(select(CompletionCode).where(CompletionCode.organization_id.is_(None)))
    }
    return [found[name] for name in SYSTEM_CODES if name in found]


def get_code(session: Session, actor: Actor, code_id: int) -> CompletionCode:
    actor.require(Permission.STRATEGIES_VIEW)
    return get_scoped(session, actor, CompletionCode, code_id)


def create_code(
    session: Session,
    actor: Actor,
    name: str,
    flags: Flags,
    description: str = "",
    organization_id: int | None = None,
) -> CompletionCode:
    """Scripts and strategies may name it from now on. The name never changes."""
    actor.require(Permission.STRATEGIES_EDIT)
    home = organization_for(session, actor, organization_id)
    name = name.strip().upper()
    if not _NAME.fullmatch(name):
        raise Refused("name: use capital letters, digits and _, beginning with a letter, such as PROMISE_TO_PAY")
    if name in SYSTEM_CODES:
        raise Refused(f"name: {name} is a code of the system; choose another")
    taken = select(CompletionCode.id).where(CompletionCode.organization_id == home, CompletionCode.name == name)
    if session.scalar(taken) is not None:
        raise Refused(f"name: there is a code named {name} already")
    values = {"description": _description(description), **asdict(_consistent(flags))}
    code = CompletionCode(organization_id=home, name=name, **values)
    session.add(code)
    session.flush()
    record(session, actor, "completion_code.create", code, after={"name": name, **values})
    return code


def update_code(session: Session, actor: Actor, code_id: int, flags: Flags, description: str) -> CompletionCode:
    """Holds for past attempts too: reports count by the flags as they are now."""
    actor.require(Permission.STRATEGIES_EDIT)
    code = _own(session, actor, code_id)
    values = {"description": _description(description), **asdict(_consistent(flags))}
    changed = {name: value for name, value in values.items() if getattr(code, name) != value}
    before = {name: getattr(code, name) for name in changed}
    for name, value in changed.items():
        setattr(code, name, value)
    session.flush()
    record(session, actor, "completion_code.update", code, before=before, after=changed)
    return code


def delete_code(engine: Engine, actor: Actor, code_id: int) -> None:
    """Refused once a strategy names it or an attempt has it.

    Attempts are looked through before the writing transaction: there may be millions of them.
    """
    actor.require(Permission.STRATEGIES_EDIT)
    with read_transaction(engine) as session:
        code = _own(session, actor, code_id)
        _refuse_named(session, code)
        _refuse_given(session, code)
    with write_transaction(engine) as session:
        code = _own(session, actor, code_id)
        _refuse_named(session, code)
        record(session, actor, "completion_code.delete", code, before={"name": code.name})
        session.delete(code)


def _own(session: Session, actor: Actor, code_id: int) -> CompletionCode:
    code = get_code(session, actor, code_id)
    if code.organization_id is None:
        raise Refused(f"name: {code.name} is a code of the system and never changes")
    return code


def _consistent(flags: Flags) -> Flags:
    if flags.rpc and not flags.human:
        raise Refused("rpc: a right party is a person who answered; tick that too")
    if flags.closure and flags.retry:
        raise Refused("retry: a code that closes the contact is not tried again; untick one of the two")
    return flags


def _description(text: str) -> str:
    text = text.strip()
    if len(text) > 255 or not text.isprintable():
        raise Refused("description: 255 printable characters at most")
    return text


def _refuse_named(session: Session, code: CompletionCode) -> None:
    rows = session.execute(
        select(Strategy.name, StrategyRevision.number, StrategyRevision.xml)
        .join(StrategyRevision, StrategyRevision.strategy_id == Strategy.id)
        .where(Strategy.organization_id == code.organization_id, StrategyRevision.xml.contains(code.name))
        .order_by(StrategyRevision.number.desc())
    )
    word = re.compile(rf"\b{code.name}\b")
    for strategy, number, xml in rows:
        if word.search(xml):
            raise Refused(f"the strategy {strategy!r} names {code.name} in revision {number}; the code stays")


def _refuse_given(session: Session, code: CompletionCode) -> None:
    mine = select(Job.id).where(Job.organization_id == code.organization_id)
    attempt = select(Attempt.id).where(Attempt.job_id.in_(mine), Attempt.completion_code == code.name).limit(1)
    contact = (
        select(JobContact.id)
        .where(JobContact.job_id.in_(mine), or_(JobContact.final_code == code.name, JobContact.last_code == code.name))
        .limit(1)
    )
    if session.scalar(attempt) is not None or session.scalar(contact) is not None:
        raise Refused(f"attempts ended with {code.name}, and reports count them by it; the code stays")
