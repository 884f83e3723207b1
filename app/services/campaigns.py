"""Campaigns: what a job runs, checked as a whole before it is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.models import (
    CallingWindow,
    Campaign,
    ContactList,
    FilterTemplate,
    RevisionState,
    Script,
    Strategy,
    StrategyRevision,
    Trunk,
)
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.audit import record
from app.services.consents import checked_purpose
from app.services.organizations import organization_for
from app.services.scripts import latest_published
from app.services.sharing import lists_of
from common.classification import AnswerRules, Mode
from common.clock import utcnow
from common.errors import Refused
from pacing.agentless import refuse_beyond_most

PACING_MODES = ("none", "timed", "ports")
PACING_PERIODS = ("second", "minute", "hour")
_Owned = TypeVar("_Owned", CallingWindow, FilterTemplate, Strategy, Script)
#: Bytes that networks carry in User-to-User (ITU-T Q.931).
_LONGEST_UUI = 128
_CALLER_ID = re.compile(r"\+?\d{3,15}")


@dataclass(frozen=True, slots=True)
class CampaignFields:
    """A campaign as a person fills it in. Ids are those of the same organization (or a common trunk)."""

    name: str
    contact_list_id: int
    strategy_id: int
    calling_window_id: int
    trunk_id: int
    caller_id: str
    script_id: int | None = None
    #: A filter template's; None is everybody of the list.
    filter_id: int | None = None
    display_name: str = ""
    #: As in `common.control.CallerIdentity`.
    asserted: str = ""
    private: bool = False
    diversion: str = ""
    user_to_user: str = ""
    #: Fields of `common.classification.AnswerRules`.
    answer: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""
    pacing: Mapping[str, Any] = field(default_factory=lambda: {"mode": "none"})
    senders: Mapping[str, Any] = field(default_factory=dict)
    #: What people must have given consent for, by the channel used; "" asks for none.
    consent_purpose: str = ""


def list_campaigns(session: Session, actor: Actor) -> list[Campaign]:
    actor.require(Permission.CAMPAIGNS_VIEW)
    return list(session.scalars(scoped(select(Campaign), Campaign, actor).order_by(Campaign.name)))


def get_campaign(session: Session, actor: Actor, campaign_id: int) -> Campaign:
    actor.require(Permission.CAMPAIGNS_VIEW)
    return get_scoped(session, actor, Campaign, campaign_id)


def find_campaign(session: Session, actor: Actor, name: str) -> Campaign:
    actor.require(Permission.CAMPAIGNS_VIEW)
    found = session.scalars(scoped(select(Campaign), Campaign, actor).where(Campaign.name == name)).all()
    if len(found) == 1:
        return found[0]
    names = [campaign.name for campaign in list_campaigns(session, actor)]
    known = f"the campaigns are {', '.join(map(repr, names))}" if names else "there are no campaigns yet"
    raise Refused(f"campaign {name!r}: {'several have that name' if found else f'there is none; {known}'}")


def create_campaign(
    session: Session, actor: Actor, fields: CampaignFields, organization_id: int | None = None
) -> Campaign:
    actor.require(Permission.CAMPAIGNS_EDIT)
    home = organization_for(session, actor, organization_id)
    values = checked(session, home, fields)
    _refuse_taken_name(session, home, fields.name.strip(), None)
    now = utcnow()
    campaign = Campaign(organization_id=home, created_at=now, updated_at=now, **values)
    session.add(campaign)
    session.flush()
    record(session, actor, "campaign.create", campaign, after={"name": campaign.name})
    return campaign


def update_campaign(session: Session, actor: Actor, campaign_id: int, fields: CampaignFields) -> Campaign:
    """Running jobs keep the settings they started with."""
    actor.require(Permission.CAMPAIGNS_EDIT)
    campaign = get_campaign(session, actor, campaign_id)
    values = checked(session, campaign.organization_id, fields)
    _refuse_taken_name(session, campaign.organization_id, fields.name.strip(), campaign.id)
    before = {name: getattr(campaign, name) for name in values}
    for name, value in values.items():
        setattr(campaign, name, value)
    campaign.updated_at = utcnow()
    session.flush()
    changed = {name for name, value in values.items() if before[name] != value}
    record(
        session,
        actor,
        "campaign.update",
        campaign,
        before={name: before[name] for name in changed},
        after={name: values[name] for name in changed},
    )
    return campaign


def checked(session: Session, organization_id: int, fields: CampaignFields) -> dict[str, Any]:
    """The column values, or Refused naming the first field that is wrong and how to mend it."""
    if not fields.name.strip():
        raise Refused("name: give the campaign a name")
    if not _CALLER_ID.fullmatch(fields.caller_id.strip()):
        raise Refused("caller_id: use + and 3 to 15 digits; it is the number people see and call back")
    window = _mine(session, CallingWindow, fields.calling_window_id, organization_id, "calling_window_id")
    trunk = session.scalar(
        select(Trunk).where(
            Trunk.id == fields.trunk_id,
            or_(Trunk.organization_id == organization_id, Trunk.organization_id.is_(None)),
        )
    )
    if trunk is None:
        raise Refused("trunk_id: choose one of the trunks listed")
    if window.always_open and not trunk.simulated:
        raise Refused(
            f"calling_window_id: {window.name!r} is open around the clock, which only a simulated trunk accepts; "
            "choose a window with lawful hours"
        )
    _list(session, fields.contact_list_id, organization_id)
    if fields.filter_id is not None:
        _mine(session, FilterTemplate, fields.filter_id, organization_id, "filter_id")
    _mine(session, Strategy, fields.strategy_id, organization_id, "strategy_id")
    if fields.script_id is not None:
        _mine(session, Script, fields.script_id, organization_id, "script_id")
    elif not fields.message.strip():
        raise Refused("script_id: choose a script, or write the message to be spoken")
    return {
        "name": fields.name.strip(),
        "contact_list_id": fields.contact_list_id,
        "filter_id": fields.filter_id,
        "script_id": fields.script_id,
        "strategy_id": fields.strategy_id,
        "calling_window_id": fields.calling_window_id,
        "trunk_id": fields.trunk_id,
        "caller_id": fields.caller_id.strip(),
        "display_name": fields.display_name.strip(),
        "identity": _identity(fields),
        "answer": _answer(fields),
        "message": fields.message.strip(),
        "pacing": checked_pacing(fields.pacing),
        "senders": dict(fields.senders),
        "consent_purpose": _purpose(fields.consent_purpose),
    }


def _answer(fields: CampaignFields) -> dict[str, Any]:
    """Only what is told of rules that listen at all. Raise Refused naming the field."""
    rules = AnswerRules.from_json(fields.answer)
    return {} if rules.mode is Mode.OFF else dict(fields.answer)


def _purpose(text: str) -> str:
    try:
        return checked_purpose(text) if text.strip() else ""
    except Refused as error:
        raise Refused(f"consent_{error}") from error


def _identity(fields: CampaignFields) -> dict[str, Any]:
    """What is said beyond the caller ID. Raise Refused naming the field."""
    for name in ("asserted", "diversion"):
        number = getattr(fields, name).strip()
        if number and not _CALLER_ID.fullmatch(number):
            raise Refused(f"{name}: use + and 3 to 15 digits")
    if len(fields.user_to_user.encode()) > _LONGEST_UUI or not fields.user_to_user.isprintable():
        raise Refused(f"user_to_user: {_LONGEST_UUI} bytes of printable text at most")
    chosen = {
        "asserted": fields.asserted.strip(),
        "private": fields.private,
        "diversion": fields.diversion.strip(),
        "user_to_user": fields.user_to_user,
    }
    return {name: value for name, value in chosen.items() if value}


def checked_pacing(pacing: Mapping[str, Any]) -> dict[str, Any]:
    mode = pacing.get("mode", "none")
    if mode not in PACING_MODES:
        raise Refused(f"pacing: the modes are {', '.join(PACING_MODES)}")
    checked = {**_checked_pace(pacing, mode), **_checked_sharing(pacing)}
    refuse_beyond_most(checked, "pacing ")
    return checked


def _checked_sharing(pacing: Mapping[str, Any]) -> dict[str, Any]:
    """What the job is among others on the same ports and trunks; what is as usual is left out."""
    chosen: dict[str, Any] = {}
    if pacing.get("weight", 1) != 1:
        chosen["weight"] = _positive(pacing["weight"], "pacing weight")
    for name, most in (("priority", 9), ("reserved", 100_000), ("minimum", 100_000), ("maximum", 100_000)):
        value = pacing.get(name) or 0
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise Refused(f"pacing {name}: give a whole number from 0 to {most}")
        if value:
            chosen[name] = value
    return chosen


def _checked_pace(pacing: Mapping[str, Any], mode: str) -> dict[str, Any]:
    if mode == "none":
        return {"mode": "none"}
    if mode == "ports":
        return {"mode": "ports", "ports": _positive(pacing.get("ports"), "pacing ports")}
    period = pacing.get("per", "second")
    if period not in PACING_PERIODS:
        raise Refused(f"pacing per: use {', '.join(PACING_PERIODS)}")
    return {"mode": "timed", "rate": _positive(pacing.get("rate"), "pacing rate"), "per": period}


def startable(session: Session, campaign: Campaign) -> tuple[int | None, int]:
    """The script revision (None: the spoken message) and strategy revision a new job pins; Refused when one lacks."""
    _list(session, campaign.contact_list_id, campaign.organization_id)
    # It may have been kept before this was asked for.
    refuse_beyond_most(campaign.pacing, "pacing ")
    script_revision = None
    if campaign.script_id is not None:
        published = latest_published(session, campaign.script_id)
        if published is None:
            raise Refused("the script has no published revision; publish one first")
        script_revision = published.id
    strategy_revision = session.scalar(
        select(StrategyRevision.id)
        .where(
            StrategyRevision.strategy_id == campaign.strategy_id,
            StrategyRevision.state == RevisionState.PUBLISHED,
        )
        .order_by(StrategyRevision.number.desc())
        .limit(1)
    )
    if strategy_revision is None:
        raise Refused("the strategy has no published revision; publish one first")
    return script_revision, strategy_revision


def _positive(value: Any, name: str) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if not 1 <= number <= 1_000_000:
        raise Refused(f"{name}: give a whole number from 1 to 1,000,000")
    return number


def _list(session: Session, key: int, organization_id: int) -> ContactList:
    """The organization's own, or one that is shared with it."""
    found = session.scalar(select(ContactList).where(ContactList.id == key, lists_of(organization_id)))
    if found is None:
        raise Refused("contact_list_id: choose one that belongs to this organization, or is shared with it")
    return found


def _mine(session: Session, model: type[_Owned], key: int, organization_id: int, name: str) -> _Owned:
    found = session.scalar(select(model).where(model.id == key, model.organization_id == organization_id))
    if found is None:
        raise Refused(f"{name}: choose one that belongs to this organization")
    return found


def _refuse_taken_name(session: Session, organization_id: int, name: str, own_id: int | None) -> None:
    taken = session.scalar(
        select(Campaign.id).where(Campaign.organization_id == organization_id, Campaign.name == name)
    )
    if taken is not None and taken != own_id:
        raise Refused(f"name: there is a campaign named {name!r} already")
