"""Passwords: argon2id hashes, the least that a password must be, and the limit on guessing."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from common.errors import Refused

SHORTEST, LONGEST = 10, 200
#: After this many wrong passwords in a row the user waits.
FREE_FAILURES = 5
_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(minutes=30)

_hasher = PasswordHasher()
# Checked when the login does not exist, so that the answer takes as long as for one that does.
_nobody = _hasher.hash(secrets.token_urlsafe(16))


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def verify_password(password_hash: str | None, password: str) -> bool:
    """True when it matches; None as the hash costs the same time and is never true."""
    try:
        return _hasher.verify(password_hash or _nobody, password[:LONGEST]) and password_hash is not None
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False


def needs_rehash(password_hash: str) -> bool:
    return _hasher.check_needs_rehash(password_hash)


def check_strength(password: str, login: str) -> None:
    """Raise Refused saying what to change."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Refused(f"password: use {SHORTEST} to {LONGEST} characters")
    if len(set(password)) < 5:
        raise Refused("password: use at least five different characters")
    if login and login.lower() in password.lower():
        raise Refused("password: do not use the login in it")


def generate_password() -> str:
    """For the first sign-in: 20 letters and digits without look-alikes, in groups of five."""
    alphabet = "abcdefghijkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXY34679"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(5)) for _ in range(4))


def locked_until(failures: int, now: datetime) -> datetime | None:
    """When the next try is allowed after `failures` wrong ones in a row: the wait doubles, up to half an hour."""
    if failures < FREE_FAILURES:
        return None
    doublings: int = min(failures - FREE_FAILURES, 10)
    return now + min(_FIRST_WAIT * (1 << doublings), _LONGEST_WAIT)
