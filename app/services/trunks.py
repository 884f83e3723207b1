"""Trunks: where calls leave. An organization has its own; those without organization serve all."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.phone import is_country
from app.models import CallingWindow, Campaign, DialingRuleRow, Trunk
from app.security.access import Actor, Permission, get_scoped, scoped
from app.security.secrets import Vault
from app.services.audit import record
from app.services.organizations import organization_for
from app.services.usage import Use, use_of
from common.control import LINES
from common.errors import Refused
from common.gateways import Gateway
from common.loopback import is_loopback
from common.media_terms import check_keys, check_ptime, check_srtp

#: Fields about the audio, as in `common.control.Trunk`.
MEDIA = ("ptime", "keys", "srtp", "g722")
TRANSPORTS = ("udp", "tcp", "tls", "dns")
_HOST = re.compile(
    r"(?=.{1,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_LOGIN = re.compile(r"[^\s\"\\<>;,\x00-\x1f\x7f]{0,120}")
_LONGEST_PASSWORD = 120
_LONGEST_ROUTE = 64
_HIGHEST = 1000
_PREFIX = re.compile(r"\+?[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class TrunkFields:
    """A trunk as a person fills it in. `password` None keeps the one there is, "" removes it."""

    name: str
    host: str
    port: int = 5060
    transport: str = "udp"
    line: str = "native"
    username: str = ""
    password: str | None = None
    max_channels: int = 100
    calls_per_second: int = 10
    simulated: bool = False
    #: Signalling beyond the address, as in `common.control.Trunk`.
    proxy: str = ""
    gateways: tuple[str, ...] = ()
    redirects: tuple[str, ...] = ()
    transfers: tuple[str, ...] = ()
    domain: str = ""
    register: bool = False
    #: Its group's name, "" for none; the lowest priority goes first, the weight is the share of calls among equals.
    route: str = ""
    priority: int = 0
    weight: int = 1
    ptime: int = 20
    keys: str = "auto"
    srtp: str = "off"
    g722: bool = False
    #: ISO 3166, "" for not said: what is dialled there is looked at by this country's numbering plan.
    country: str = ""


def list_trunks(session: Session, actor: Actor) -> list[Trunk]:
    """The actor's own and the common ones."""
    actor.require(Permission.SETTINGS_MANAGE)
    statement = scoped(select(Trunk), Trunk, actor, include_common=True)
    return list(session.scalars(statement.order_by(Trunk.name, Trunk.id)))


def get_trunk(session: Session, actor: Actor, trunk_id: int) -> Trunk:
    actor.require(Permission.SETTINGS_MANAGE)
    return get_scoped(session, actor, Trunk, trunk_id, include_common=True)


def trunk_use(session: Session, actor: Actor, trunk_id: int) -> Use:
    """Campaigns and running jobs of the trunk; a common trunk's are told to global actors only."""
    trunk = get_trunk(session, actor, trunk_id)
    return use_of(session, Campaign.trunk_id, trunk.id) if may_change(actor, trunk) else Use()


def may_change(actor: Actor, trunk: Trunk) -> bool:
    return actor.may(Permission.SETTINGS_MANAGE) and actor.organization_id in (None, trunk.organization_id)


def create_trunk(
    session: Session,
    actor: Actor,
    fields: TrunkFields,
    vault: Vault,
    organization_id: int | None = None,
    *,
    common: bool = False,
) -> Trunk:
    """A `common` trunk serves every organization and needs a global actor."""
    actor.require(Permission.SETTINGS_MANAGE)
    if common:
        actor.require_global()
    home = None if common else organization_for(session, actor, organization_id)
    values = checked(fields, vault, has_password=False)
    _refuse_taken_name(session, home, values["name"], None)
    trunk = Trunk(organization_id=home, **values)
    session.add(trunk)
    session.flush()
    _refuse_mixed_group(session, trunk)
    record(session, actor, "trunk.create", trunk, after=values)
    return trunk


def update_trunk(session: Session, actor: Actor, trunk_id: int, fields: TrunkFields, vault: Vault) -> Trunk:
    """Holds from the next call on, running jobs included: engines read trunks live."""
    trunk = _changeable(session, actor, trunk_id)
    values = checked(fields, vault, has_password=bool(trunk.password_encrypted))
    _refuse_taken_name(session, trunk.organization_id, values["name"], trunk.id)
    if trunk.simulated and not values["simulated"]:
        _refuse_around_the_clock(session, trunk)
    changed = {name: value for name, value in values.items() if getattr(trunk, name) != value}
    before = {name: getattr(trunk, name) for name in changed}
    for name, value in changed.items():
        setattr(trunk, name, value)
    session.flush()
    _refuse_mixed_group(session, trunk)
    record(session, actor, "trunk.update", trunk, before=before, after=changed)
    return trunk


