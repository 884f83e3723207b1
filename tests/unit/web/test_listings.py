"""Lists of the panel: narrowed by words and a choice, taken away as CSV, told to the audit trail where personal."""

from __future__ import annotations

from csv import reader
from urllib.parse import quote

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from app.db import read_transaction
from app.models import AuditEntry
from app.web.listing import Columns, narrowed
from tests.support.panel import World

AREAS = ("campaigns", "codes", "jobs", "lists", "media-servers", "scripts", "strategies", "trunks", "users", "windows")
COLUMNS: Columns[tuple[str, int]] = {"name": lambda row: row[0], "calls": lambda row: row[1]}
CHOICES = {"Busy": lambda row: row[1] > 0}
ROWS = (("North =1+1", 3), ("South", 0), ("North, old", 0))


def names(query: str) -> list[str]:
    with Flask(__name__).test_request_context(f"/?{query}"):
        return [name for name, _ in narrowed("regions", ROWS, COLUMNS, CHOICES).rows]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["North =1+1", "South", "North, old"]),
        ("search=NORTH", ["North =1+1", "North, old"]),
        ("search=old+north", ["North, old"]),
        ("search=west", []),
        ("show=Busy", ["North =1+1"]),
        ("show=Busy&search=old", []),
        ("show=Nonsense", ["North =1+1", "South", "North, old"]),
    ],
)
def test_every_word_and_the_choice_narrow(query: str, found: list[str]) -> None:
    assert names(query) == found


@given(st.text(max_size=20))
def test_any_words_find_only_what_holds_them(words: str) -> None:
    found = names(f"search={quote(words)}")

    assert all(word in name.lower() + " 0 3" for name in found for word in words.lower().split())


def test_takes_away_what_is_shown_and_nothing_that_a_spreadsheet_runs() -> None:
    rows = (("=1+1", 3), ("South", 0))
    with Flask(__name__).test_request_context("/?format=csv&search=1"):
        listing = narrowed("regions", rows, COLUMNS)
        assert listing.taken_away
        assert request.args["search"] == "1"
        assert listing.csv().get_data(as_text=True).splitlines() == ["name,calls", "'=1+1,3"]


@pytest.mark.parametrize("area", AREAS)
def test_each_list_is_searched_and_taken_away(admin: FlaskClient, area: str) -> None:
    page = admin.get(f"/{area}/?search=zzz-no-such").text
    everything, nothing = (admin.get(f"/{area}/?format=csv{more}") for more in ("", "&search=zzz-no-such"))

    assert everything.mimetype == "text/csv"
    header, *lines = list(reader(everything.text.splitlines()))
    assert len(header) > 1
    assert list(reader(nothing.text.splitlines())) == [header]
    if lines:
        assert 'value="zzz-no-such"' in page
        assert "Nothing here is like that" in page


def test_who_takes_people_away_is_written_down(admin: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    for path in (f"/jobs/{world.job_id}/attempts.csv", "/users/?format=csv", "/audit/entries.csv"):
        assert admin.get(path).status_code == 200
    with read_transaction(sqlite_engine) as session:
        told = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert [action for action in told if action.endswith(".export")] == [
        "job.export",
        "user.export",
        "audit_entry.export",
    ]
