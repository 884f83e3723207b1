"""Completion codes, roles and pacing modes as people read them."""

from __future__ import annotations

from app.core.completion import SYSTEM_CODES
from app.core.phone import NumberType
from app.models import Role

_SHORT = frozenset({"SMS", "DNC", "RPC"})
_WAITING = frozenset({"CALL_BUSY", "RING_NO_ANSWER", "ATTEMPT_IN_PROGRESS", "RESTRICTED_TIME", "RESTRICTED_RULE"})
_FAULTS = frozenset(
    {"APPLICATION_ERROR", "TRUNK_FAULT", "SYSTEM_ERROR", "INVALID_NUMBER", "NETWORK_REFUSAL", "OUTCOME_UNKNOWN"}
)

ROLE_NAMES: dict[Role, str] = {
    Role.ADMINISTRATION: "Administrator",
    Role.CAMPAIGN_MANAGER: "Campaign manager",
    Role.SUPERVISOR: "Supervisor",
    Role.ORG_CAMPAIGN_MANAGER: "Organization campaign manager",
    Role.ORG_SUPERVISOR: "Organization supervisor",
    Role.ATTRIBUTES_UNMASK: "Sees masked attributes",
    Role.NUMBERS_REVEAL: "Reveals masked numbers one by one",
    Role.ATTRIBUTES_REVEAL: "Reveals masked attributes one by one",
}

TYPE_WORDS = {
    NumberType.MOBILE.value: "Mobile",
    NumberType.FIXED_LINE.value: "Fixed line",
    NumberType.FIXED_OR_MOBILE.value: "Fixed line or mobile",
    NumberType.TOLL_FREE.value: "Toll free",
    NumberType.SHARED_COST.value: "Shared cost",
    NumberType.VOIP.value: "Voice over IP",
    NumberType.PERSONAL.value: "Personal number",
    NumberType.UAN.value: "Company number",
    NumberType.PREMIUM_RATE.value: "Premium rate",
    NumberType.PAGER.value: "Pager",
    NumberType.VOICEMAIL.value: "Voicemail access",
}

MODE_NAMES = {
    "predictive": "Predictive",
    "progressive": "Progressive",
    "timed_preview": "Timed preview",
    "preview": "Preview",
    "manual": "Manual",
    "expert": "Predictive, expert ratio",
    "adaptive": "Adaptive (as other dialers do)",
    "ratio": "Fixed ratio",
    "agentless": "Without agents, as each campaign says",
}


def code_words(name: str) -> str:
    """`RING_NO_ANSWER` as `Ring no answer`; abbreviations stay."""
    words = [word if word in _SHORT else word.lower() for word in name.split("_")]
    if words and words[0] not in _SHORT:
        words[0] = words[0].capitalize()
    return " ".join(words)


def code_class(name: str, *, success: bool = False, human: bool = False) -> str:
    """The colour of a code: success, a person reached, a fault, or waiting; custom codes bring their own flags."""
    known = SYSTEM_CODES.get(name)
    if success or (known and known.success) or name.endswith("_DELIVERED"):
        return "is-good"
    if name in _FAULTS or "FAILED" in name or "BOUNCE" in name:
        return "is-bad"
    if human or (known and known.human):
        return "is-people"
    return "is-wait" if name in _WAITING else ""