def delete_trunk(session: Session, actor: Actor, trunk_id: int) -> None:
    """Refused while a campaign, a running job or a dialing rule uses it."""
    trunk = _changeable(session, actor, trunk_id)
    use = use_of(session, Campaign.trunk_id, trunk.id)
    if use.words:
        raise Refused(f"the trunk {trunk.name!r} is used by {use.words}; take another trunk there first")
    if session.scalar(select(DialingRuleRow.id).where(DialingRuleRow.trunk_id == trunk.id).limit(1)) is not None:
        raise Refused(f"the trunk {trunk.name!r} has dialing rules of its own; delete those first, under Numbers")
    record(session, actor, "trunk.delete", trunk, before={"name": trunk.name, "host": trunk.host})
    session.delete(trunk)
    session.flush()


def resume_trunk(session: Session, actor: Actor, trunk_id: int) -> Trunk:
    """Let calls leave again by a trunk that a fault has paused."""
    trunk = _changeable(session, actor, trunk_id)
    if trunk.paused_until is not None:
        reason = trunk.paused_reason
        trunk.paused_until, trunk.paused_reason = None, ""
        session.flush()
        record(session, actor, "trunk.resume", trunk, before={"reason": reason})
    return trunk


def checked(fields: TrunkFields, vault: Vault, *, has_password: bool) -> dict[str, Any]:
    """The column values, or Refused naming the first field that is wrong and how to mend it."""
    name, host, username = fields.name.strip(), fields.host.strip().lower(), fields.username.strip()
    if not name or len(name) > 120 or not name.isprintable():
        raise Refused("name: give 1 to 120 printable characters")
    _check_host(host)
    _check_port(fields, host)
    if fields.line not in LINES:
        raise Refused(f"line: use one of {', '.join(LINES)}")
    if fields.transport not in TRANSPORTS:
        raise Refused(f"transport: use one of {', '.join(TRANSPORTS)}")
    if fields.line == "pyvoip" and fields.transport != "udp":
        raise Refused("line: pyVoIP speaks UDP only; take the native line, or UDP")
    if not _LOGIN.fullmatch(username):
        raise Refused("username: 120 characters at most, without spaces, quotes, commas, semicolons and < >")
    if fields.password and (len(fields.password) > _LONGEST_PASSWORD or not fields.password.isprintable()):
        raise Refused(f"password: {_LONGEST_PASSWORD} printable characters at most")
    keeps = fields.password is None
    if not username and (fields.password or (keeps and has_password)):
        raise Refused("username: a password needs a login; give one, or remove the password")
    _check_range("max_channels", fields.max_channels, 100_000)
    _check_range("calls_per_second", fields.calls_per_second, 1000)
    if fields.simulated and not is_loopback(host):
        raise Refused(
            f"simulated: {host} may reach real telephones; a simulated trunk leads to this machine, such as 127.0.0.1"
        )
    country = fields.country.strip().upper()
    if country and not is_country(country):
        raise Refused(f"country: {country} is no country; write two letters such as US, or leave it empty")
    values: dict[str, Any] = {
        "signalling": _signalling(fields),
        "name": name,
        "host": host,
        "port": fields.port,
        "transport": fields.transport,
        "line": fields.line,
        "username": username,
        "max_channels": fields.max_channels,
        "calls_per_second": fields.calls_per_second,
        "simulated": fields.simulated,
        "route": _route(fields),
        "priority": fields.priority,
        "weight": fields.weight,
        "country": country,
    }
    if fields.password is not None:
        values["password_encrypted"] = vault.encrypt(fields.password)
    return values


def _route(fields: TrunkFields) -> str:
    route = " ".join(fields.route.split())
    if len(route) > _LONGEST_ROUTE:
        raise Refused(f"route: use at most {_LONGEST_ROUTE} characters")
    if route and fields.line == "pyvoip":
        raise Refused("route: pyVoIP passes no call on to another trunk; take the native line")
    for name, value in (("priority", fields.priority), ("weight", fields.weight)):
        if not 0 <= value <= _HIGHEST:
            raise Refused(f"{name}: give a whole number from 0 to {_HIGHEST}")
    return route


def _refuse_mixed_group(session: Session, trunk: Trunk) -> None:
    """Whether calls reach real telephones must not depend on which trunk of a group is free."""
    if not trunk.route:
        return
    home = Trunk.organization_id
    same = home.is_(None) if trunk.organization_id is None else home == trunk.organization_id
    other = session.scalar(
        select(Trunk.name).where(same, Trunk.route == trunk.route, Trunk.simulated != trunk.simulated).limit(1)
    )
    if other is not None:
        raise Refused(
            f"route: {other!r} of this group is {'not ' if trunk.simulated else ''}simulated; "
            "a group has either simulated trunks or real ones"
        )


