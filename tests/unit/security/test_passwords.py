from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.security import passwords
from common.errors import Refused

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_a_hash_fits_its_password_only() -> None:
    hashed = passwords.hash_password("correct horse")
    assert hashed.startswith("$argon2id$")
    assert passwords.verify_password(hashed, "correct horse")
    assert not passwords.verify_password(hashed, "correct horsf")
    assert not passwords.needs_rehash(hashed)


@pytest.mark.parametrize("hashed", [None, "", "plain", "$argon2id$broken"])
def test_nothing_fits_a_missing_or_broken_hash(hashed: str | None) -> None:
    assert not passwords.verify_password(hashed, "anything at all")


@pytest.mark.parametrize(
    ("password", "words"),
    [("short", "10 to 200"), ("x" * 201, "10 to 200"), ("aaaaaaaaaaaab", "five different"), ("my-Anna-123", "login")],
)
def test_refuses_weak_passwords_saying_what_to_change(password: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        passwords.check_strength(password, "anna")


def test_made_passwords_differ_and_are_strong_enough() -> None:
    made = {passwords.generate_password() for _ in range(50)}
    assert len(made) == 50
    for password in made:
        passwords.check_strength(password, "admin")


def test_the_wait_grows_with_wrong_passwords_up_to_half_an_hour() -> None:
    assert passwords.locked_until(4, NOW) is None
    assert passwords.locked_until(5, NOW) == NOW + timedelta(seconds=30)
    assert passwords.locked_until(6, NOW) == NOW + timedelta(minutes=1)
    assert passwords.locked_until(500, NOW) == NOW + timedelta(minutes=30)
