"""What a campaign may be made of: the things a person chooses from, of one organization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import (
    CallingWindow,
    FilterTemplate,
    RevisionState,
    Script,
    ScriptRevision,
    Strategy,
    StrategyRevision,
    Trunk,
)
from app.security.access import Actor, Permission, scoped
from app.services.lists import list_lists, list_names


@dataclass(frozen=True, slots=True)
class Choice:
    """`note` says what a person should know before choosing it."""

    id: int
    name: str
    note: str = ""

    @property
    def label(self) -> str:
        return f"{self.name} ({self.note})" if self.note else self.name


@dataclass(frozen=True, slots=True)
class Choices:
    contact_lists: Sequence[Choice]
    filters: Sequence[Choice]
    scripts: Sequence[Choice]
    strategies: Sequence[Choice]
    calling_windows: Sequence[Choice]
    trunks: Sequence[Choice]

    @property
    def missing(self) -> list[str]:
        """What must exist before a campaign can be made, in words."""
        needed = {
            "a contact list": self.contact_lists,
            "a strategy": self.strategies,
            "a calling window": self.calling_windows,
            "a trunk": self.trunks,
        }
        return [name for name, found in needed.items() if not found]


def campaign_choices(session: Session, actor: Actor, *, counted: bool = True) -> Choices:
    """`counted` tells lists by the number of their contacts too, which takes a while for millions."""
    actor.require(Permission.CAMPAIGNS_VIEW)
    return Choices(
        contact_lists=_lists(session, actor)
        if counted
        else [Choice(key, name) for key, name in list_names(session, actor)],
        filters=[
            Choice(row.id, row.name)
            for row in session.scalars(
                scoped(select(FilterTemplate), FilterTemplate, actor).order_by(FilterTemplate.name)
            )
        ],
        scripts=_scripts(session, actor),
        strategies=_strategies(session, actor),
        calling_windows=[
            Choice(row.id, row.name, "simulated trunk only" if row.always_open else "")
            for row in session.scalars(scoped(select(CallingWindow), CallingWindow, actor).order_by(CallingWindow.name))
        ],
        trunks=[
            Choice(row.id, row.name, ", ".join(_of_trunk(row)))
            for row in session.scalars(
                scoped(select(Trunk), Trunk, actor, include_common=True).order_by(Trunk.name, Trunk.id)
            )
        ],
    )


def _of_trunk(trunk: Trunk) -> list[str]:
    return [*(["simulated"] if trunk.simulated else []), *([f"group {trunk.route}"] if trunk.route else [])]


def _lists(session: Session, actor: Actor) -> list[Choice]:
    return [
        Choice(
            row.contact_list.id,
            row.contact_list.name,
            f"{row.contacts:,} contacts".replace(",", " ") + (f", shared by {row.owner}" if row.owner else ""),
        )
        for row in list_lists(session, actor)
    ]


def _scripts(session: Session, actor: Actor) -> list[Choice]:
    published = (
        select(func.max(ScriptRevision.number))
        .where(ScriptRevision.script_id == Script.id, ScriptRevision.state == RevisionState.PUBLISHED)
        .scalar_subquery()
    )
    rows = session.execute(scoped(select(Script.id, Script.name, published), Script, actor).order_by(Script.name))
    return [
        Choice(key, name, f"revision {number}" if number else "nothing published yet") for key, name, number in rows
    ]


def _strategies(session: Session, actor: Actor) -> list[Choice]:
    published = (
        select(func.max(StrategyRevision.number))
        .where(StrategyRevision.strategy_id == Strategy.id, StrategyRevision.state == RevisionState.PUBLISHED)
        .scalar_subquery()
    )
    rows = session.execute(
        scoped(select(Strategy.id, Strategy.name, published), Strategy, actor).order_by(Strategy.name)
    )
    return [Choice(key, name, "" if number else "nothing published yet") for key, name, number in rows]
