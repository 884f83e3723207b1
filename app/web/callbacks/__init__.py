"""Where providers and recipients call back: SMS status and replies, unsubscribing from mail. No sign-in, no CSRF:
signatures and signed addresses instead."""

from __future__ import annotations

from flask import Blueprint

from app.web.callbacks import twilio, unsubscribe


def blueprints() -> list[Blueprint]:
    return [twilio.blueprint, unsubscribe.blueprint]
