"""Campaigns, jobs and what they are made of: scripts, strategies, numbers, trunks, calendars."""

from __future__ import annotations

from datetime import date

from app.security.secrets import Vault
from app.services import (
    calendars,
    campaigns,
    choices,
    codes,
    dashboard,
    dialing_rules,
    drafts,
    explain,
    jobs,
    number_formats,
    number_trials,
    pacing_trials,
    refused_numbers,
    reports,
    scripts,
    strategies,
    test_calls,
    trunks,
    windows,
)
from app.services.campaigns import CampaignFields
from app.services.codes import Flags
from app.services.dialing_rules import DialingRuleFields
from app.services.number_formats import NumberFormatFields
from app.services.refused_numbers import OpenedRangeFields, RejectPatternFields
from app.services.trunks import TrunkFields
from app.services.windows import WindowFields
from common.clock import utcnow
from tests.support.organizations import World
from tests.support.service_calls.call import Cases

TRUNK = TrunkFields("Another", "127.0.0.1")
WINDOW = WindowFields("Another", {"mon": [["09:00", "17:00"]]})
VXML = b'<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><block/></form></vxml>'


def fields(it: World) -> CampaignFields:
    return CampaignFields(
        name="Another", contact_list_id=it.contact_list, strategy_id=it.strategy, trunk_id=it.trunk, message="Hello",
        calling_window_id=it.calling_window, caller_id="+12025550100",
    )  # fmt: skip


CASES: Cases = {
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
    "pacing_trials.list_trials": lambda c: pacing_trials.list_trials(c.session, c.actor),
    "pacing_trials.get_trial": lambda c: pacing_trials.get_trial(c.session, c.actor, c.it.pacing_trial),
    "pacing_trials.cancel": lambda c: pacing_trials.cancel(c.session, c.actor, c.it.pacing_trial),
    "pacing_trials.remove": lambda c: pacing_trials.remove(c.session, c.actor, c.it.pacing_trial),
    "pacing_trials.past_calls": lambda c: pacing_trials.past_calls(c.session, c.actor, c.it.campaign, utcnow()),
    "pacing_trials.start": lambda c: pacing_trials.start(
        c.session, c.actor, pacing_trials.Wanted(("ratio",), 5, 1.0, (c.it.campaign,)), utcnow(), c.it.organization_id
    ),
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
    "drafts.export": lambda c: drafts.export(c.session, c.actor, c.it.script_revision),
    "drafts.keep_test_run": lambda c: drafts.keep_test_run(c.session, c.actor, c.it.script_revision, [], {}),
    "drafts.put_together": lambda c: drafts.put_together(c.session, c.actor, c.it.script_revision, drafts.Changes({})),
    "drafts.save": lambda c: drafts.save(
        c.session, c.actor, c.it.script, drafts.Work({"main.vxml": VXML}, "main.vxml"), [], c.it.script_revision, 0
    ),
    "explain.why_not_dialled": lambda c: explain.why_not_dialled(c.session, c.actor, c.it.contact, utcnow()),
    "jobs.get_job": lambda c: jobs.get_job(c.session, c.actor, c.it.job),
    "jobs.list_jobs": lambda c: jobs.list_jobs(c.session, c.actor),
    "jobs.request": lambda c: jobs.request(c.session, c.actor, c.it.job, "pause"),
    "jobs.start_job": lambda c: jobs.start_job(c.session, c.actor, c.it.campaign),
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
    "strategies.add_draft": lambda c: strategies.add_draft(c.session, c.actor, c.it.strategy, "<strategy/>"),
    "strategies.create_strategy": lambda c: strategies.create_strategy(
        c.session, c.actor, "Another", "<strategy/>", "", c.it.organization_id
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
