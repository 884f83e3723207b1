"""Lists shared with other organizations: who sees and changes what of them, and what stays the owner's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from app.core.audience import BadCondition, Condition, Filter, Group, Operator
from app.db import read_transaction, write_transaction
from app.models import (
    Address,
    Attempt,
    Attribute,
    AuditEntry,
    Campaign,
    Contact,
    ContactList,
    ContactListShare,
    Job,
    JobContact,
)
from app.security.access import Actor, Forbidden, NotFound, Permission
from app.services import (
    attributes,
    audience,
    campaigns,
    choices,
    consents,
    contact_editing,
    contact_push,
    contacts,
    dnc,
    exclusions,
    explain,
    importing,
    jobs,
    list_changes,
    lists,
    privacy,
    receipts,
    sharing,
)
from app.services.campaigns import CampaignFields
from app.services.contact_editing import Edit
from app.services.privacy import disclosure
from common.clock import utcnow
from common.errors import Refused
from tests.support.organizations import World, add_common, build

ROOT = Actor.system()


@pytest.fixture
def worlds(engine: Engine) -> tuple[World, World]:
    """An owner whose contact has a masked attribute, a private one and an open one; and somebody else."""
    with write_transaction(engine) as session:
        add_common(session)
        owner, other = build(session, "Owner"), build(session, "Other")
        for name, private in (("balance", False), ("salary", True)):
            session.add(Attribute(organization_id=owner.organization_id, name=name, type="integer", private=private))
        values = {"Owner": "seen", "balance": 5, "salary": 9}
        session.execute(update(Contact).where(Contact.id == owner.contact).values(attributes=values))
    return owner, other


def of(world: World, *permissions: Permission) -> Actor:
    return Actor(world.user, world.marker, world.organization_id, frozenset(permissions or Permission))


def share(engine: Engine, owner: World, whom: str = "Other", **more: Any) -> None:
    with write_transaction(engine) as session:
        sharing.share(session, of(owner), owner.contact_list, whom, **more)


def fields(it: World, contact_list: int) -> CampaignFields:
    return CampaignFields(
        name="Over a shared list", contact_list_id=contact_list, strategy_id=it.strategy, trunk_id=it.trunk,
        message="Hello", calling_window_id=it.calling_window, caller_id="+12025550100",
    )  # fmt: skip


def test_nobody_else_sees_a_list_before_it_is_shared_and_after(engine: Engine, worlds: tuple[World, World]) -> None:
    owner, other = worlds

    def sees() -> bool:
        with read_transaction(engine) as session:
            actor = of(other)
            rows = {row.contact_list.id: row.owner for row in lists.list_lists(session, actor)}
            names = dict(lists.list_names(session, actor))
            offered = {one.id for one in choices.campaign_choices(session, actor).contact_lists}
            found = owner.contact_list in rows
            assert rows.get(owner.contact_list, "Owner") == "Owner"
            assert (owner.contact_list in names, owner.contact_list in offered) == (found, found)
            for look in (
                lambda: contacts.search_contacts(session, actor, contact_list_id=owner.contact_list),
                lambda: contacts.get_contact(session, actor, owner.contact),
                lambda: sharing.visible_list(session, actor, owner.contact_list),
                lambda: audience.preview(session, actor, owner.contact_list, Filter(), utcnow()),
            ):
                if found:
                    look()
                else:
                    with pytest.raises(NotFound):
                        look()
            return found

    assert not sees()
    for whom in ("Other", "*"):
        share(engine, owner, whom)
        assert sees()
        with write_transaction(engine) as session:
            shared = sharing.shares_of(session, of(owner), owner.contact_list)
            assert [one.organization for one in shared] == [whom.replace("*", "")]
            sharing.unshare(session, of(owner), owner.contact_list, shared[0].id)
        assert not sees()
    with read_transaction(engine) as session:
        actions = session.scalars(select(AuditEntry.action).where(AuditEntry.kind == "contact_list")).all()
    assert sorted(actions) == ["contact_list.share"] * 2 + ["contact_list.unshare"] * 2


def test_private_attributes_are_shown_searched_and_exported_to_the_owner_alone(
    engine: Engine, worlds: tuple[World, World]
) -> None:
    owner, other = worlds
    share(engine, owner)
    by_salary = Filter((Group((Condition("attribute.salary", Operator.EQUALS, "9"),)),))
    by_balance = Filter((Group((Condition("attribute.balance", Operator.EQUALS, "5"),)),))
    with write_transaction(engine) as session:
        may_see = of(other, Permission.LISTS_VIEW)
        view = contacts.get_contact(session, may_see, owner.contact)
        assert view.attributes == {"Owner": "********", "balance": 5}
        assert contacts.get_contact(session, of(owner), owner.contact).attributes["salary"] == 9
        assert contacts.get_contact(session, ROOT, owner.contact).attributes["salary"] == 9
        header, row = "".join(contacts.export_csv(session, of(other), owner.contact_list)).split("\r\n")[:2]
        assert ("salary" in header, "9" in row.split(","), "balance" in header) == (False, False, True)
        assert audience.preview(session, of(other), owner.contact_list, by_balance, utcnow()).counted == 1
        with pytest.raises(BadCondition, match="no attribute 'salary'"):
            audience.preview(session, of(other), owner.contact_list, by_salary, utcnow())
        assert audience.preview(session, of(owner), owner.contact_list, by_salary, utcnow()).counted == 1
        audience.create_filter(session, of(other), "By balance", by_balance)
        with pytest.raises(BadCondition):
            audience.create_filter(session, of(other), "By salary", by_salary)


def test_what_changes_a_whole_list_is_the_owners_alone(engine: Engine, worlds: tuple[World, World]) -> None:
    owner, other = worlds
    share(engine, owner, may_edit=True)
    theirs, actor = owner.contact_list, of(other)
    plan = list_changes.Plan((list_changes.Part("Half", share=0.5),))
    refused: list[Callable[[Session], Any]] = [
        lambda s: lists.get_list(s, actor, theirs),
        lambda s: lists.update_list(s, actor, theirs, name="Mine", description="", home_country="US"),
        lambda s: lists.delete_list(engine, actor, theirs),
        lambda s: list_changes.start_deletion(s, actor, theirs, Filter(), expected=1, last_id=9),
        lambda s: list_changes.start_split(s, actor, theirs, plan, expected=1, last_id=9),
        lambda s: sharing.share(s, actor, theirs, "*"),
        lambda s: sharing.shares_of(s, actor, theirs),
        lambda s: contact_push.push(s, actor, theirs, [{"id": "x", "phone1": "2025550100"}]),
        lambda s: contacts.delete_contact(s, actor, owner.contact),
        lambda s: contact_editing.history(s, actor, owner.contact),
        lambda s: consents.of_contact(s, actor, owner.contact),
        lambda s: explain.why_not_dialled(s, actor, owner.contact, utcnow()),
        lambda s: exclusions.exclude(s, actor, theirs, [("id", "Owner")]),
        lambda s: attributes.get_attribute(s, actor, owner.attribute),
        lambda s: importing.get_run(s, actor, owner.import_run),
        lambda s: privacy.find_person(s, actor, "contact", str(owner.contact)),
    ]
    for call in refused:
        with write_transaction(engine) as session, pytest.raises(NotFound):
            call(session)


def test_contacts_are_changed_where_that_is_shared_and_by_whom_it_is_allowed(
    engine: Engine, worlds: tuple[World, World]
) -> None:
    owner, other = worlds
    edit = Edit({"first_name": "New"}, {"balance": "7", "salary": "1"}, ())
    share(engine, owner)
    with write_transaction(engine) as session, pytest.raises(NotFound):
        contact_editing.edit_contact(session, of(other), owner.contact, edit)
    share(engine, owner, may_edit=True)
    with write_transaction(engine) as session:
        assert len(session.scalars(select(ContactListShare)).all()) == 1
        contact_list = session.get_one(ContactList, owner.contact_list)
        assert sharing.may_edit(session, of(other), contact_list)
        assert not sharing.may_edit(session, of(other, Permission.LISTS_VIEW), contact_list)
        contact_editing.edit_contact(session, of(other), owner.contact, edit)
    with read_transaction(engine) as session:
        contact = session.get_one(Contact, owner.contact)
        assert (contact.first_name, contact.organization_id) == ("New", owner.organization_id)
        assert (contact.attributes["balance"], contact.attributes["salary"]) == (7, 9)
        changed = contact_editing.history(session, of(owner), owner.contact)
        assert {entry.user_id for entry in changed if entry.field == "balance"} == {other.user}
    with write_transaction(engine) as session, pytest.raises(Forbidden):
        contact_editing.edit_contact(session, of(other, Permission.LISTS_VIEW), owner.contact, edit)


def test_a_campaign_takes_a_shared_list_and_cannot_start_without_the_share(
    engine: Engine, worlds: tuple[World, World]
) -> None:
    owner, other = worlds
    actor = of(other)
    with write_transaction(engine) as session, pytest.raises(Refused, match="or is shared with it"):
        campaigns.create_campaign(session, actor, fields(other, owner.contact_list), other.organization_id)
    share(engine, owner)
    with write_transaction(engine) as session:
        made = campaigns.create_campaign(session, actor, fields(other, owner.contact_list), other.organization_id)
        job = jobs.start_job(session, actor, made.id)
        assert (job.organization_id, job.settings["hidden_attributes"]) == (other.organization_id, ["salary"])
        job.state = "completed"
        spare = lists.create_list(session, of(owner), "Spare")
        session.get_one(Campaign, owner.campaign).contact_list_id = spare.id
    with pytest.raises(Refused, match="a campaign of another organization uses this list"):
        lists.delete_list(engine, of(owner), owner.contact_list)
    with write_transaction(engine) as session:
        shared = sharing.shares_of(session, of(owner), owner.contact_list)
        sharing.unshare(session, of(owner), owner.contact_list, shared[0].id)
        with pytest.raises(Refused, match="or is shared with it"):
            jobs.start_job(session, actor, made.id)


def test_refuses_shares_that_mean_nobody(engine: Engine, worlds: tuple[World, World]) -> None:
    owner, _ = worlds
    for whom, words in (("Nobody", "there is none named"), ("", "there is none named"), ("Owner", "its own already")):
        with write_transaction(engine) as session, pytest.raises(Refused, match=words):
            sharing.share(session, of(owner), owner.contact_list, whom)


def test_stop_by_sms_holds_with_whoever_may_have_written(engine: Engine, worlds: tuple[World, World]) -> None:
    owner, other = worlds
    number, reply = "+12025550177", "+12025550178"
    with write_transaction(engine) as session:
        third = build(session, "Third")
        for contact, value in ((owner.contact, number), (third.contact, reply)):
            address = {"organization_id": owner.organization_id, "contact_id": contact, "kind": "phone"}
            session.add(Address(**address, name="phone1", value=value))
        # It was shared with the third when that wrote to the contact.
        session.execute(update(Attempt).where(Attempt.id == third.attempt).values(contact_id=owner.contact))
    share(engine, owner)

    def listed(whose: World, value: str) -> bool:
        with read_transaction(engine) as session:
            return dnc.is_listed(session, whose.organization_id, "phone", value)

    with write_transaction(engine) as session:
        assert receipts.stop(session, number, "STOP") == 3
    assert all(listed(world, number) for world in (owner, other, third))
    share(engine, owner, "*")
    with write_transaction(engine) as session:
        session.get_one(Contact, third.contact).contact_list_id = owner.contact_list
        assert receipts.stop(session, reply, "STOP") == 3


def test_each_organization_tells_of_its_own_attempts_alone(engine: Engine, worlds: tuple[World, World]) -> None:
    owner, other = worlds
    share(engine, owner)
    with write_transaction(engine) as session:
        # The other's job has had the owner's contact.
        session.execute(update(Attempt).where(Attempt.id == other.attempt).values(contact_id=owner.contact))
        session.execute(update(JobContact).where(JobContact.job_id == other.job).values(contact_id=owner.contact))
        session.get_one(Job, owner.job).state = "stopped"
    with read_transaction(engine) as session:
        person = privacy.find_person(session, of(owner), "contact", str(owner.contact))
        ids = list(person.contact_ids)
        mine = disclosure._attempts(session, owner.organization_id, ids, person.traces)
        assert session.scalars(select(Attempt.id).where(mine)).all() == [owner.attempt]
        holds = explain.why_not_dialled(session, of(owner), owner.contact, utcnow())
        assert {hold.job_id for hold in holds} == {None}
