"""Strategies: versioned XML with POM's concepts, and a pure runner. See docs/reference/strategies.md."""

from __future__ import annotations

from app.core.strategy.model import Action, AddressRef, Channel, Counting, Handler, Result, Retry, Strategy
from app.core.strategy.parser import Problem, StrategyError, check, parse, shipped, shipped_names
from app.core.strategy.runner import (
    Attempt,
    Decision,
    Done,
    Due,
    Event,
    Finished,
    RunnerState,
    WaitUntil,
    step,
)
from app.core.strategy.text import names_in, render

__all__ = [
    "Action",
    "AddressRef",
    "Attempt",
    "Channel",
    "Counting",
    "Decision",
    "Done",
    "Due",
    "Event",
    "Finished",
    "Handler",
    "Problem",
    "Result",
    "Retry",
    "RunnerState",
    "Strategy",
    "StrategyError",
    "WaitUntil",
    "check",
    "names_in",
    "parse",
    "render",
    "shipped",
    "shipped_names",
    "step",
]
