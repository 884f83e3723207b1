"""Executable content (VoiceXML 2.1 section 5.3): one small function per element."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from vxml.document import DocumentError, Node
from vxml.ecmascript import UNDEFINED, ScriptError
from vxml.interpreter.attributes import EXACTLY_ONE, require
from vxml.interpreter.compile import compile_prompt, join_bare
from vxml.interpreter.control import Exit, Jump, NextItem, Return, Steps, Thrown
from vxml.interpreter.data import fetch_data
from vxml.interpreter.model import Content, Prompt
from vxml.interpreter.prompting import each_element, log_text, queue_prompt
from vxml.interpreter.requests import fetch_of, submit_request
from vxml.messages import Disconnect, EndReason

if TYPE_CHECKING:
    from vxml.interpreter.execution import Execution

_Handler = Callable[["Execution", Node], Steps[None] | None]


def execute(execution: Execution, content: Content) -> Steps[None]:
    """Run content in order. Text and prompt elements in it are prompts."""
    for part in join_bare(content):
        execution.rt.step()
        if not isinstance(part, Node):
            queue_prompt(execution, Prompt(part, 0))
            continue
        handler = _HANDLERS.get(part.tag)
        if handler is None:
            raise Thrown("error.badfetch", f"<{part.tag}> cannot stand in executable content", part.line)
        steps = handler(execution, part)
        if steps is not None:
            yield from steps


def execute_setup(execution: Execution, nodes: Iterable[Node]) -> Steps[None]:
    """The `<var>` and `<script>` elements of a document or form."""
    yield from execute(execution, tuple(nodes))


# --- variables ------------------------------------------------------------------------------------------


def _var(execution: Execution, node: Node) -> None:
    execution.declare(node.get("name"), node.get("expr") or None, node.line)


def _assign(execution: Execution, node: Node) -> None:
    execution.assign(node.get("name"), node.get("expr"), node.line)


def _clear(execution: Execution, node: Node) -> None:
    form = execution.form
    if form is None:
        return
    items = [item.name for item in form.dialog.items]
    names = node.get("namelist").split() or items
    for name in names:
        if name not in items and not name.startswith("dialog."):
            execution.evaluate(name, node.line)
        if name in items:
            execution.rt.engine.set(form.scope, name, UNDEFINED)
        else:
            execution.assign(name, "undefined", node.line)
    form.clear([name for name in names if name in items])


def _script(execution: Execution, node: Node) -> Steps[None] | None:
    require(node)
    if "src" in node.attrs or "srcexpr" in node.attrs:
        return _external_script(execution, node)
    execution.script(node.text(), node.line)
    return None


def _external_script(execution: Execution, node: Node) -> Steps[None]:
    url = execution.context.resolve(execution.attribute("src", node.attrs, node.line))
    reply = yield from execution.rt.fetch(fetch_of(execution, url, node))
    try:
        source = reply.body.decode(node.get("charset", "utf-8"))
    except (UnicodeDecodeError, LookupError) as error:
        raise Thrown("error.badfetch", f"script {url}: {error}", node.line) from error
    execution.script(source, node.line)


# --- conditions and loops -------------------------------------------------------------------------------


def _if(execution: Execution, node: Node) -> Steps[None]:
    """`<elseif>` and `<else>` are empty elements that divide the content of `<if>`."""
    taken = execution.test(node.get("cond"), node.line)
    branch: list[Node | str] = []
    for part in node.children:
        if isinstance(part, Node) and part.tag in ("elseif", "else"):
            if taken:
                break
            taken = part.tag == "else" or execution.test(part.get("cond"), part.line)
        elif taken:
            branch.append(part)
    yield from execute(execution, tuple(branch))


def _foreach(execution: Execution, node: Node) -> Steps[None]:
    for _ in each_element(execution, node):
        yield from execute(execution, node.children)


# --- prompts and log ------------------------------------------------------------------------------------


def _prompt(execution: Execution, node: Node) -> None:
    try:
        prompt = compile_prompt(node)
    except DocumentError as error:
        raise Thrown("error.badfetch", str(error), node.line) from error
    if execution.test(prompt.cond, prompt.line):
        queue_prompt(execution, prompt)


def _reprompt(execution: Execution, _: Node) -> None:
    if execution.form is not None:
        execution.form.reprompt = True


def _log(execution: Execution, node: Node) -> None:
    text = log_text(execution, node)
    label = node.get("label")
    execution.rt.trace("log", f"{label}: {text}" if label else text)


# --- events and leaving ---------------------------------------------------------------------------------


def _throw(execution: Execution, node: Node) -> None:
    require(node)
    event = execution.attribute("event", node.attrs, node.line)
    if not event:
        raise Thrown("error.semantic", "<throw>: the event has no name", node.line)
    raise Thrown(event, execution.attribute("message", node.attrs, node.line), node.line)


def _rethrow(execution: Execution, node: Node) -> None:
    if execution.event is None:
        raise Thrown("error.semantic", "<rethrow> outside a <catch>", node.line)
    again = Thrown(execution.event.event, execution.event.message, node.line)
    again.seen_by = execution.event.seen_by
    raise again


def _goto(execution: Execution, node: Node) -> Steps[None]:
    require(node)
    given = next(name for name in EXACTLY_ONE["goto"] if name in node.attrs)
    text = node.get(given)
    if given in ("expr", "expritem"):
        text = execution.text(text, node.line)
    if given in ("nextitem", "expritem"):
        if execution.form is None or execution.form.dialog.item(text) is None:
            raise Thrown("error.badfetch", f'the form has no item "{text}"', node.line)
        raise NextItem(text)
    yield from go_to(execution, text, node)


def go_to(execution: Execution, url: str, node: Node, base: str = "") -> Steps[None]:
    """Leave for `url`, relative to `base` or else to the document; raises Jump."""
    absolute = execution.context.resolve(url, base)
    execution.rt.trace("goto", url.partition("?")[0])
    target = yield from execution.context.target(fetch_of(execution, absolute, node), line=node.line, reference=url)
    raise Jump(target)


def _submit(execution: Execution, node: Node) -> Steps[None]:
    request = submit_request(execution, node)
    execution.rt.trace("submit", request.url.partition("?")[0])
    target = yield from execution.context.target(request, submit=True, line=node.line)
    raise Jump(target)


def _exit(execution: Execution, node: Node) -> None:
    require(node)
    values: dict[str, Any] = {}
    if "expr" in node.attrs:
        value = execution.evaluate(node.get("expr"), node.line)
        values = {"expr": None if value is UNDEFINED else value}
    values |= execution.namelist(node.get("namelist"), node.line)
    reason = execution.rt.end_reason if execution.rt.final else EndReason.EXIT
    raise Exit(reason, values)


def _return(execution: Execution, node: Node) -> None:
    if not execution.context.in_subdialog:
        raise Thrown("error.semantic", "<return> outside a subdialog", node.line)
    require(node)
    event = execution.attribute("event", node.attrs, node.line)
    names = node.get("namelist").split()
    scope = execution.context.held_scope
    if event:
        raise Return((), scope, event, execution.attribute("message", node.attrs, node.line))
    try:
        execution.rt.engine.set_members(scope, Return.HELD, names, execution.chain)
    except ScriptError as error:
        raise Thrown("error.semantic", f"<return>: {error}", node.line) from error
    raise Return(names, scope)


def _disconnect(execution: Execution, node: Node) -> Steps[None]:
    rt = execution.rt
    rt.disconnect_values = execution.namelist(node.get("namelist"), node.line)
    if not rt.hung_up:
        yield from rt.play_out()
        rt.emit(Disconnect())
        rt.hung_up = True
        rt.end_reason = EndReason.DISCONNECT
    rt.final = True
    raise Thrown("connection.disconnect.hangup", "", node.line)


def _nothing(execution: Execution, node: Node) -> None:
    """Elements that were read when the document was compiled."""


_HANDLERS: Final[dict[str, _Handler]] = {
    "assign": _assign,
    "catch": _nothing,
    "clear": _clear,
    "data": fetch_data,
    "disconnect": _disconnect,
    "exit": _exit,
    "foreach": _foreach,
    "goto": _goto,
    "if": _if,
    "log": _log,
    "prompt": _prompt,
    "reprompt": _reprompt,
    "rethrow": _rethrow,
    "return": _return,
    "script": _script,
    "submit": _submit,
    "throw": _throw,
    "var": _var,
}
