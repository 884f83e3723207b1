"""Users: adding them, signing in, passwords, roles.

Hashing a password takes tens of milliseconds on purpose. It is done before a transaction's first statement, or between
two transactions, so that nobody waits for the write lock meanwhile: `sign_in` and `change_own_password` take the
engine for that reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from app.db import read_transaction, write_transaction
from app.models import Organization, Role, User
from app.security import passwords
from app.security.access import (
    OF_MASKED_ATTRIBUTES,
    ORGANIZATION_ROLES,
    Actor,
    Forbidden,
    NotFound,
    Permission,
    get_scoped,
    permissions_of,
    scoped,
)
from app.services.audit import record
from common.clock import utcnow
from common.errors import Refused

log = structlog.get_logger()

_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{1,119}")
_WRONG = "The login or the password is wrong."


@dataclass(frozen=True, slots=True)
class Added:
    """`password` is the one that was made for the user, None where one was given."""

    user: User
    password: str | None


def list_users(session: Session, actor: Actor) -> list[User]:
    actor.require(Permission.USERS_MANAGE)
    return list(session.scalars(scoped(select(User), User, actor).order_by(User.login)))


def find_user(session: Session, actor: Actor, login: str) -> User:
    actor.require(Permission.USERS_MANAGE)
    user = session.scalar(scoped(select(User).where(User.login == login), User, actor))
    if user is None:
        raise NotFound(f"user {login}: there is none; `clarion user add {login}` makes one")
    return user


def add_user(
    session: Session,
    actor: Actor,
    *,
    login: str,
    name: str = "",
    roles: Iterable[str],
    organization_id: int | None = None,
    password: str | None = None,
) -> Added:
    """Without a password one is made, to be shown once and changed at the first sign-in."""
    actor.require(Permission.USERS_MANAGE)
    if not _LOGIN.fullmatch(login):
        raise Refused("login: use 2 to 120 letters, digits, dots, dashes or @, starting with a letter or digit")
    if password is not None:
        passwords.check_strength(password, login)
    made = passwords.generate_password() if password is None else None
    password_hash = passwords.hash_password(password or made or "")
    home = actor.organization_id if organization_id is None else organization_id
    actor.require_organization(home)
    held = _checked_roles(actor, roles, home)
    if home is not None and session.get(Organization, home) is None:
        raise NotFound(f"organization {home}: there is none")
    if session.scalar(select(User.id).where(func.lower(User.login) == login.lower())) is not None:
        raise Refused(f"login: {login} is taken; choose another")
    user = User(
        organization_id=home,
        login=login,
        name=name.strip() or login,
        password_hash=password_hash,
        roles=held,
        must_change_password=made is not None,
        created_at=utcnow(),
    )
    session.add(user)
    session.flush()
    record(session, actor, "user.add", user, after={"login": login, "roles": held})
    return Added(user, made)


def ensure_first_admin(session: Session, login: str = "admin") -> str:
    """Make the first administrator where there is no user at all; the password to show once, or ""."""
    if session.scalar(select(User.id).limit(1)) is not None:
        return ""
    added = add_user(session, Actor.system(), login=login, name="Administrator", roles=[Role.ADMINISTRATION])
    return added.password or ""


def set_roles(session: Session, actor: Actor, user_id: int, roles: Iterable[str]) -> User:
    actor.require(Permission.USERS_MANAGE)
    user = get_scoped(session, actor, User, user_id)
    before = list(user.roles)
    user.roles = _checked_roles(actor, roles, user.organization_id)
    _keep_an_administrator(session)
    record(session, actor, "user.roles", user, before={"roles": before}, after={"roles": user.roles})
    return user


def set_disabled(session: Session, actor: Actor, user_id: int, disabled: bool) -> User:
    """A disabled user is signed out at once and cannot sign in."""
    actor.require(Permission.USERS_MANAGE)
    user = get_scoped(session, actor, User, user_id)
    if disabled and user.id == actor.user_id:
        raise Refused("you cannot disable yourself; ask another administrator")
    user.disabled = disabled
    _keep_an_administrator(session)
    record(session, actor, "user.disable" if disabled else "user.enable", user)
    return user


def reset_password(session: Session, actor: Actor, user_id: int, password: str | None = None) -> str | None:
    """Give a user a new password and unlock the user; answers the one that was made, None where one was given."""
    actor.require(Permission.USERS_MANAGE)
    made = passwords.generate_password() if password is None else None
    password_hash = passwords.hash_password(password or made or "")
    user = get_scoped(session, actor, User, user_id)
    if password is not None:
        passwords.check_strength(password, user.login)
    _set_password(user, password_hash, must_change=True)
    record(session, actor, "user.reset_password", user)
    return made


def change_own_password(engine: Engine, actor: Actor, current: str, new: str) -> None:
    """Raise Refused when `current` is wrong or `new` too weak. Ends every session of the user."""
    if actor.user_id is None:
        raise Forbidden("the system has no password")
    with read_transaction(engine) as session:
        user = session.get_one(User, actor.user_id)
        login, known_hash, generation = user.login, user.password_hash, user.session_generation
    if not passwords.verify_password(known_hash, current):
        raise Refused("current password: it is wrong")
    if new == current:
        raise Refused("password: use another one than now")
    passwords.check_strength(new, login)
    password_hash = passwords.hash_password(new)
    with write_transaction(engine) as session:
        user = session.get_one(User, actor.user_id)
        if user.session_generation != generation:
            raise Refused("current password: it was changed meanwhile; sign in again")
        _set_password(user, password_hash, must_change=False)
        record(session, actor, "user.change_password", user)


def sign_in(engine: Engine, login: str, password: str, now: datetime) -> User:
    """The user, detached. Raise Refused saying no more than a stranger may know; wrong passwords are counted."""
    with read_transaction(engine) as session:
        user = session.scalar(select(User).where(func.lower(User.login) == login.strip().lower()))
    if user is not None and user.locked_until is not None and now < user.locked_until:
        raise Refused("Too many wrong passwords. Wait a little and try again.")
    right = passwords.verify_password(user.password_hash if user else None, password)
    if user is None:
        raise Refused(_WRONG)
    if not right or user.disabled:
        _count_failure(engine, user.id, now)
        raise Refused(_WRONG)
    anew = passwords.hash_password(password) if passwords.needs_rehash(user.password_hash) else None
    with write_transaction(engine) as session:
        user = session.get_one(User, user.id)
        user.failed_logins, user.locked_until, user.last_login_at = 0, None, now
        user.password_hash = anew or user.password_hash
    return user


def _count_failure(engine: Engine, user_id: int, now: datetime) -> None:
    with write_transaction(engine) as session:
        user = session.get_one(User, user_id)
        user.failed_logins += 1
        user.locked_until = passwords.locked_until(user.failed_logins, now)
        if user.locked_until is not None:
            record(session, Actor.system(), "user.locked", user, after={"until": user.locked_until.isoformat()})
            log.warning("user.locked", user_id=user_id, failed_logins=user.failed_logins)


def end_sessions(session: Session, actor: Actor) -> None:
    """Every session of the actor's own ends, so that a cookie that somebody copied is worth nothing."""
    session.execute(update(User).where(User.id == actor.user_id).values(session_generation=User.session_generation + 1))


