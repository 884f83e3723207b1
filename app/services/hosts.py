"""Servers beside Clarion's own that an organization's scripts may fetch from, such as a card processor."""

from __future__ import annotations

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.models import AllowedHost
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.audit import record
from app.services.organizations import organization_for
from common.clock import utcnow
from common.errors import Refused
from common.origins import BadUrl, Origin, is_public, parse_origin

#: More would make each call's request long.
_MOST = 100
_NOTE = 255


def list_hosts(session: Session, actor: Actor) -> list[AllowedHost]:
    actor.require(Permission.SETTINGS_MANAGE)
    statement = scoped(select(AllowedHost), AllowedHost, actor)
    return list(session.scalars(statement.order_by(AllowedHost.organization_id, AllowedHost.origin)))


def allow_host(
    session: Session, actor: Actor, origin: str, note: str = "", organization_id: int | None = None
) -> AllowedHost:
    """From the next call on. Media servers connect to it at public addresses only."""
    actor.require(Permission.SETTINGS_MANAGE)
    home = organization_for(session, actor, organization_id)
    parsed = _public_origin(origin)
    if session.scalar(_row(home, parsed).limit(1)) is not None:
        raise Refused(f"origin: {parsed} is allowed already")
    if len(session.scalars(select(AllowedHost.id).where(AllowedHost.organization_id == home)).all()) >= _MOST:
        raise Refused(f"origin: an organization may name {_MOST} servers; remove one that is not used any more")
    host = AllowedHost(organization_id=home, origin=str(parsed), note=note.strip()[:_NOTE], created_at=utcnow())
    session.add(host)
    session.flush()
    record(session, actor, "allowed_host.create", host, after={"origin": host.origin, "note": host.note})
    return host


def remove_host(session: Session, actor: Actor, host_id: int) -> str:
    """From the next call on. Answers the origin."""
    actor.require(Permission.SETTINGS_MANAGE)
    host = get_scoped(session, actor, AllowedHost, host_id)
    origin = host.origin
    record(session, actor, "allowed_host.delete", host, before={"origin": origin, "note": host.note})
    session.delete(host)
    session.flush()
    return origin


def _row(organization_id: int, origin: Origin) -> Select[AllowedHost]:
    return select(AllowedHost).where(AllowedHost.organization_id == organization_id, AllowedHost.origin == str(origin))


def _parsed(origin: str) -> Origin:
    try:
        return parse_origin(origin.strip())
    except BadUrl as error:
        raise Refused(f"origin: {error}; write a server such as https://pay.example.com") from error


def _public_origin(origin: str) -> Origin:
    parsed = _parsed(origin)
    if parsed.host == "localhost" or (parsed.address is not None and not is_public(parsed.address)):
        raise Refused(
            f"origin: this is an address of a private network; only who runs the machine can allow {parsed}"
            " (CLARION_MEDIASERVER_ALLOW)"
        )
    return parsed
