"""`clarion call` and `clarion load` over a trunk that is configured in the database: each number passes the gate that
campaigns pass, just before its INVITE. Imported only where such a trunk is named."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Engine, or_, select
from sqlalchemy.orm import Session

from app.core.compliance import Refused as RefusedByGate
from app.db import make_engine, read_transaction, require_current, write_transaction
from app.models import CallingWindow, Trunk
from app.security.access import Actor
from app.security.pseudonyms import attach
from app.security.secrets import Vault
from app.services.audit import record
from app.services.dnc import means_opt_out
from app.services.number_gate import NumberRules, check_number, opt_out_number, rules_of
from app.services.organizations import find_organization, organization_for
from common import control
from common.clock import utcnow
from common.control import CallStatus, Disposition
from common.errors import Refused
from common.masking import mask_number
from common.settings import Settings

_Named = TypeVar("_Named", Trunk, CallingWindow)


@dataclass(frozen=True, slots=True)
class ConfiguredTrunk:
    """`window` is the name of the calling window that `rules` are of."""

    database: Engine
    organization_id: int
    row_id: int
    trunk: control.Trunk
    calls_per_second: int
    max_channels: int
    simulated: bool
    window: str
    rules: NumberRules

    def refusal(self, number: str) -> RefusedByGate | None:
        """The gate's word at this moment; None lets the call leave. Blocks."""
        now = utcnow()
        with read_transaction(self.database) as session:
            row = session.get_one(Trunk, self.row_id)
            if row.paused_until is not None and row.paused_until > now:
                return RefusedByGate("TRUNK_FAULT", f"the trunk rests: {row.paused_reason}", row.paused_until)
            verdict = check_number(session, self.organization_id, number, self.rules, now)
        return verdict if isinstance(verdict, RefusedByGate) else None

    def note(self, action: str, number: str, **more: object) -> None:
        """The audit trail hears of it before anything leaves. Blocks."""
        after = {"number": mask_number(number), "window": self.window, **more}
        with write_transaction(self.database) as session:
            trunk = session.get_one(Trunk, self.row_id)
            record(session, Actor.system(self.organization_id), action, trunk, after=after)

    def heed(self, number: str, status: CallStatus) -> None:
        """Whoever asked in the call for no more is listed. Blocks."""
        code = str(status.exit.get("completion_code") or "")
        if self.simulated or status.disposition is not Disposition.ANSWERED or not code:
            return
        with write_transaction(self.database) as session:
            if means_opt_out(session, self.organization_id, code):
                opt_out_number(session, self.organization_id, number, f"clarion call {status.attempt_id}")


def find_trunk(args: argparse.Namespace) -> ConfiguredTrunk:
    """By the names given. Raise Refused naming the option and what there is to choose from."""
    if args.auth or args.password_file is not None:
        raise Refused("--auth and --password-file: a configured trunk has its own credentials; leave them out")
    if args.proxy or args.gateway or args.redirect or args.register:
        raise Refused("--proxy, --gateway, --redirect, --register: a configured trunk has its own; leave them out")
    settings = Settings.load()
    engine = attach(make_engine(settings.database_url), settings.secret_key)
    require_current(engine)
    with read_transaction(engine) as session:
        home = _organization(session, args.organization)
        mine = or_(Trunk.organization_id == home, Trunk.organization_id.is_(None))
        usable = session.scalars(select(Trunk).where(mine).order_by(Trunk.organization_id.is_(None), Trunk.id)).all()
        trunk = _named("--trunk", args.trunk, usable)
        owned = select(CallingWindow).where(CallingWindow.organization_id == home).order_by(CallingWindow.name)
        window = _named("--window", args.window, session.scalars(owned).all())
        password = ""
        if trunk.password_encrypted:
            password = Vault(settings.require_secret_key()).decrypt(trunk.password_encrypted)
        line = args.line or trunk.line
        return ConfiguredTrunk(
            engine,
            home,
            trunk.id,
            control.Trunk(trunk.host, trunk.port, trunk.transport, trunk.username, password, line).signalling(
                trunk.signalling
            ),
            trunk.calls_per_second,
            trunk.max_channels,
            trunk.simulated,
            window.name,
            rules_of(session, home, window, trunk),
        )


def _organization(session: Session, name: str) -> int:
    actor = Actor.system()
    if name:
        return find_organization(session, actor, name).id
    try:
        return organization_for(session, actor)
    except Refused as error:
        raise Refused(f"--organization: {error}") from error


def _named(option: str, name: str, rows: Sequence[_Named]) -> _Named:
    """The row of that name, or the only one where none was given."""
    found = [row for row in rows if row.name == name] if name else rows
    if found and (name or len(found) == 1):
        return found[0]
    known = ", ".join(repr(row.name) for row in rows) or "none"
    raise Refused(f"{option}{f' {name!r}' if name else ''}: say which; there is {known}")
