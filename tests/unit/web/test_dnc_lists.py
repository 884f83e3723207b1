"""Lists and groups of do not call in the panel."""

from __future__ import annotations

import re
from io import BytesIO

from flask.testing import FlaskClient

from common.clock import utcnow
from tests.support.panel import World


def test_a_list_for_some_campaigns_is_made_joined_to_a_group_and_given_back(admin: FlaskClient, world: World) -> None:
    admin.post("/dnc/lists", data={"name": "One product", "by_group": "y"})
    made = admin.post("/dnc/groups", data={"name": "Product", "lists": ["1"], "campaigns": [str(world.campaign_id)]})
    assert made.status_code == 302
    page = admin.get("/dnc/lists").text
    assert "campaigns that choose it" in page
    assert re.search(r"<td>Product</td>\s*<td>One product</td>", page)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))

    admin.post("/dnc/lists/1/by-group", data={"by_group": "no"})
    admin.post("/dnc/groups/1/delete")
    page = admin.get("/dnc/lists").text
    assert "every campaign" in page
    assert "<td>Product</td>" not in page


def test_an_entry_of_a_day_goes_on_the_list_that_is_open(admin: FlaskClient, world: World) -> None:
    admin.post("/dnc/lists", data={"name": "Holidaymakers"})
    data = {"kind": "customer_id", "value": "C-7", "until": "2099-01-31", "list": "1"}
    assert admin.post("/dnc/", data=data).status_code == 302
    page = admin.get("/dnc/?list=1").text
    assert "C-7" in page
    assert "2099-01-31, midnight there" in page


def test_says_what_is_wrong_with_a_list(admin: FlaskClient, world: World) -> None:
    admin.post("/dnc/lists", data={"name": "Twice"})
    answer = admin.post("/dnc/lists", data={"name": "Twice"})
    assert answer.status_code == 422
    assert "already" in answer.text


def test_a_country_s_list_shows_its_age_and_takes_a_file(admin: FlaskClient, world: World) -> None:
    admin.post("/dnc/lists", data={"name": "Registry", "national": "us"})
    assert "never loaded, so its country is not called" in admin.get("/dnc/lists").text
    form = {"form": "us", "action": "replace", "home_country": "US"}
    missing = admin.post("/dnc/lists/1/files", data={**form, "file": (BytesIO(b"202,5550100"), "202.txt")})
    assert missing.status_code == 422
    assert "give the day that the list was drawn" in missing.text
    today = utcnow().date().isoformat()
    admin.post("/dnc/lists/1/files", data={**form, "as_of": today, "file": (BytesIO(b"202,5550100"), "202.txt")})
    assert "202.txt" in admin.get("/dnc/lists/1/files").text
    assert "oldest part 0 of 31 days old, 1 part" in admin.get("/dnc/lists").text
