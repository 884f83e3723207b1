"""Who uses Clarion: users, organizations, tokens, the audit trail, and undo."""

from __future__ import annotations

from typing import Any

from app.models import AllowedHost
from app.security.access import Actor
from app.services import api_tokens, audit, hosts, media_servers, organizations, undo, users
from tests.support.service_calls.call import Call, Cases


def deleted_host(call: Call) -> dict[str, Any]:
    """As the one there is, by another id and name."""
    kept = undo.keep(call.session, Actor.system(), AllowedHost, call.it.allowed_host)
    return {**kept, "row": {**kept["row"], "id": 99, "origin": "https://deleted.example"}}


CASES: Cases = {
    "api_tokens.create_token": lambda c: api_tokens.create_token(
        c.session, c.actor, "Another", ["lists.view"], organization_id=c.it.organization_id
    ),
    "api_tokens.list_tokens": lambda c: api_tokens.list_tokens(c.session, c.actor),
    "api_tokens.revoke_token": lambda c: api_tokens.revoke_token(c.session, c.actor, c.it.api_token),
    "audit.export_csv": lambda c: list(audit.export_csv(c.session, c.actor)),
    "audit.list_entries": lambda c: audit.list_entries(c.session, c.actor),
    "hosts.allow_host": lambda c: hosts.allow_host(c.session, c.actor, "a.example", "", c.it.organization_id),
    "hosts.list_hosts": lambda c: hosts.list_hosts(c.session, c.actor),
    "hosts.remove_host": lambda c: hosts.remove_host(c.session, c.actor, c.it.allowed_host),
    "media_servers.list_media_servers": lambda c: media_servers.list_media_servers(c.session, c.actor),
    "organizations.find_organization": lambda c: organizations.find_organization(c.session, c.actor, c.it.marker),
    "organizations.list_organizations": lambda c: organizations.list_organizations(c.session, c.actor),
    "organizations.organization_for": lambda c: organizations.organization_for(
        c.session, c.actor, c.it.organization_id
    ),
    "undo.keep": lambda c: undo.keep(c.session, c.actor, AllowedHost, c.it.allowed_host),
    "undo.put_back": lambda c: undo.put_back(c.session, c.actor, deleted_host(c)),
    "users.add_user": lambda c: users.add_user(
        c.session, c.actor, login="mallory", roles=["org_supervisor"], organization_id=c.it.organization_id
    ),
    "users.find_user": lambda c: users.find_user(c.session, c.actor, c.it.marker),
    "users.list_users": lambda c: users.list_users(c.session, c.actor),
    "users.reset_password": lambda c: users.reset_password(c.session, c.actor, c.it.user),
    "users.set_disabled": lambda c: users.set_disabled(c.session, c.actor, c.it.user, True),
    "users.set_roles": lambda c: users.set_roles(c.session, c.actor, c.it.user, ["org_supervisor"]),
}