def _set_password(user: User, password_hash: str, *, must_change: bool) -> None:
    user.password_hash = password_hash
    user.must_change_password = must_change
    user.session_generation += 1
    user.failed_logins, user.locked_until = 0, None


def _checked_roles(actor: Actor, roles: Iterable[str], organization_id: int | None) -> list[str]:
    held: list[str] = []
    for role in dict.fromkeys(roles):
        try:
            held.append(Role(role).value)
        except ValueError:
            raise Refused(f"role: there is no role {role}; the roles are {', '.join(Role)}") from None
    if not held:
        raise Refused("role: give at least one")
    if organization_id is None and ORGANIZATION_ROLES.intersection(held):
        raise Refused("role: a role of an organization needs the organization; choose one")
    beyond = permissions_of(held, bound=organization_id is not None) - actor.permissions
    # Who manages users may also give the roles that even administrators lack, but nothing else beyond their own.
    beyond -= OF_MASKED_ATTRIBUTES
    if beyond and actor.user_id is not None:
        raise Forbidden(f"you cannot give more than you have: {', '.join(sorted(beyond))}")
    return held


def _keep_an_administrator(session: Session) -> None:
    session.flush()
    users = session.scalars(select(User).where(User.organization_id.is_(None), User.disabled.is_(False)))
    if not any(Role.ADMINISTRATION in user.roles for user in users):
        raise Refused("this is the last administrator; make another one first")
