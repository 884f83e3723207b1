"""Contacts and their lists, imports, do not call, consent and privacy."""

from __future__ import annotations

from app.core.audience import Filter
from app.security.secrets import Vault
from app.services import (
    attributes,
    audience,
    consent_files,
    consents,
    contact_editing,
    contact_push,
    contact_undo,
    contacts,
    dnc,
    dnc_files,
    dnc_groups,
    dnc_values,
    exclusions,
    importing,
    list_changes,
    lists,
    privacy,
    reveals,
    sharing,
    sources,
)
from app.services.contact_editing import Edit
from app.services.sources import SourceFields
from common.clock import utcnow
from tests.support.service_calls.call import Call, Cases

SOURCE = SourceFields("Another", "folder", folder="people")
CONSENT = consents.ConsentFields("voice", "marketing", "paper")
SPLIT = list_changes.Plan((list_changes.Part("Half", share=0.5),))
VAULT = Vault("tests only secret key")


def person(call: Call) -> privacy.Person:
    return privacy.find_person(call.session, call.actor, "contact", str(call.it.contact))


CASES: Cases = {
    "consents.evidence": lambda c: consents.evidence(c.session, c.actor, c.it.consent_evidence),
    "consents.export_csv": lambda c: list(consents.export_csv(c.session, c.actor)),
    "consents.give": lambda c: consents.give(c.session, c.actor, ("contact_id", "x"), CONSENT, c.it.organization_id),
    "consents.of_contact": lambda c: consents.of_contact(c.session, c.actor, c.it.contact),
    "consents.revoke": lambda c: consents.revoke(
        c.session, c.actor, ("contact_id", "x"), CONSENT, c.it.organization_id
    ),
    "consents.of_subject": lambda c: consents.of_subject(
        c.session, c.actor, ("contact_id", c.it.marker), c.it.organization_id
    ),
    "consent_files.list_files": lambda c: consent_files.list_files(c.session, c.actor),
    "consent_files.rejects_csv": lambda c: list(consent_files.rejects_csv(c.session, c.actor, c.it.consent_file)),
    "consent_files.request_cancel": lambda c: consent_files.request_cancel(c.session, c.actor, c.it.consent_file),
    "consent_files.start_file": lambda c: consent_files.start_file(
        c.session, c.actor, "consents.csv", organization_id=c.it.organization_id
    ),
    "consent_files.take_file": lambda c: consent_files.take_file(
        c.engine, c.actor, c.csv, organization_id=c.it.organization_id
    ),
    "contact_push.find_pushed": lambda c: contact_push.find_pushed(c.session, c.actor, c.it.contact_list, c.it.marker),
    "contact_push.push": lambda c: contact_push.push(
        c.session, c.actor, c.it.contact_list, [{"id": "pushed", "phone1": "2025550100"}]
    ),
    "contact_push.withdraw": lambda c: contact_push.withdraw(c.session, c.actor, c.it.contact_list, c.it.marker),
    "contacts.delete_contact": lambda c: contacts.delete_contact(c.session, c.actor, c.it.contact),
    "contacts.export_csv": lambda c: list(contacts.export_csv(c.session, c.actor, c.it.contact_list)),
    "contacts.get_contact": lambda c: contacts.get_contact(c.session, c.actor, c.it.contact),
    "lists.list_names": lambda c: lists.list_names(c.session, c.actor),
    "audience.list_filters": lambda c: audience.list_filters(c.session, c.actor),
    "audience.get_filter": lambda c: audience.get_filter(c.session, c.actor, c.it.filter_template),
    "audience.create_filter": lambda c: audience.create_filter(
        c.session, c.actor, "New", Filter(), organization_id=c.it.organization_id
    ),
    "audience.update_filter": lambda c: audience.update_filter(
        c.session, c.actor, c.it.filter_template, "Changed", Filter()
    ),
    "audience.delete_filter": lambda c: audience.delete_filter(c.session, c.actor, c.it.filter_template),
    "audience.preview": lambda c: audience.preview(c.session, c.actor, c.it.contact_list, Filter(), utcnow()),
    "attributes.get_attribute": lambda c: attributes.get_attribute(c.session, c.actor, c.it.attribute),
    "attributes.update_attribute": lambda c: attributes.update_attribute(
        c.session, c.actor, c.it.attribute, read_only=True, masked=True, private=True
    ),
    "attributes.attribute_use": lambda c: attributes.attribute_use(c.session, c.actor, c.it.attribute),
    "attributes.delete_attribute": lambda c: attributes.delete_attribute(c.session, c.actor, c.it.attribute),
    "contact_editing.edit_contact": lambda c: contact_editing.edit_contact(
        c.session, c.actor, c.it.contact, Edit({"first_name": "New"}, {}, ())
    ),
    "contact_editing.changes_of_run": lambda c: contact_editing.changes_of_run(c.session, c.actor, c.it.import_run),
    "contact_editing.history": lambda c: contact_editing.history(c.session, c.actor, c.it.contact),
    "contact_undo.restore": lambda c: contact_undo.restore(c.session, c.actor, c.it.contact),
    "contact_undo.undo_change": lambda c: contact_undo.undo_change(c.session, c.actor, c.it.contact_change),
    "contacts.search_contacts": lambda c: contacts.search_contacts(c.session, c.actor),
    "dnc.add": lambda c: dnc.add(c.session, c.actor, [("contact_id", "x")], dnc_list_id=c.it.dnc_list),
    "dnc.create_dnc_list": lambda c: dnc.create_dnc_list(c.session, c.actor, "New", c.it.organization_id),
    "dnc.export_csv": lambda c: list(dnc.export_csv(c.session, c.actor, c.it.dnc_list)),
    "dnc.find_dnc_list": lambda c: dnc.find_dnc_list(c.session, c.actor, c.it.marker),
    "dnc.list_dnc_lists": lambda c: dnc.list_dnc_lists(c.session, c.actor),
    "dnc.list_entries": lambda c: dnc.list_entries(c.session, c.actor, c.it.dnc_list),
    "dnc.remove": lambda c: dnc.remove(c.session, c.actor, c.it.dnc_entry),
    "dnc_files.ages": lambda c: dnc_files.ages(c.session, c.actor),
    "dnc_files.list_files": lambda c: dnc_files.list_files(c.session, c.actor, c.it.dnc_list),
    "dnc_files.set_national": lambda c: dnc_files.set_national(c.session, c.actor, c.it.dnc_list, "gb"),
    "dnc_files.request_cancel": lambda c: dnc_files.request_cancel(c.session, c.actor, c.it.dnc_file),
    "dnc_files.start_file": lambda c: dnc_files.start_file(
        c.session, c.actor, c.it.dnc_list, "numbers.csv", dnc_files.FileFields()
    ),
    "dnc_files.take_file": lambda c: dnc_files.take_file(
        c.engine, c.actor, c.it.dnc_list, c.csv, dnc_files.FileFields()
    ),
    "dnc_groups.delete_group": lambda c: dnc_groups.delete_group(c.session, c.actor, c.it.dnc_group),
    "dnc_groups.list_groups": lambda c: dnc_groups.list_groups(c.session, c.actor),
    "dnc_groups.put_group": lambda c: dnc_groups.put_group(
        c.session, c.actor, "Another", [c.it.dnc_list], [c.it.campaign], c.it.organization_id
    ),
    "dnc_groups.set_by_group": lambda c: dnc_groups.set_by_group(c.session, c.actor, c.it.dnc_list, True),
    "dnc_values.check": lambda c: dnc_values.check(c.session, c.actor, [("phone", "+12025550100")]),
    "dnc_values.take_off": lambda c: dnc_values.take_off(
        c.session, c.actor, [("phone", "+12025550100")], dnc_list_id=c.it.dnc_list
    ),
    "exclusions.campaign_names": lambda c: exclusions.campaign_names(c.session, c.actor, c.it.organization_id),
    "exclusions.campaign_of": lambda c: exclusions.campaign_of(c.session, c.actor, c.it.organization_id, "Meadow"),
    "exclusions.exclude": lambda c: exclusions.exclude(c.session, c.actor, c.it.contact_list, [("id", "1")]),
    "exclusions.excluded_from": lambda c: exclusions.excluded_from(c.session, c.actor, c.it.contact),
    "exclusions.list_excluded": lambda c: exclusions.list_excluded(c.session, c.actor, c.it.contact_list),
    "exclusions.reset": lambda c: exclusions.reset(c.session, c.actor, c.it.contact_list, [("id", "1")]),
    "exclusions.reset_list": lambda c: exclusions.reset_list(c.engine, c.actor, c.it.contact_list),
    "importing.confirm_removal": lambda c: importing.confirm_removal(c.engine, c.actor, c.it.import_run),
    "importing.dismiss_removal": lambda c: importing.dismiss_removal(c.engine, c.actor, c.it.import_run),
    "importing.undo_removal": lambda c: importing.undo_removal(c.engine, c.actor, c.it.import_run),
    "importing.find_runs": lambda c: importing.find_runs(c.session, c.actor, {c.it.import_run}),
    "importing.get_run": lambda c: importing.get_run(c.session, c.actor, c.it.import_run),
    "importing.import_file": lambda c: importing.import_file(c.engine, c.actor, c.it.contact_list, c.csv),
    "importing.reveal_reject": lambda c: importing.reveal_reject(c.session, c.actor, c.it.import_reject),
    "importing.list_rejects": lambda c: importing.list_rejects(c.session, c.actor, c.it.import_run),
    "importing.list_runs": lambda c: importing.list_runs(c.session, c.actor),
    "importing.rejects_csv": lambda c: list(importing.rejects_csv(c.session, c.actor, c.it.import_run)),
    "importing.remembered_mapping": lambda c: importing.remembered_mapping(
        c.session, c.actor, c.it.contact_list, ["id", "phone1"]
    ),
    "importing.request_cancel": lambda c: importing.request_cancel(c.session, c.actor, c.it.import_run),
    "importing.run_import": lambda c: importing.run_import(c.engine, c.actor, c.it.import_run, c.csv),
    "importing.start_import": lambda c: importing.start_import(c.session, c.actor, c.it.contact_list, c.csv),
    "importing.start_tried": lambda c: importing.start_tried(c.session, c.actor, c.it.import_run),
    "importing.summary": lambda c: importing.summary(c.session, c.actor, c.it.import_run),
    "importing.try_out": lambda c: importing.try_out(
        c.session, c.actor, c.it.contact_list, c.csv, {"id": "id", "phone1": "phone1"}, {}
    ),
    "importing.unfinished": lambda c: importing.unfinished(c.session, c.actor),
    "list_changes.look": lambda c: list_changes.look(c.session, c.actor, c.it.contact_list, Filter(), utcnow()),
    "list_changes.start_deletion": lambda c: list_changes.start_deletion(
        c.session, c.actor, c.it.contact_list, Filter(), expected=1, last_id=1
    ),
    "list_changes.look_split": lambda c: list_changes.look_split(
        c.session, c.actor, c.it.contact_list, SPLIT, utcnow()
    ),
    "list_changes.start_split": lambda c: list_changes.start_split(
        c.session, c.actor, c.it.contact_list, SPLIT, expected=1, last_id=1
    ),
    "list_changes.list_changes": lambda c: list_changes.list_changes(c.session, c.actor, c.it.contact_list),
    "list_changes.get_change": lambda c: list_changes.get_change(c.session, c.actor, c.it.list_change),
    "list_changes.cancel": lambda c: list_changes.cancel(c.session, c.actor, c.it.list_change),
    "list_changes.undo": lambda c: list_changes.undo(c.session, c.actor, c.it.list_change),
    "lists.create_list": lambda c: lists.create_list(
        c.session, c.actor, "Another", organization_id=c.it.organization_id
    ),
    "lists.define_attribute": lambda c: lists.define_attribute(
        c.session, c.actor, "another", organization_id=c.it.organization_id
    ),
    "lists.delete_list": lambda c: lists.delete_list(c.engine, c.actor, c.it.contact_list),
    "lists.find_list": lambda c: lists.find_list(c.session, c.actor, c.it.marker),
    "lists.get_list": lambda c: lists.get_list(c.session, c.actor, c.it.contact_list),
    "lists.list_attributes": lambda c: lists.list_attributes(c.session, c.actor),
    "lists.list_lists": lambda c: lists.list_lists(c.session, c.actor),
    "lists.update_list": lambda c: lists.update_list(
        c.session, c.actor, c.it.contact_list, name="Mine now", description="", home_country="US"
    ),
    "privacy.find_person": lambda c: person(c),
    "privacy.list_rules": lambda c: privacy.list_rules(c.session, c.actor, c.it.organization_id),
    "privacy.preview_purge": lambda c: privacy.preview_purge(c.session, c.actor, utcnow(), c.it.organization_id),
    "privacy.set_rule": lambda c: privacy.set_rule(c.session, c.actor, "traces", 9, c.it.organization_id),
    "privacy.fetch_export": lambda c: privacy.fetch_export(c.session, c.actor, c.it.subject_export, c.csv.parent),
    "privacy.list_exports": lambda c: privacy.list_exports(c.session, c.actor),
    "privacy.request_export": lambda c: privacy.request_export(c.session, c.actor, VAULT, person(c)),
    "privacy.get_erasure": lambda c: privacy.get_erasure(c.session, c.actor, c.it.erasure),
    "privacy.list_erasures": lambda c: privacy.list_erasures(c.session, c.actor),
    "privacy.preview": lambda c: privacy.preview(c.session, c.actor, person(c)),
    "privacy.request_erasure": lambda c: privacy.request_erasure(c.session, c.actor, VAULT, person(c)),
    "reveals.masked": lambda c: reveals.masked(c.session, c.actor, "entry", str(c.it.dnc_entry)),
    "reveals.reveal": lambda c: reveals.reveal(c.session, c.actor, "entry", str(c.it.dnc_entry)),
    "sharing.visible_list": lambda c: sharing.visible_list(c.session, c.actor, c.it.contact_list),
    "sharing.visible_contact": lambda c: sharing.visible_contact(c.session, c.actor, c.it.contact),
    "sharing.shares_of": lambda c: sharing.shares_of(c.session, c.actor, c.it.contact_list),
    "sharing.share": lambda c: sharing.share(c.session, c.actor, c.it.contact_list, "*"),
    "sharing.unshare": lambda c: sharing.unshare(c.session, c.actor, c.it.contact_list, 1),
    "sources.create_source": lambda c: sources.create_source(
        c.session, c.actor, c.it.contact_list, SOURCE, Vault("key")
    ),
    "sources.delete_source": lambda c: sources.delete_source(c.session, c.actor, c.it.data_source),
    "sources.get_source": lambda c: sources.get_source(c.session, c.actor, c.it.data_source),
    "sources.list_sources": lambda c: sources.list_sources(c.session, c.actor),
    "sources.pin": lambda c: sources.pin(c.session, c.actor, c.it.data_source, "SHA256:" + "x" * 43),
    "sources.probe": lambda c: sources.probe(c.session, c.actor, c.it.data_source, c.csv.parent, Vault("key")),
    "sources.run_now": lambda c: sources.run_now(c.session, c.actor, c.it.data_source),
    "sources.set_paused": lambda c: sources.set_paused(c.session, c.actor, c.it.data_source, True),
    "sources.source_runs": lambda c: sources.source_runs(c.session, c.actor, c.it.data_source),
    "sources.update_source": lambda c: sources.update_source(
        c.session, c.actor, c.it.data_source, SOURCE, Vault("key")
    ),
}