def _check_port(fields: TrunkFields, host: str) -> None:
    """Port 0 has DNS find the servers, which needs a name to ask for."""
    if fields.port or is_address(host) or fields.line == "pyvoip":
        _check_range("port", fields.port, 65_535)


def _signalling(fields: TrunkFields) -> dict[str, Any]:
    """What differs from the usual. Raise Refused naming the field."""
    proxy, domain = fields.proxy.strip().lower(), fields.domain.strip().lower()
    for gateway in (*fields.gateways, *([proxy] if proxy else [])):
        try:
            _check_host(Gateway.parse(gateway).host.strip("[]"))
        except ValueError as error:
            raise Refused(f"{'proxy' if gateway == proxy else 'gateways'}: {error}") from None
        except Refused as error:
            raise Refused(f"gateways: {str(error).partition(': ')[2]}") from None
    if ";" in proxy:
        raise Refused("proxy: write HOST or HOST:PORT")
    for entry in fields.redirects:
        if not _PREFIX.fullmatch(entry) and not is_address(entry):
            raise Refused(f"redirects: {entry!r} is neither a number prefix such as +1212 nor an IP address")
    for entry in fields.transfers:
        if not _PREFIX.fullmatch(entry) and entry != "+":
            try:
                _check_host(entry)
            except Refused:
                raise Refused(f"transfers: {entry!r} is neither a number prefix such as +1212 nor a host") from None
    if domain:
        _check_host(domain)
    if fields.register and not fields.username:
        raise Refused("register: a registration needs a login")
    if fields.line == "pyvoip" and (proxy or fields.gateways or fields.redirects or domain or fields.register):
        raise Refused(
            "line: pyVoIP knows no proxy, gateways, redirections, domain or registration; take the native line"
        )
    media = _media(fields)
    if fields.line != "native" and media:
        raise Refused(f"{next(iter(media))}: the line {fields.line} keeps to the usual; take the native line")
    if fields.line == "asterisk" and (fields.gateways or fields.redirects or fields.register):
        raise Refused("line: gateways, redirections and registration are set in Asterisk itself; take the native line")
    chosen = {
        "proxy": proxy,
        "gateways": list(fields.gateways),
        "redirects": list(fields.redirects),
        "transfers": list(fields.transfers),
        "domain": domain,
        "register": fields.register,
    }
    return {**{name: value for name, value in chosen.items() if value}, **media}


def _media(fields: TrunkFields) -> dict[str, Any]:
    """What differs from the usual."""
    check_ptime(fields.ptime)
    check_keys(fields.keys)
    check_srtp(fields.srtp)
    usual = TrunkFields(name="", host="")
    return {name: getattr(fields, name) for name in MEDIA if getattr(fields, name) != getattr(usual, name)}


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _check_host(host: str) -> None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # A name of figures and dots alone is a mistyped address, and resolvers read it in surprising ways.
        if _HOST.fullmatch(host) and not re.fullmatch(r"[\d.]+", host):
            return
        raise Refused(
            f"host: {host!r} is neither a host name nor an IP address; write such as sip.example.com"
        ) from None
    if address.is_unspecified or address.is_multicast:
        raise Refused(f"host: {host} is no address to call; write the carrier's, such as sip.example.com")


def _check_range(name: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise Refused(f"{name}: give a whole number from 1 to {most:,}")


def _changeable(session: Session, actor: Actor, trunk_id: int) -> Trunk:
    trunk = get_trunk(session, actor, trunk_id)
    if trunk.organization_id is None:
        actor.require_global()
    return trunk


def _refuse_taken_name(session: Session, organization_id: int | None, name: str, own_id: int | None) -> None:
    home = Trunk.organization_id == organization_id if organization_id else Trunk.organization_id.is_(None)
    taken = session.scalar(select(Trunk.id).where(home, Trunk.name == name))
    if taken is not None and taken != own_id:
        raise Refused(f"name: there is a trunk named {name!r} already; choose another")


def _refuse_around_the_clock(session: Session, trunk: Trunk) -> None:
    campaign = session.scalar(
        select(Campaign.name)
        .join(CallingWindow, CallingWindow.id == Campaign.calling_window_id)
        .where(Campaign.trunk_id == trunk.id, CallingWindow.always_open)
        .limit(1)
    )
    if campaign is not None:
        raise Refused(
            f"simulated: the campaign {campaign!r} calls around the clock by this trunk; "
            "give it a calling window with lawful hours first"
        )
