from __future__ import annotations

from app.intake.columns import Address, Person
from app.intake.sieve import Sieve, suspects

PEOPLE: list[Person] = [("A1", "", "", "", "", "K1", "{}"), ("A2", "", "", "", "", "", "{}")]
ADDRESSES: list[Address] = [
    (0, "phone", "phone1", 1, "+12025550100", "", "US", ""),
    (1, "email", "email", 1, "bo@example.org", "", "", ""),
]
EVERYBODY = {
    (0, "contact_id", "A1"), (1, "contact_id", "A2"), (0, "customer_id", "K1"), (0, "phone", "+12025550100"),
    (1, "email", "bo@example.org"),
}  # fmt: skip


def test_an_empty_sieve_suspects_nobody() -> None:
    assert suspects(Sieve(bytes(8), {"phone", "contact_id"}), PEOPLE, ADDRESSES) == []


def test_a_full_sieve_suspects_everybody_of_its_kinds() -> None:
    held = suspects(Sieve(b"\xff" * 8, {"phone", "customer_id"}), PEOPLE, ADDRESSES)
    assert set(held) == {(0, "customer_id", "K1"), (0, "phone", "+12025550100")}


def test_without_a_sieve_everybody_is_asked_for() -> None:
    assert set(suspects(None, PEOPLE, ADDRESSES)) == EVERYBODY
