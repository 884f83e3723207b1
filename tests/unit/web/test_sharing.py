"""A list shared in the panel: by its owner's form, and as the other organization sees it."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import Engine, select, update

from app.db import write_transaction
from app.models import Attribute, Contact, Organization, Role
from app.security.access import Actor
from app.services import sharing, users
from common.clock import utcnow
from tests.support.panel import PASSWORD, World

ROOT = Actor.system()


def post(client: FlaskClient, path: str, form: dict[str, str]) -> tuple[int, str]:
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/account/password").text)
    assert token is not None
    answer = client.post(path, data={**form, "csrf_token": token[1]}, follow_redirects=True)
    return answer.status_code, answer.text


def sister(engine: Engine, world: World) -> None:
    """Another organization with a manager of its campaigns; an attribute of the first that is its own business."""
    with write_transaction(engine) as session:
        other = Organization(name="Sister", created_at=utcnow())
        session.add(other)
        session.flush()
        roles = [Role.ORG_CAMPAIGN_MANAGER]
        users.add_user(session, ROOT, login="sister", roles=roles, organization_id=other.id, password=PASSWORD)
        for name, private in (("balance", False), ("salary", True)):
            session.add(Attribute(organization_id=world.organization_id, name=name, private=private))
        for contact in session.scalars(select(Contact)):
            contact.attributes = {**contact.attributes, "salary": "9999"}


def test_an_owner_shares_changes_and_ends(admin: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    sister(sqlite_engine, world)
    here = f"/lists/{world.list_id}"
    assert "Shared with nobody" in admin.get(f"{here}/sharing").text
    status, page = post(admin, f"{here}/sharing", {"organization": "Nobody"})
    assert (status, "There is none named &#39;Nobody&#39;; write its exact name" in page) == (422, True)
    _, page = post(admin, f"{here}/sharing", {"organization": "Sister"})
    assert "Shared with Sister." in page
    _, page = post(admin, f"{here}/sharing", {"organization": "Sister", "may_edit": "y"})
    assert "use it, and change its contacts" in page
    assert "Shared with Sister" in admin.get(here).text
    _, page = post(admin, f"{here}/sharing/1/end", {})
    assert "Shared with nobody" in page
    _, page = post(admin, f"{here}/sharing", {"every": "y"})
    assert "Every organization" in page


def test_the_other_sees_it_with_its_owner_and_without_what_is_private(
    signed_in: Callable[[str], FlaskClient], world: World, sqlite_engine: Engine
) -> None:
    sister(sqlite_engine, world)
    client, here = signed_in("sister"), f"/lists/{world.list_id}"
    assert client.get(here).status_code == 404
    with write_transaction(sqlite_engine) as session:
        sharing.share(session, ROOT, world.list_id, "Sister")
    assert "shared by Test" in client.get("/lists/").text
    page = client.get(here).text
    assert ("Shared by Test" in page, "Ann2 Example" in page, "Import contacts" in page) == (True, True, False)
    person = client.get(f"/contacts/{world.contact_id}").text
    assert ("100.50" in person or "10.50" in person, "9999" in person, "Not tried yet" in person) == (True, False, True)
    assert "9999" not in client.get(f"{here}/contacts.csv").text
    for path in ("deletion", "empty", "split", "sharing", "edit"):
        assert client.get(f"{here}/{path}").status_code == 404, path
    for path in ("history", "why", "consents", "edit"):
        assert client.get(f"/contacts/{world.contact_id}/{path}").status_code in (403, 404), path
    status, page = post(client, f"/contacts/{world.contact_id}/dnc", {})
    assert (status, "On the do-not-call list from this moment." in page) == (200, True)
    assert f'value="{world.list_id}"' in client.get("/campaigns/new").text


def test_an_empty_list_tells_its_owner_how_to_fill_it_and_the_other_whose_it_is(
    admin: FlaskClient, signed_in: Callable[[str], FlaskClient], world: World, sqlite_engine: Engine
) -> None:
    sister(sqlite_engine, world)
    with write_transaction(sqlite_engine) as session:
        sharing.share(session, ROOT, world.list_id, "Sister")
        session.execute(update(Contact).values(deleted_at=utcnow()))
    here = f"/lists/{world.list_id}"
    assert "Upload a file above" in admin.get(here).text
    assert "Test has no contacts in it at this moment." in signed_in("sister").get(here).text
    assert "Nobody matches" in admin.get(f"{here}?search=Zoe").text
