from __future__ import annotations

import pytest
from sqlalchemy import select

from app.models import ContactList, DncList, Role
from app.security.access import (
    ROLE_PERMISSIONS,
    Actor,
    Forbidden,
    Permission,
    permissions_of,
    scoped,
)


def actor(organization_id: int | None = None, *permissions: Permission) -> Actor:
    return Actor(7, "anna", organization_id, frozenset(permissions))


def test_every_role_has_permissions() -> None:
    assert set(ROLE_PERMISSIONS) == set(Role)
    assert all(ROLE_PERMISSIONS.values())


def test_only_one_role_sees_masked_attributes() -> None:
    assert [role for role in Role if Permission.ATTRIBUTES_UNMASK in ROLE_PERMISSIONS[role]] == [Role.ATTRIBUTES_UNMASK]


def test_a_supervisor_controls_jobs_and_changes_nothing_else() -> None:
    held = ROLE_PERMISSIONS[Role.SUPERVISOR]
    assert Permission.JOBS_CONTROL in held
    assert not [permission for permission in held if permission.endswith((".edit", ".manage"))]


def test_roles_add_up() -> None:
    held = permissions_of([Role.SUPERVISOR, Role.ATTRIBUTES_UNMASK], bound=False)
    assert held == ROLE_PERMISSIONS[Role.SUPERVISOR] | {Permission.ATTRIBUTES_UNMASK, Permission.NUMBERS_VIEW}


def test_an_organizations_role_gives_nothing_without_an_organization() -> None:
    assert permissions_of([Role.ORG_CAMPAIGN_MANAGER], bound=False) == frozenset()
    assert permissions_of([Role.ORG_CAMPAIGN_MANAGER], bound=True)


def test_a_refusal_names_what_is_missing() -> None:
    with pytest.raises(Forbidden, match=r"anna may not do this: jobs.control is missing"):
        actor(None, Permission.JOBS_VIEW).require(Permission.JOBS_VIEW, Permission.JOBS_CONTROL)
    Actor.system().require(*Permission)


def test_an_actor_stays_within_its_organization() -> None:
    actor(3).require_organization(3)
    actor(None).require_organization(None)
    for other in (4, None):
        with pytest.raises(Forbidden):
            actor(3).require_organization(other)
    with pytest.raises(Forbidden):
        actor(3).require_global()


def test_statements_are_narrowed_to_the_organization() -> None:
    assert "WHERE" not in str(scoped(select(ContactList), ContactList, actor(None)))
    assert "contact_list.organization_id = " in str(scoped(select(ContactList), ContactList, actor(3)))
    common = str(scoped(select(DncList), DncList, actor(3), include_common=True))
    assert "dnc_list.organization_id IS NULL" in common
