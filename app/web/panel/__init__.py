"""The panel: one folder an area, each with its views, forms and templates."""

from __future__ import annotations

from flask import Blueprint

from app.web.panel import account, audit, campaigns, contacts, dashboard, dnc, jobs, lists, scripts, users


def blueprints() -> list[Blueprint]:
    return [
        account.blueprint,
        dashboard.blueprint,
        campaigns.blueprint,
        jobs.blueprint,
        scripts.blueprint,
        lists.blueprint,
        contacts.blueprint,
        dnc.blueprint,
        users.blueprint,
        audit.blueprint,
    ]
