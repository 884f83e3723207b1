"""What a campaign wants to know of who answers, and what follows: part of a `CallRequest`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, Self

from common.errors import Refused
from common.profiles import PROFILES, checked_figures


class Mode(StrEnum):
    #: Whoever answers is taken for a person.
    OFF = "off"
    #: The application speaks once it is decided who answered.
    BEFORE = "before"
    #: The application speaks at once; what is decided meanwhile takes effect then.
    BACKGROUND = "background"


class OnMachine(StrEnum):
    HANG_UP = "hang_up"
    #: The application begins, anew in background mode, after the beep.
    LEAVE_MESSAGE = "leave_message"
    #: The application talks to it as to a person.
    GO_ON = "go_on"


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """`timeout` is seconds after the answer; then it counts as human, or as silence with `silence_detection`.

    `figures` are those of the profile that are set otherwise, as in `common.profiles.FIGURES`.
    """

    mode: Mode = Mode.OFF
    on_machine: OnMachine = OnMachine.HANG_UP
    profile: str = "human-first"
    timeout: float = 20.0
    silence_detection: bool = False
    figures: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """Raise Refused naming the field."""
        known = {item.name for item in fields(cls)}
        for name in body:
            if name not in known:
                raise Refused(f"answer.{name}: unknown field; the fields are {', '.join(sorted(known))}")
        values = dict(body)
        for name, kind in (("mode", Mode), ("on_machine", OnMachine)):
            if name in values:
                try:
                    values[name] = kind(values[name])
                except ValueError:
                    raise Refused(f"answer.{name}: write one of {', '.join(kind)}") from None
        rules = cls(**values)
        if rules.profile not in PROFILES:
            raise Refused(f"answer.profile: write one of {', '.join(PROFILES)}")
        if isinstance(rules.timeout, bool) or not isinstance(rules.timeout, int | float) or not 0 < rules.timeout <= 60:
            raise Refused("answer.timeout: give seconds, more than 0 and at most 60")
        if not isinstance(rules.silence_detection, bool):
            raise Refused("answer.silence_detection: write true or false")
        if not isinstance(rules.figures, Mapping):
            raise Refused("answer.figures: give an object of figures and their values")
        try:
            return replace(rules, figures=checked_figures(rules.profile, rules.figures))
        except Refused as refused:
            raise Refused(f"answer.figures.{refused}") from refused
