"""The panel: one folder an area, each with its views, forms and templates."""

from __future__ import annotations

from flask import Blueprint

from app.web.panel import (
    account,
    api_tokens,
    attributes,
    audit,
    calendars,
    campaigns,
    codes,
    consents,
    contacts,
    dashboard,
    dnc,
    filters,
    hosts,
    jobs,
    lists,
    media_servers,
    numbers,
    pacing,
    privacy,
    reveal,
    scripts,
    sources,
    strategies,
    trunks,
    undo,
    users,
    windows,
)


def blueprints() -> list[Blueprint]:
    return [
        account.blueprint,
        dashboard.blueprint,
        campaigns.blueprint,
        jobs.blueprint,
        scripts.blueprint,
        strategies.blueprint,
        codes.blueprint,
        windows.blueprint,
        calendars.blueprint,
        numbers.blueprint,
        pacing.blueprint,
        lists.blueprint,
        sources.blueprint,
        contacts.blueprint,
        attributes.blueprint,
        filters.blueprint,
        dnc.blueprint,
        consents.blueprint,
        privacy.blueprint,
        reveal.blueprint,
        trunks.blueprint,
        media_servers.blueprint,
        hosts.blueprint,
        users.blueprint,
        api_tokens.blueprint,
        audit.blueprint,
        undo.blueprint,
    ]
