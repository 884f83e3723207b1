"""Pacing for jobs with agents: pure rules, asked about once a second what to dial and what to cancel."""

from pacing.algorithms.base import Pacer
from pacing.algorithms.configuration import Configuration, Formula, Mode, ServiceLevel, Work
from pacing.algorithms.observation import (
    Abandoned,
    Connected,
    Decision,
    Event,
    InboundAnswered,
    InboundArrived,
    InboundLost,
    Observation,
    Outcome,
    Placed,
    Resolved,
    TalkEnded,
    WrapupEnded,
)
from pacing.algorithms.pacers import create

__all__ = [
    "Abandoned",
    "Configuration",
    "Connected",
    "Decision",
    "Event",
    "Formula",
    "InboundAnswered",
    "InboundArrived",
    "InboundLost",
    "Mode",
    "Observation",
    "Outcome",
    "Pacer",
    "Placed",
    "Resolved",
    "ServiceLevel",
    "TalkEnded",
    "Work",
    "WrapupEnded",
    "create",
]
