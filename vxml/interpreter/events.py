"""Which catch takes an event, and what happens where none does (VoiceXML 2.1 section 5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vxml.interpreter.control import Exit, Thrown
from vxml.interpreter.execution import Execution
from vxml.interpreter.model import Catch, Dialog
from vxml.messages import EndReason

if TYPE_CHECKING:
    from vxml.interpreter.context import Context
    from vxml.interpreter.runtime import Runtime

#: Default handlers that go on: event prefix to whether prompts are said again (section 5.2.5).
_GO_ON = {"cancel": False, "help": True, "noinput": True, "nomatch": True, "maxspeechtimeout": True}


def prefixes(event: str) -> tuple[str, ...]:
    """The names whose counters an event raises: "a.b" those of "", "a" and "a.b" (section 5.2.2)."""
    parts = event.split(".")
    return tuple(".".join(parts[:length]) for length in range(len(parts) + 1))


def choose_catch(
    context: Context, dialog: Dialog | None, execution: Execution, thrown: Thrown, counts: Mapping[str, int]
) -> Catch | None:
    """Section 5.2.4: of the catches in scope that take the event, the first with the highest fitting count."""
    fitting = [
        catch
        for catch in _in_scope(context, dialog, execution)
        if catch not in thrown.seen_by
        and catch.count <= max((counts[name] for name in catch.taking(thrown.event)), default=0)
        and _cond(catch, execution, thrown)
    ]
    if not fitting:
        return None
    best = max(catch.count for catch in fitting)
    return next(catch for catch in fitting if catch.count == best)


def _in_scope(context: Context, dialog: Dialog | None, execution: Execution) -> list[Catch]:
    found = list(execution.item.catches) if execution.item else []
    if dialog:
        found += dialog.catches
    if context.leaf:
        found += context.leaf.document.catches
    if context.root and context.root is not context.leaf:
        found += context.root.document.catches
    return found


def _cond(catch: Catch, execution: Execution, thrown: Thrown) -> bool:
    if not catch.cond:
        return True
    with execution.anonymous(thrown) as inner:
        return inner.test(catch.cond, catch.line)


def default_action(rt: Runtime, thrown: Thrown) -> bool:
    """What the platform does itself; answers whether prompts are said again, or raises Exit."""
    event = thrown.event
    for prefix, again in _GO_ON.items():
        if event == prefix or event.startswith(prefix + "."):
            return again
    if event == "exit" or event.startswith("exit."):
        raise Exit(EndReason.EXIT)
    if event.startswith("connection.disconnect"):
        raise Exit(rt.end_reason)
    where = f" (line {thrown.line})" if thrown.line else ""
    raise Exit(EndReason.ERROR, detail=f"{thrown}{where}")
