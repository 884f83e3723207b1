"""`<transfer>`: handing the caller to someone else (VoiceXML 2.0 and 2.1, section 2.3.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vxml.document import Node
from vxml.interpreter.activation import own_grammars
from vxml.interpreter.attributes import require
from vxml.interpreter.collect import check_connected
from vxml.interpreter.control import AwaitInput, Steps, Thrown
from vxml.interpreter.execution import Execution
from vxml.interpreter.interrupt import Interrupt
from vxml.interpreter.model import Item
from vxml.interpreter.properties import seconds
from vxml.interpreter.requests import audio_item
from vxml.messages import AudioItem, EndTransfer, Hangup, Transfer, Transferred

if TYPE_CHECKING:
    from vxml.interpreter.form import FormRun

_KINDS: Final = ("blind", "bridge", "consultation")
#: `agent:SKILL` is ours: whoever is put through then is chosen outside the script.
_SCHEMES: Final = ("tel", "sip", "sips", "agent")
_GONE: Final = "connection.disconnect.transfer"


def visit_transfer(form: FormRun, item: Item, execution: Execution) -> Steps[None]:
    rt, node = form.rt, item.node
    require(node)
    kind = _kind(execution, node)
    destination = _destination(execution, node)
    interrupt = Interrupt(execution, (yield from own_grammars(execution)))
    check_connected(rt)
    yield from rt.play_out()
    transfer = Transfer(
        rt.new_id(),
        kind,
        destination,
        connect_timeout=_time(node, "connecttimeout"),
        max_seconds=_time(node, "maxtime") if kind == "bridge" else 0.0,
        aai=execution.attribute("aai", node.attrs, node.line),
        audio=_audio(execution, node),
        listens=kind != "blind" and interrupt.listens,
    )
    rt.trace("transfer", kind)
    rt.emit(transfer)
    transferred = yield from _outcome(form, transfer, interrupt)
    rt.new_turn()
    _leave(form, node, transferred.outcome)
    shadow: dict[str, Any] = {"duration": transferred.duration_ms / 1000}
    if interrupt.mode:
        shadow |= {"inputmode": interrupt.mode, "utterance": interrupt.utterance}
    rt.engine.set(form.scope, item.name, "near_end_disconnect" if interrupt.mode else transferred.outcome)
    rt.engine.set(form.scope, item.name + "$", shadow)
    yield from form.run_filled([item.name])


def _leave(form: FormRun, node: Node, outcome: str) -> None:
    """Throw an outcome that is an event."""
    if outcome == _GONE:
        # The caller is somebody else's now: the rest of the script runs without one (section 1.5.4).
        form.rt.hung_up = form.rt.final = True
    if "." in outcome:
        raise Thrown(outcome, "", node.line)


def _outcome(form: FormRun, transfer: Transfer, interrupt: Interrupt) -> Steps[Transferred]:
    """Wait for the end; what the caller says or types to the item's own grammars asks for it."""
    rt = form.rt
    rt.keys.clear()
    while True:
        happened = yield AwaitInput()
        if isinstance(happened, Hangup):
            check_connected(rt)
        if isinstance(happened, Transferred) and happened.id == transfer.id:
            return happened
        if transfer.listens and not interrupt.mode and interrupt.take(happened):
            rt.emit(EndTransfer(transfer.id))


def _kind(execution: Execution, node: Node) -> str:
    kind = node.get("type") or ("bridge" if node.get("bridge") == "true" else "blind")
    if kind not in _KINDS:
        raise Thrown("error.badfetch", f'<transfer> type="{kind}": write {", ".join(_KINDS)}', node.line)
    if kind not in execution.rt.config.transfers:
        raise Thrown(f"error.unsupported.transfer.{kind}", "this platform does not transfer calls so", node.line)
    return kind


def _destination(execution: Execution, node: Node) -> str:
    destination = execution.attribute("dest", node.attrs, node.line).strip()
    scheme, colon, rest = destination.partition(":")
    if not colon or not rest:
        raise Thrown(
            "error.connection.baddestination", f'<transfer>: "{destination}" is no tel: or sip: URI', node.line
        )
    if scheme.lower() not in _SCHEMES:
        raise Thrown("error.unsupported.uri", f"<transfer>: {scheme}: is no scheme to call", node.line)
    return destination


def _audio(execution: Execution, node: Node) -> AudioItem | None:
    if "transferaudio" not in node.attrs:
        return None
    return audio_item(execution, execution.context.resolve(node.get("transferaudio")), node)


def _time(node: Node, name: str) -> float:
    return seconds(node.get(name), name) if node.get(name) else 0.0
