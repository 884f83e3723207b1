"""The side menu: what the signed-in person may open."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request
from flask_login import current_user

from app.security.access import Permission


@dataclass(frozen=True, slots=True)
class Entry:
    title: str
    icon: str
    href: str
    needs: Permission
    active: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    entries: tuple[Entry, ...]


_MENU = (
    Section(
        "",
        (Entry("Dashboard", "dashboard", "/", Permission.JOBS_VIEW),),
    ),
    Section(
        "Outreach",
        (
            Entry("Campaigns", "speakerphone", "/campaigns/", Permission.CAMPAIGNS_VIEW),
            Entry("Jobs", "activity", "/jobs/", Permission.JOBS_VIEW),
            Entry("Scripts", "file-code", "/scripts/", Permission.SCRIPTS_VIEW),
            Entry("Strategies", "route", "/strategies/", Permission.STRATEGIES_VIEW),
            Entry("Completion codes", "list-details", "/codes/", Permission.STRATEGIES_VIEW),
            Entry("Calling windows", "clock", "/windows/", Permission.CAMPAIGNS_VIEW),
            Entry("Calendars", "calendar", "/calendars/", Permission.CAMPAIGNS_VIEW),
            Entry("Numbers", "phone", "/numbers/", Permission.CAMPAIGNS_VIEW),
            Entry("Try out pacing", "flask", "/pacing/", Permission.CAMPAIGNS_VIEW),
        ),
    ),
    Section(
        "People",
        (
            Entry("Contact lists", "address-book", "/lists/", Permission.LISTS_VIEW),
            Entry("Data sources", "server", "/sources/", Permission.LISTS_VIEW),
            Entry("Contacts", "users", "/contacts/", Permission.LISTS_VIEW),
            Entry("Attributes", "list-details", "/attributes/", Permission.LISTS_VIEW),
            Entry("Filters", "filter", "/filters/", Permission.LISTS_VIEW),
            Entry("Do not call", "phone-off", "/dnc/", Permission.DNC_VIEW),
            Entry("Consents", "shield-check", "/consents/", Permission.DNC_VIEW),
            Entry("Privacy", "shield-lock", "/privacy/", Permission.PRIVACY_MANAGE),
        ),
    ),
    Section(
        "Administration",
        (
            Entry("Trunks", "phone-outgoing", "/trunks/", Permission.SETTINGS_MANAGE),
            Entry("Media servers", "server", "/media-servers/", Permission.JOBS_VIEW),
            Entry("Allowed servers", "external-link", "/hosts/", Permission.SETTINGS_MANAGE),
            Entry("Users", "user", "/users/", Permission.USERS_MANAGE),
            Entry("API tokens", "key", "/api-tokens/", Permission.USERS_MANAGE),
            Entry("Audit", "history", "/audit/", Permission.AUDIT_VIEW),
        ),
    ),
)


def navigation() -> list[Section]:
    sections = []
    for section in _MENU:
        entries = tuple(
            Entry(entry.title, entry.icon, entry.href, entry.needs, _is_active(entry.href))
            for entry in section.entries
            if current_user.can(entry.needs)
        )
        if entries:
            sections.append(Section(section.title, entries))
    return sections


def _is_active(href: str) -> bool:
    return request.path == "/" if href == "/" else request.path.startswith(href)
