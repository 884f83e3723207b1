"""Filters of contact lists: kept by organizations, asked of the database, explained."""

from __future__ import annotations

from app.services.audience.templates import (
    Preview,
    attribute_types,
    create_filter,
    delete_filter,
    get_filter,
    list_filters,
    pinned,
    preview,
    update_filter,
)

__all__ = [
    "Preview",
    "attribute_types",
    "create_filter",
    "delete_filter",
    "get_filter",
    "list_filters",
    "pinned",
    "preview",
    "update_filter",
]
