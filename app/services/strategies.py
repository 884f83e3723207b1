"""Campaign strategies: drafts that may be broken, published revisions that never change."""

from __future__ import annotations

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.core.strategy.parser import MAX_BYTES, Problem, check, parse, shipped, shipped_names
from app.models import CompletionCode, RevisionState, Strategy, StrategyRevision
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.audit import record
from app.services.organizations import organization_for
from common.clock import utcnow
from common.errors import Refused


def list_strategies(session: Session, actor: Actor) -> list[Strategy]:
    actor.require(Permission.STRATEGIES_VIEW)
    return list(session.scalars(scoped(select(Strategy), Strategy, actor).order_by(Strategy.name)))


def get_strategy(session: Session, actor: Actor, strategy_id: int) -> Strategy:
    actor.require(Permission.STRATEGIES_VIEW)
    return get_scoped(session, actor, Strategy, strategy_id)


def list_revisions(session: Session, actor: Actor, strategy_id: int) -> list[StrategyRevision]:
    """Newest first."""
    strategy = get_strategy(session, actor, strategy_id)
    return list(
        session.scalars(
            select(StrategyRevision)
            .where(StrategyRevision.strategy_id == strategy.id)
            .order_by(StrategyRevision.number.desc())
        )
    )


def create_strategy(
    session: Session, actor: Actor, name: str, xml: str, description: str = "", organization_id: int | None = None
) -> Strategy:
    """A new strategy whose first revision is a draft; it may hold errors until it is published."""
    actor.require(Permission.STRATEGIES_EDIT)
    home = organization_for(session, actor, organization_id)
    name, description = name.strip(), description.strip()
    if not name or len(name) > 120 or not name.isprintable():
        raise Refused("name: give the strategy a name of 1 to 120 printable characters")
    if len(description) > 255:
        raise Refused("description: 255 characters at most")
    if session.scalar(select(Strategy.id).where(Strategy.organization_id == home, Strategy.name == name)) is not None:
        raise Refused(f"name: there is a strategy named {name!r} already")
    strategy = Strategy(organization_id=home, name=name, description=description, created_at=utcnow())
    session.add(strategy)
    session.flush()
    record(session, actor, "strategy.create", strategy, after={"name": name})
    add_draft(session, actor, strategy.id, xml)
    return strategy


def add_draft(session: Session, actor: Actor, strategy_id: int, xml: str) -> StrategyRevision:
    actor.require(Permission.STRATEGIES_EDIT)
    strategy = get_strategy(session, actor, strategy_id)
    _refuse_unstorable(xml)
    highest = select(func.max(StrategyRevision.number)).where(StrategyRevision.strategy_id == strategy.id)
    revision = StrategyRevision(
        organization_id=strategy.organization_id,
        strategy_id=strategy.id,
        number=(session.scalar(highest) or 0) + 1,
        xml=xml,
        created_at=utcnow(),
    )
    session.add(revision)
    session.flush()
    record(session, actor, "strategy.draft", strategy, after={"revision": revision.number})
    return revision


def publish(session: Session, actor: Actor, revision_id: int) -> StrategyRevision:
    """Raise StrategyError (a Refused with every problem and its line) while it is broken."""
    actor.require(Permission.STRATEGIES_EDIT)
    revision = get_scoped(session, actor, StrategyRevision, revision_id)
    if revision.state == RevisionState.PUBLISHED:
        return revision
    parse(revision.xml, known_codes(session, revision.organization_id))
    revision.state = RevisionState.PUBLISHED
    revision.published_at = utcnow()
    session.flush()
    record(session, actor, "strategy.publish", revision, after={"revision": revision.number})
    return revision


def get_revision(session: Session, actor: Actor, revision_id: int) -> StrategyRevision:
    actor.require(Permission.STRATEGIES_VIEW)
    return get_scoped(session, actor, StrategyRevision, revision_id)


def problems_of(session: Session, revision: StrategyRevision) -> tuple[Problem, ...]:
    """What stands in the way of publishing it, by line."""
    return check(revision.xml, known_codes(session, revision.organization_id))


def known_codes(session: Session, organization_id: int) -> set[str]:
    """Names of the system's codes and of the organization's own."""
    mine = CompletionCode.organization_id == organization_id
    return set(session.scalars(select(CompletionCode.name).where(or_(mine, CompletionCode.organization_id.is_(None)))))


def ensure_shipped(session: Session, actor: Actor, organization_id: int) -> None:
    """Give an organization the strategies that Clarion ships, published; its own edits are left alone."""
    present = set(session.scalars(select(Strategy.name).where(Strategy.organization_id == organization_id)))
    for key in shipped_names():
        strategy_xml = shipped(key)
        model = parse(strategy_xml)
        if model.name in present:
            continue
        strategy = create_strategy(session, actor, model.name, strategy_xml, model.description, organization_id)
        publish(session, actor, list_revisions(session, actor, strategy.id)[0].id)


def _refuse_unstorable(xml: str) -> None:
    """What a database cannot keep as text, or what is far too much; all else may be a draft."""
    if not xml.strip():
        raise Refused("xml: write the strategy")
    if len(xml.encode("utf-8", "replace")) > MAX_BYTES:
        raise Refused(f"xml: larger than {MAX_BYTES // 1024} KB; split it")
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in xml):
        raise Refused("xml: remove the characters that are no text")
