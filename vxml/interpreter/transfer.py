"""`<transfer>`: handing the caller to someone else (VoiceXML 2.1 section 2.3.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vxml.interpreter.attributes import require
from vxml.interpreter.collect import check_connected
from vxml.interpreter.control import AwaitInput, Steps, Thrown
from vxml.interpreter.execution import Execution
from vxml.interpreter.model import Item
from vxml.interpreter.properties import seconds
from vxml.messages import Hangup, Transfer, Transferred

if TYPE_CHECKING:
    from vxml.interpreter.form import FormRun


def visit_transfer(form: FormRun, item: Item, execution: Execution) -> Steps[None]:
    rt, node = form.rt, item.node
    require(node)
    kind = node.get("type") or ("bridge" if node.get("bridge") == "true" else "blind")
    if kind not in rt.config.transfers:
        raise Thrown(f"error.unsupported.transfer.{kind}", "this platform does not transfer calls so", node.line)
    destination = execution.attribute("dest", node.attrs, node.line)
    if not destination:
        raise Thrown("error.connection.baddestination", "<transfer>: the destination is empty", node.line)
    check_connected(rt)
    yield from rt.play_out()
    transfer = Transfer(
        rt.new_id(),
        kind,
        destination,
        connect_timeout=_time(node.get("connecttimeout")),
        max_seconds=_time(node.get("maxtime")),
        aai=execution.attribute("aai", node.attrs, node.line),
    )
    rt.trace("transfer", kind)
    rt.emit(transfer)
    transferred = yield from _outcome(form, transfer)
    rt.new_turn()
    outcome = transferred.outcome
    if outcome == "connection.disconnect.transfer":
        # The caller is somebody else's now: the rest of the script runs without one (section 1.5.4).
        rt.hung_up = rt.final = True
    if "." in outcome:
        raise Thrown(outcome, "", node.line)
    rt.engine.set(form.scope, item.name, outcome)
    rt.engine.set(form.scope, item.name + "$", {"duration": transferred.duration_ms / 1000, "inputmode": None})
    yield from form.run_filled([item.name])


def _outcome(form: FormRun, transfer: Transfer) -> Steps[Transferred]:
    while True:
        happened = yield AwaitInput()
        if isinstance(happened, Hangup):
            check_connected(form.rt)
        if isinstance(happened, Transferred) and happened.id == transfer.id:
            return happened


def _time(text: str) -> float:
    return seconds(text, "time") if text else 0.0
