"""Who may do what: permissions, POM's roles as sets of them, and the scope of one organization."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self, TypeVar

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from app.models import Base, Role, User
from common.errors import ClarionError

Row = TypeVar("Row", bound=Base)
Statement = TypeVar("Statement", bound="Select[*tuple[Any, ...]]")


class Forbidden(ClarionError):
    """You may not do this."""


class NotFound(ClarionError):
    """There is no such thing, or it belongs to another organization."""


class Permission(StrEnum):
    #: Users, roles and organizations.
    USERS_MANAGE = "users.manage"
    #: Trunks, media servers, calling windows.
    SETTINGS_MANAGE = "settings.manage"
    AUDIT_VIEW = "audit.view"
    LISTS_VIEW = "lists.view"
    #: Create, change and delete contact lists and contacts, and import into them.
    LISTS_EDIT = "lists.edit"
    #: Answer what people ask about their own data: show it to them, erase it; and how long data is kept.
    PRIVACY_MANAGE = "privacy.manage"
    #: See telephone numbers and emails of people whole; for all others every page and export masks them.
    NUMBERS_VIEW = "numbers.view"
    #: See one of them at a time, each time noted with the reason.
    NUMBERS_REVEAL = "numbers.reveal"
    #: See attributes marked as masked.
    ATTRIBUTES_UNMASK = "attributes.unmask"
    #: See one of their values at a time, each time noted with the reason.
    ATTRIBUTES_REVEAL = "attributes.reveal"
    DNC_VIEW = "dnc.view"
    DNC_EDIT = "dnc.edit"
    SCRIPTS_VIEW = "scripts.view"
    SCRIPTS_EDIT = "scripts.edit"
    STRATEGIES_VIEW = "strategies.view"
    STRATEGIES_EDIT = "strategies.edit"
    CAMPAIGNS_VIEW = "campaigns.view"
    CAMPAIGNS_EDIT = "campaigns.edit"
    JOBS_VIEW = "jobs.view"
    #: Start, pause, resume, stop.
    JOBS_CONTROL = "jobs.control"
    REPORTS_VIEW = "reports.view"


EVERYTHING = frozenset(Permission)
#: What even administrators lack, and may give.
OF_MASKED_ATTRIBUTES = frozenset({Permission.ATTRIBUTES_UNMASK, Permission.ATTRIBUTES_REVEAL})
_MONITORING = frozenset(
    {
        Permission.LISTS_VIEW,
        Permission.DNC_VIEW,
        Permission.SCRIPTS_VIEW,
        Permission.STRATEGIES_VIEW,
        Permission.CAMPAIGNS_VIEW,
        Permission.JOBS_VIEW,
        Permission.JOBS_CONTROL,
        Permission.REPORTS_VIEW,
    }
)
_MANAGING = _MONITORING | {
    Permission.NUMBERS_VIEW,
    Permission.LISTS_EDIT,
    Permission.DNC_EDIT,
    Permission.SCRIPTS_EDIT,
    Permission.STRATEGIES_EDIT,
    Permission.CAMPAIGNS_EDIT,
}
ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    # Masked attributes stay masked for administrators too: seeing them is a role of its own.
    Role.ADMINISTRATION: EVERYTHING - OF_MASKED_ATTRIBUTES,
    Role.CAMPAIGN_MANAGER: _MANAGING,
    Role.SUPERVISOR: _MONITORING,
    Role.ORG_CAMPAIGN_MANAGER: _MANAGING,
    Role.ORG_SUPERVISOR: _MONITORING,
    Role.ATTRIBUTES_UNMASK: frozenset({Permission.ATTRIBUTES_UNMASK, Permission.NUMBERS_VIEW}),
    Role.NUMBERS_REVEAL: frozenset({Permission.NUMBERS_REVEAL}),
    Role.ATTRIBUTES_REVEAL: frozenset({Permission.ATTRIBUTES_REVEAL, Permission.NUMBERS_REVEAL}),
}
#: Roles that mean nothing without an organization to be bound to.
ORGANIZATION_ROLES = frozenset({Role.ORG_CAMPAIGN_MANAGER, Role.ORG_SUPERVISOR})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. `organization_id` None sees every organization; `user_id` None is the system itself."""

    user_id: int | None
    login: str
    organization_id: int | None
    permissions: frozenset[Permission]
    #: Where the request came from, for the audit trail.
    remote_address: str = ""

    @classmethod
    def system(cls, organization_id: int | None = None) -> Self:
        """The engine and the command line: everything, or everything within one organization."""
        return cls(None, "system", organization_id, EVERYTHING)

    @classmethod
    def of(cls, user: User, remote_address: str = "") -> Self:
        permissions = permissions_of(user.roles, bound=user.organization_id is not None)
        return cls(user.id, user.login, user.organization_id, permissions, remote_address)

    def may(self, *permissions: Permission) -> bool:
        return self.permissions.issuperset(permissions)

    def require(self, *permissions: Permission) -> None:
        missing = [permission for permission in permissions if permission not in self.permissions]
        if missing:
            raise Forbidden(f"{self.login} may not do this: {', '.join(missing)} is missing; ask an administrator")

    def require_organization(self, organization_id: int | None) -> None:
        """Refuse what lies outside the actor's organization; common things (None) belong to global actors."""
        if self.organization_id is not None and self.organization_id != organization_id:
            raise Forbidden("this belongs to another organization")

    def require_global(self) -> None:
        if self.organization_id is not None:
            raise Forbidden("this concerns every organization; ask a global administrator")


def permissions_of(roles: Iterable[str], *, bound: bool) -> frozenset[Permission]:
    """Everything the roles allow; an organization's role gives nothing to a user who is bound to none."""
    held = [Role(role) for role in roles]
    return frozenset().union(*(ROLE_PERMISSIONS[role] for role in held if bound or role not in ORGANIZATION_ROLES))


def scoped(statement: Statement, model: type[Base], actor: Actor, *, include_common: bool = False) -> Statement:
    """The statement narrowed to the actor's organization, and (`include_common`) to what belongs to all."""
    if actor.organization_id is None:
        return statement
    column = model.organization_id  # type: ignore[attr-defined]
    mine = column == actor.organization_id
    return statement.where(or_(mine, column.is_(None)) if include_common else mine)


def get_scoped(session: Session, actor: Actor, model: type[Row], row_id: int, *, include_common: bool = False) -> Row:
    """The row, or NotFound: an actor of another organization does not even learn that it exists."""
    column = model.id  # type: ignore[attr-defined]
    statement = scoped(select(model).where(column == row_id), model, actor, include_common=include_common)
    row = session.scalar(statement)
    if row is None:
        raise NotFound(f"{model.__tablename__.replace('_', ' ')} {row_id}: there is none")
    return row
