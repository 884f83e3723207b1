"""Visiting form items: what each kind does when its turn comes (VoiceXML 2.1 section 2.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from vxml.document import Node
from vxml.interpreter.activation import Owner, activate
from vxml.interpreter.attributes import require
from vxml.interpreter.collect import Collector
from vxml.interpreter.control import Exit, Jump, Recognition, Return, Runaway, Steps, Thrown
from vxml.interpreter.executable import execute, go_to
from vxml.interpreter.execution import Execution
from vxml.interpreter.model import Item, ItemKind
from vxml.interpreter.platform_objects import visit_object
from vxml.interpreter.recording import visit_record
from vxml.interpreter.requests import submit_request
from vxml.interpreter.transfer import visit_transfer
from vxml.messages import EndReason

if TYPE_CHECKING:
    from vxml.interpreter.context import Context, Target
    from vxml.interpreter.form import FormRun


def visit_item(form: FormRun, item: Item, execution: Execution) -> Steps[None]:
    yield from _VISITS[item.kind](form, item, execution)


def _block(form: FormRun, item: Item, execution: Execution) -> Steps[None]:
    form.rt.engine.set(form.scope, item.name, True)
    with execution.anonymous() as inner:
        yield from execute(inner, item.content)


def _input(form: FormRun, item: Item, execution: Execution) -> Steps[None]:
    active = yield from activate(execution)
    recognition = yield from Collector(execution, active).collect()
    form.rt.new_turn()
    yield from process(form, item, execution, recognition)


def process(form: FormRun, item: Item, execution: Execution, recognition: Recognition) -> Steps[None]:
    """Do what the owner of the matched grammar asks for."""
    owner: Owner = recognition.active.owner
    if owner.universal:
        raise Thrown(owner.universal, "", item.node.line)
    if owner.link is not None:
        yield from _follow(execution, owner.link.node, owner.page.base if owner.page else "")
    elif owner.dialog is not None and owner.dialog is not form.dialog:
        raise Jump(form.context.other_dialog(owner.dialog, owner.page, recognition))
    elif owner.choice is not None and owner.choice.node.tag == "choice":
        form.rt.engine.set(form.scope, item.name, recognition.utterance)
        yield from _follow(execution, owner.choice.node, "")
    else:
        yield from form.accept(item, recognition)


def _follow(execution: Execution, node: Node, base: str) -> Steps[None]:
    """What a link or choice leads to: an event or an address, relative to the document that it stands in."""
    event = execution.attribute("event", node.attrs, node.line)
    if event:
        raise Thrown(event, execution.attribute("message", node.attrs, node.line), node.line)
    url = node.get("next") or execution.text(node.get("expr"), node.line)
    yield from go_to(execution, url, node, base)


# --- record ---------------------------------------------------------------------------------------------


def _record(form: FormRun, item: Item, execution: Execution) -> Steps[None]:
    recognition = yield from visit_record(form, item, execution)
    if recognition is not None:
        yield from process(form, item, execution, recognition)


# --- subdialog ------------------------------------------------------------------------------------------


def _subdialog(form: FormRun, item: Item, execution: Execution) -> Steps[None]:
    rt, context = form.rt, form.context
    if context.depth >= rt.config.limits.depth:
        raise Runaway(f"{rt.config.limits.depth} subdialogs within each other: an endless recursion")
    request = submit_request(execution, item.node, names="")
    target = yield from context.target(request, line=item.node.line)
    held = rt.engine.new_scope()
    try:
        inner = context.nested(_hold_params(execution, item, held), held)
        rt.trace("subdialog", item.node.get("src").partition("?")[0] or item.name)
        returned = yield from _run_subdialog(inner, context.entered_afresh(target))
        rt.trace("return", returned.event or " ".join(returned.names))
        if returned.event:
            raise Thrown(returned.event, returned.message, item.node.line)
        rt.engine.copy(form.scope, item.name, held, Return.HELD)
    finally:
        rt.engine.drop_scope(held)
    yield from form.run_filled([item.name])


def _run_subdialog(inner: Context, target: Target) -> Steps[Return]:
    try:
        yield from inner.run(target)
    except Return as returned:
        return returned
    finally:
        inner.close()
    # Section 1.5.3: a subdialog that ends without a return ends the session.
    raise Exit(EndReason.FINISHED)


def _hold_params(execution: Execution, item: Item, scope: int) -> list[str]:
    """Evaluate each `<param>` here and keep its value in `scope` under its name."""
    names = []
    for node in item.node.elements("param"):
        name = node.get("name")
        require(node)
        if "value" in node.attrs:
            execution.rt.engine.set(scope, name, node.get("value"))
        else:
            execution.evaluate_into(scope, name, node.get("expr"), node.line)
        names.append(name)
    return names


_Visit = Callable[["FormRun", Item, Execution], Steps[None]]
_VISITS: Final[dict[ItemKind, _Visit]] = {
    ItemKind.BLOCK: _block,
    ItemKind.FIELD: _input,
    ItemKind.MENU: _input,
    ItemKind.INITIAL: _input,
    ItemKind.RECORD: _record,
    ItemKind.SUBDIALOG: _subdialog,
    ItemKind.TRANSFER: visit_transfer,
    ItemKind.OBJECT: visit_object,
}
