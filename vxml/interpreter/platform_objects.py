"""`<object>`: what a program that embeds the browser offers to scripts (VoiceXML 2.0 section 2.3.5).

An object is a function of its `<param>`s' values (as JSON has them, a param without a value None) to a JSON value. It
is called in the middle of a turn, so it must answer at once and do no input or output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from vxml.interpreter.attributes import require
from vxml.interpreter.control import Steps, Thrown
from vxml.interpreter.execution import Execution
from vxml.interpreter.model import Item

if TYPE_CHECKING:
    from vxml.interpreter.form import FormRun

PlatformObject = Callable[[Mapping[str, object]], object]


class ObjectFailed(Exception):
    """An object cannot answer: `event` (such as error.object.card) is thrown, with the text as its message."""

    def __init__(self, event: str, message: str = "") -> None:
        super().__init__(message)
        self.event = event


def visit_object(form: FormRun, item: Item, execution: Execution) -> Steps[None]:
    node = item.node
    known = form.rt.config.objects.get(node.get("classid"))
    if known is None:
        raise Thrown("error.unsupported.objectname", node.get("classid"), node.line)
    params: dict[str, object] = {}
    for param in node.elements("param"):
        require(param)
        given = "value" in param.attrs
        params[param.get("name")] = param.get("value") if given else execution.evaluate(param.get("expr"), param.line)
    form.rt.trace("object", node.get("classid"))
    try:
        answer = known(params)
    except ObjectFailed as failed:
        raise Thrown(failed.event, str(failed), node.line) from failed
    form.rt.engine.set(form.scope, item.name, answer)
    yield from form.run_filled([item.name])
