"""How each service function that takes an actor is called: one line for each, which a test keeps complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.core.audience import Filter
from app.models import AllowedHost
from app.security.access import Actor
from app.security.secrets import Vault
from app.services import (
    api_tokens,
    attributes,
    audience,
    audit,
    calendars,
    campaigns,
    choices,
    codes,
    consent_files,
    consents,
    contact_editing,
    contact_push,
    contact_undo,
    contacts,
    dashboard,
    dialing_rules,
    dnc,
    dnc_files,
    dnc_groups,
    dnc_values,
    drafts,
    exclusions,
    explain,
    hosts,
    importing,
    jobs,
    list_changes,
    lists,
    media_servers,
    number_formats,
    number_trials,
    organizations,
    pacing_trials,
    privacy,
    refused_numbers,
    reports,
    reveals,
    scripts,
    sharing,
    sources,
    strategies,
    test_calls,
    trunks,
    undo,
    users,
    windows,
)
from app.services.campaigns import CampaignFields
from app.services.codes import Flags
from app.services.contact_editing import Edit
from app.services.dialing_rules import DialingRuleFields
from app.services.number_formats import NumberFormatFields
from app.services.refused_numbers import OpenedRangeFields, RejectPatternFields
from app.services.sources import SourceFields
from app.services.trunks import TrunkFields
from app.services.windows import WindowFields
from common.clock import utcnow
from tests.support.organizations import World

SOURCE = SourceFields("Another", "folder", folder="people")
TRUNK = TrunkFields("Another", "127.0.0.1")
CONSENT = consents.ConsentFields("voice", "marketing", "paper")
WINDOW = WindowFields("Another", {"mon": [["09:00", "17:00"]]})
SPLIT = list_changes.Plan((list_changes.Part("Half", share=0.5),))
VAULT = Vault("tests only secret key")
VXML = b'<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><block/></form></vxml>'


@dataclass(frozen=True, slots=True)
class Call:
    """What a case may use: `it` is the organization whose rows are asked for."""

    engine: Engine
    session: Session
    actor: Actor
    it: World
    csv: Path


def deleted_host(call: Call) -> dict[str, Any]:
    """As the one there is, by another id and name."""
    kept = undo.keep(call.session, Actor.system(), AllowedHost, call.it.allowed_host)
    return {**kept, "row": {**kept["row"], "id": 99, "origin": "https://deleted.example"}}


def person(call: Call) -> privacy.Person:
    return privacy.find_person(call.session, call.actor, "contact", str(call.it.contact))


def fields(it: World) -> CampaignFields:
    return CampaignFields(
        name="Another", contact_list_id=it.contact_list, strategy_id=it.strategy, trunk_id=it.trunk, message="Hello",
        calling_window_id=it.calling_window, caller_id="+12025550100",
    )  # fmt: skip


CASES: Mapping[str, Callable[[Call], Any]] = {
    "api_tokens.create_token": lambda c: api_tokens.create_token(
        c.session, c.actor, "Another", ["lists.view"], organization_id=c.it.organization_id
    ),
    "api_tokens.list_tokens": lambda c: api_tokens.list_tokens(c.session, c.actor),
    "api_tokens.revoke_token": lambda c: api_tokens.revoke_token(c.session, c.actor, c.it.api_token),
    "audit.export_csv": lambda c: list(audit.export_csv(c.session, c.actor)),
    "audit.list_entries": lambda c: audit.list_entries(c.session, c.actor),
    "calendars.add_holiday": lambda c: calendars.add_holiday(
        c.session, c.actor, calendars.HolidayFields(date(2026, 12, 24), "Eve"), c.it.organization_id
    ),
    "calendars.delete_guard_time": lambda c: calendars.delete_guard_time(c.session, c.actor, c.it.guard_time),
    "calendars.delete_holiday": lambda c: calendars.delete_holiday(c.session, c.actor, c.it.holiday),
    "calendars.delete_zone_rule": lambda c: calendars.delete_zone_rule(c.session, c.actor, c.it.zone_rule),
    "calendars.list_guard_times": lambda c: calendars.list_guard_times(c.session, c.actor),
    "calendars.list_holidays": lambda c: calendars.list_holidays(c.session, c.actor),
    "calendars.list_zone_rules": lambda c: calendars.list_zone_rules(c.session, c.actor),
    "calendars.put_guard_time": lambda c: calendars.put_guard_time(
        c.session, c.actor, "state", "US-FL", {}, "", c.it.organization_id
    ),
    "calendars.put_zone_rule": lambda c: calendars.put_zone_rule(
        c.session, c.actor, calendars.ZoneRuleFields("+1202", ["America/Denver"]), c.it.organization_id
    ),
    "campaigns.create_campaign": lambda c: campaigns.create_campaign(
        c.session, c.actor, fields(c.it), c.it.organization_id
    ),
    "campaigns.find_campaign": lambda c: campaigns.find_campaign(c.session, c.actor, c.it.marker),
    "campaigns.get_campaign": lambda c: campaigns.get_campaign(c.session, c.actor, c.it.campaign),
    "campaigns.list_campaigns": lambda c: campaigns.list_campaigns(c.session, c.actor),
    "campaigns.update_campaign": lambda c: campaigns.update_campaign(c.session, c.actor, c.it.campaign, fields(c.it)),
    "choices.campaign_choices": lambda c: choices.campaign_choices(c.session, c.actor),
    "codes.create_code": lambda c: codes.create_code(c.session, c.actor, "ANOTHER", Flags(), "", c.it.organization_id),
    "codes.delete_code": lambda c: codes.delete_code(c.engine, c.actor, c.it.completion_code),
    "codes.get_code": lambda c: codes.get_code(c.session, c.actor, c.it.completion_code),
    "codes.list_codes": lambda c: codes.list_codes(c.session, c.actor),
    "codes.list_system_codes": lambda c: codes.list_system_codes(c.session, c.actor),
    "codes.update_code": lambda c: codes.update_code(c.session, c.actor, c.it.completion_code, Flags(), "Mine now"),
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
    "pacing_trials.list_trials": lambda c: pacing_trials.list_trials(c.session, c.actor),
    "pacing_trials.get_trial": lambda c: pacing_trials.get_trial(c.session, c.actor, c.it.pacing_trial),
    "pacing_trials.cancel": lambda c: pacing_trials.cancel(c.session, c.actor, c.it.pacing_trial),
    "pacing_trials.remove": lambda c: pacing_trials.remove(c.session, c.actor, c.it.pacing_trial),
    "pacing_trials.past_calls": lambda c: pacing_trials.past_calls(c.session, c.actor, c.it.campaign, utcnow()),
    "pacing_trials.start": lambda c: pacing_trials.start(
        c.session, c.actor, pacing_trials.Wanted(("ratio",), 5, 1.0, (c.it.campaign,)), utcnow(), c.it.organization_id
    ),
    "contacts.search_contacts": lambda c: contacts.search_contacts(c.session, c.actor),
    "dashboard.overview": lambda c: dashboard.overview(c.session, c.actor, utcnow()),
    "dialing_rules.add_dialing_rule": lambda c: dialing_rules.add_dialing_rule(
        c.session, c.actor, DialingRuleFields("Another"), c.it.organization_id
    ),
    "dialing_rules.delete_dialing_rule": lambda c: dialing_rules.delete_dialing_rule(
        c.session, c.actor, c.it.dialing_rule
    ),
    "dialing_rules.list_dialing_rules": lambda c: dialing_rules.list_dialing_rules(c.session, c.actor),
    "dialing_rules.move_dialing_rule": lambda c: dialing_rules.move_dialing_rule(
        c.session, c.actor, c.it.dialing_rule, up=True
    ),
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
    "drafts.export": lambda c: drafts.export(c.session, c.actor, c.it.script_revision),
    "drafts.keep_test_run": lambda c: drafts.keep_test_run(c.session, c.actor, c.it.script_revision, [], {}),
    "drafts.put_together": lambda c: drafts.put_together(c.session, c.actor, c.it.script_revision, drafts.Changes({})),
    "drafts.save": lambda c: drafts.save(
        c.session, c.actor, c.it.script, drafts.Work({"main.vxml": VXML}, "main.vxml"), [], c.it.script_revision, 0
    ),
    "exclusions.campaign_names": lambda c: exclusions.campaign_names(c.session, c.actor, c.it.organization_id),
    "exclusions.campaign_of": lambda c: exclusions.campaign_of(c.session, c.actor, c.it.organization_id, "Meadow"),
    "exclusions.exclude": lambda c: exclusions.exclude(c.session, c.actor, c.it.contact_list, [("id", "1")]),
    "exclusions.excluded_from": lambda c: exclusions.excluded_from(c.session, c.actor, c.it.contact),
    "exclusions.list_excluded": lambda c: exclusions.list_excluded(c.session, c.actor, c.it.contact_list),
    "exclusions.reset": lambda c: exclusions.reset(c.session, c.actor, c.it.contact_list, [("id", "1")]),
    "exclusions.reset_list": lambda c: exclusions.reset_list(c.engine, c.actor, c.it.contact_list),
    "explain.why_not_dialled": lambda c: explain.why_not_dialled(c.session, c.actor, c.it.contact, utcnow()),
    "hosts.allow_host": lambda c: hosts.allow_host(c.session, c.actor, "a.example", "", c.it.organization_id),
    "hosts.list_hosts": lambda c: hosts.list_hosts(c.session, c.actor),
    "hosts.remove_host": lambda c: hosts.remove_host(c.session, c.actor, c.it.allowed_host),
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
    "jobs.get_job": lambda c: jobs.get_job(c.session, c.actor, c.it.job),
    "jobs.list_jobs": lambda c: jobs.list_jobs(c.session, c.actor),
    "jobs.request": lambda c: jobs.request(c.session, c.actor, c.it.job, "pause"),
    "jobs.start_job": lambda c: jobs.start_job(c.session, c.actor, c.it.campaign),
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
    "media_servers.list_media_servers": lambda c: media_servers.list_media_servers(c.session, c.actor),
    "number_formats.delete_number_format": lambda c: number_formats.delete_number_format(
        c.session, c.actor, c.it.number_format
    ),
    "number_formats.home_country_for": lambda c: number_formats.home_country_for(c.session, c.actor),
    "number_formats.list_number_defaults": lambda c: number_formats.list_number_defaults(c.session, c.actor),
    "number_formats.list_number_formats": lambda c: number_formats.list_number_formats(c.session, c.actor),
    "number_formats.put_number_defaults": lambda c: number_formats.put_number_defaults(
        c.session, c.actor, "GB", "*", c.it.organization_id
    ),
    "number_formats.put_number_format": lambda c: number_formats.put_number_format(
        c.session, c.actor, NumberFormatFields("FR", "9"), c.it.organization_id
    ),
    "number_trials.trunks_to_try": lambda c: number_trials.trunks_to_try(c.session, c.actor),
    "number_trials.try_number": lambda c: number_trials.try_number(
        c.session, c.actor, "+12025550100", c.it.trunk, organization_id=c.it.organization_id
    ),
    "organizations.find_organization": lambda c: organizations.find_organization(c.session, c.actor, c.it.marker),
    "organizations.list_organizations": lambda c: organizations.list_organizations(c.session, c.actor),
    "organizations.organization_for": lambda c: organizations.organization_for(
        c.session, c.actor, c.it.organization_id
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
    "refused_numbers.close_range": lambda c: refused_numbers.close_range(c.session, c.actor, c.it.opened_range),
    "refused_numbers.delete_reject_pattern": lambda c: refused_numbers.delete_reject_pattern(
        c.session, c.actor, c.it.reject_pattern
    ),
    "refused_numbers.list_opened_ranges": lambda c: refused_numbers.list_opened_ranges(c.session, c.actor),
    "refused_numbers.list_reject_patterns": lambda c: refused_numbers.list_reject_patterns(c.session, c.actor),
    "refused_numbers.open_range": lambda c: refused_numbers.open_range(
        c.session, c.actor, OpenedRangeFields("+870", utcnow().date(), "a ship"), c.it.organization_id
    ),
    "refused_numbers.put_reject_pattern": lambda c: refused_numbers.put_reject_pattern(
        c.session, c.actor, RejectPatternFields("976*"), c.it.organization_id
    ),
    "reveals.masked": lambda c: reveals.masked(c.session, c.actor, "entry", str(c.it.dnc_entry)),
    "reveals.reveal": lambda c: reveals.reveal(c.session, c.actor, "entry", str(c.it.dnc_entry)),
    "reports.attempt_detail": lambda c: reports.attempt_detail(c.session, c.actor, c.it.attempt),
    "reports.attempts_of_job": lambda c: reports.attempts_of_job(c.session, c.actor, c.it.job),
    "reports.contact_history": lambda c: reports.contact_history(c.session, c.actor, c.it.contact),
    "reports.job_summary": lambda c: reports.job_summary(c.session, c.actor, c.it.job),
    "reports.live_calls": lambda c: reports.live_calls(c.session, c.actor, c.it.job),
    "reports.rate_series": lambda c: reports.rate_series(c.session, c.actor, c.it.job, utcnow()),
    "scripts.create_script": lambda c: scripts.create_script(c.session, c.actor, "Another", "", c.it.organization_id),
    "scripts.get_revision": lambda c: scripts.get_revision(c.session, c.actor, c.it.script_revision),
    "scripts.get_script": lambda c: scripts.get_script(c.session, c.actor, c.it.script),
    "scripts.list_files": lambda c: scripts.list_files(c.session, c.actor, c.it.script_revision),
    "scripts.list_revisions": lambda c: scripts.list_revisions(c.session, c.actor, c.it.script),
    "scripts.list_scripts": lambda c: scripts.list_scripts(c.session, c.actor),
    "scripts.publish": lambda c: scripts.publish(c.session, c.actor, c.it.script_revision),
    "scripts.upload_revision": lambda c: scripts.upload_revision(
        c.session, c.actor, c.it.script, scripts.prepare("main.vxml", VXML)
    ),
    "sharing.visible_list": lambda c: sharing.visible_list(c.session, c.actor, c.it.contact_list),
    "sharing.visible_contact": lambda c: sharing.visible_contact(c.session, c.actor, c.it.contact),
    "sharing.shares_of": lambda c: sharing.shares_of(c.session, c.actor, c.it.contact_list),
    "sharing.share": lambda c: sharing.share(c.session, c.actor, c.it.contact_list, "*"),
    "sharing.unshare": lambda c: sharing.unshare(c.session, c.actor, c.it.contact_list, 1),
    "strategies.add_draft": lambda c: strategies.add_draft(c.session, c.actor, c.it.strategy, "<strategy/>"),
    "strategies.create_strategy": lambda c: strategies.create_strategy(
        c.session, c.actor, "Another", "<strategy/>", "", c.it.organization_id
    ),
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
    "strategies.ensure_shipped": lambda c: strategies.ensure_shipped(c.session, c.actor, c.it.organization_id),
    "strategies.get_revision": lambda c: strategies.get_revision(c.session, c.actor, c.it.strategy_revision),
    "strategies.get_strategy": lambda c: strategies.get_strategy(c.session, c.actor, c.it.strategy),
    "strategies.list_revisions": lambda c: strategies.list_revisions(c.session, c.actor, c.it.strategy),
    "strategies.list_strategies": lambda c: strategies.list_strategies(c.session, c.actor),
    "strategies.publish": lambda c: strategies.publish(c.session, c.actor, c.it.strategy_revision),
    "trunks.create_trunk": lambda c: trunks.create_trunk(c.session, c.actor, TRUNK, Vault("key"), c.it.organization_id),
    "trunks.delete_trunk": lambda c: trunks.delete_trunk(c.session, c.actor, c.it.trunk),
    "trunks.get_trunk": lambda c: trunks.get_trunk(c.session, c.actor, c.it.trunk),
    "trunks.list_trunks": lambda c: trunks.list_trunks(c.session, c.actor),
    "trunks.resume_trunk": lambda c: trunks.resume_trunk(c.session, c.actor, c.it.trunk),
    "trunks.trunk_use": lambda c: trunks.trunk_use(c.session, c.actor, c.it.trunk),
    "undo.keep": lambda c: undo.keep(c.session, c.actor, AllowedHost, c.it.allowed_host),
    "undo.put_back": lambda c: undo.put_back(c.session, c.actor, deleted_host(c)),
    "trunks.update_trunk": lambda c: trunks.update_trunk(c.session, c.actor, c.it.trunk, TRUNK, Vault("key")),
    "test_calls.cancel": lambda c: test_calls.cancel(c.session, c.actor, c.it.test_call),
    "test_calls.get_test_call": lambda c: test_calls.get_test_call(c.session, c.actor, c.it.test_call),
    "test_calls.list_test_calls": lambda c: test_calls.list_test_calls(c.session, c.actor, c.it.script_revision),
    "test_calls.options": lambda c: test_calls.options(c.session, c.actor, c.it.script_revision),
    "test_calls.request": lambda c: test_calls.request(
        c.session,
        c.actor,
        c.it.script_revision,
        test_calls.Wanted("+12025550100", c.it.trunk, c.it.calling_window, "+12025550101"),
    ),
    "users.add_user": lambda c: users.add_user(
        c.session, c.actor, login="mallory", roles=["org_supervisor"], organization_id=c.it.organization_id
    ),
    "users.find_user": lambda c: users.find_user(c.session, c.actor, c.it.marker),
    "users.list_users": lambda c: users.list_users(c.session, c.actor),
    "users.reset_password": lambda c: users.reset_password(c.session, c.actor, c.it.user),
    "users.set_disabled": lambda c: users.set_disabled(c.session, c.actor, c.it.user, True),
    "users.set_roles": lambda c: users.set_roles(c.session, c.actor, c.it.user, ["org_supervisor"]),
    "windows.create_window": lambda c: windows.create_window(c.session, c.actor, WINDOW, c.it.organization_id),
    "windows.delete_window": lambda c: windows.delete_window(c.session, c.actor, c.it.calling_window),
    "windows.ensure_default_windows": lambda c: windows.ensure_default_windows(
        c.session, c.actor, c.it.organization_id
    ),
    "windows.get_window": lambda c: windows.get_window(c.session, c.actor, c.it.calling_window),
    "windows.list_windows": lambda c: windows.list_windows(c.session, c.actor),
    "windows.update_window": lambda c: windows.update_window(c.session, c.actor, c.it.calling_window, WINDOW),
    "windows.window_use": lambda c: windows.window_use(c.session, c.actor, c.it.calling_window),
}
#: Functions that take an actor and have no organization to cross, with the reason.
ELSEWHERE = {
    "sharing.is_foreign": "compares an actor with a row that the caller has already been given",
    "sharing.may_edit": "tells of a list that the caller has already been given",
    "masked.masked_attributes": "tells of organizations whose rows the caller has already been given",
    "contact_editing.editable": "tells of a contact that the caller has already been given",
    "contacts.views_of": "shows rows that the caller has already been given",
    "audit.record": "writes about a row that the caller has already been given",
    "examples.load_example": "sets up a new installation; called by `clarion up` alone",
    "trunks.may_change": "compares an actor with a row that the caller has already been given",
    "users.change_own_password": "concerns the actor's own row only",
    "users.end_sessions": "concerns the actor's own row only",
}
#: Need no permission: they tell an actor of its own organization.
OPEN = {name for name in CASES if name.startswith("organizations.")}
