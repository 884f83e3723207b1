"""From prompts as written to prompts in the queue: which are due, and what they come to in this call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vxml.document import Node
from vxml.ecmascript import ScriptError
from vxml.interpreter.attributes import require
from vxml.interpreter.control import Thrown
from vxml.interpreter.model import Choice, Prompt
from vxml.interpreter.requests import audio_item
from vxml.interpreter.runtime import QueuedPrompt
from vxml.messages import AudioItem, PromptItem
from vxml.ssml.render import Renderer

if TYPE_CHECKING:
    from vxml.interpreter.execution import Execution


def queue_prompts(execution: Execution, count: int) -> None:
    """The item's prompts for its `count`th visit: the highest count that fits, all of that count (section 4.1.6)."""
    assert execution.item is not None
    fitting = [
        prompt
        for prompt in execution.item.prompts
        if prompt.count <= count and execution.test(prompt.cond, prompt.line)
    ]
    best = max((prompt.count for prompt in fitting), default=0)
    for prompt in fitting:
        if prompt.count == best:
            queue_prompt(execution, prompt)


def queue_prompt(execution: Execution, prompt: Prompt) -> None:
    rt = execution.rt
    rt.step()
    context = execution.context
    page_language = context.leaf.document.language if context.leaf else "en-US"
    renderer = Renderer(_Voice(execution, prompt), prompt.language or page_language)
    items = renderer.render(prompt.content)
    marks = tuple(renderer.marks)
    kind = prompt.bargeintype or execution.setting("bargeintype")
    if kind not in ("speech", "hotword"):
        raise Thrown("error.semantic", f'bargeintype="{kind}": write speech or hotword', prompt.line)
    timeout = execution.seconds("timeout", prompt.timeout)
    if items or marks or prompt.timeout:
        rt.enqueue(QueuedPrompt(items, execution.flag("bargein", prompt.bargein), kind == "hotword", timeout, marks))


def log_text(execution: Execution, node: Node) -> str:
    """The content of `<log>` with its values and its expr, as one line."""
    parts = []
    for child in node.children:
        if isinstance(child, str):
            parts.append(child)
        elif child.tag == "value":
            parts.append(execution.text(child.get("expr"), child.line))
    if "expr" in node.attrs:
        parts.append(" " + execution.text(node.get("expr"), node.line))
    return " ".join("".join(parts).split())


class _Voice:
    """What the renderer asks of the interpreter."""

    def __init__(self, execution: Execution, prompt: Prompt) -> None:
        self._execution = execution
        self._base = prompt.base

    def text(self, source: str, line: int) -> str:
        return self._execution.text(source, line)

    def is_private(self, text: str) -> bool:
        return self._execution.rt.privacy.has_secret(text)

    def audio_url(self, node: Node) -> str | None:
        """The address of an `<audio>`; None where expr came to undefined, so that the alternate is used."""
        require(node)
        if "src" in node.attrs:
            return self._execution.context.resolve(node.get("src"), self._base)
        value = self._execution.evaluate(node.get("expr"), node.line)
        if not isinstance(value, str):
            return None
        return self.recording(value) or self._execution.context.resolve(value, self._base)

    def recording(self, text: str) -> str | None:
        """A recording made in this session as a data: URL."""
        return self._execution.rt.recording_url(text)

    def mark(self, node: Node) -> str:
        return self._execution.attribute("name", node.attrs, node.line)

    def audio(self, url: str, node: Node, alternate: tuple[PromptItem, ...]) -> AudioItem:
        return audio_item(self._execution, url, node, alternate)

    def choices(self, node: Node) -> tuple[Choice, ...]:
        item = self._execution.item
        if item is None or not item.choices:
            # Section 2.2.4.
            raise Thrown("error.semantic", "<enumerate> outside a menu or a field with options", node.line)
        return item.choices

    def in_choice(self, choice: Choice) -> _Voice:
        return _ChoiceVoice(self._execution, choice, self._base)

    def each(self, node: Node) -> Iterator[None]:
        """`<foreach>` in a prompt: sets its item variable for each turn."""
        yield from each_element(self._execution, node)

    def ignore(self, what: str) -> None:
        self._execution.rt.ignore(what)


class _ChoiceVoice(_Voice):
    """Inside `<enumerate>`: `_prompt` and `_dtmf` are the choice's."""

    def __init__(self, execution: Execution, choice: Choice, base: str) -> None:
        super().__init__(execution, Prompt((), 0, base=base))
        self._arguments = f"{json.dumps(choice.text)},{json.dumps(choice.dtmf)}"

    def text(self, source: str, line: int) -> str:
        return super().text(f"(function(_prompt,_dtmf){{return (\n{source}\n)}})({self._arguments})", line)


def each_element(execution: Execution, node: Node) -> Iterator[None]:
    """Declare the item variable of a `<foreach>` and set it to each element of the array in turn."""
    name, array = node.get("item"), node.get("array")
    rt = execution.rt
    execution.declare(name, None, node.line)
    kept = rt.engine.new_scope()
    try:
        length = rt.engine.keep_array(kept, array, execution.chain)
        for index in range(length):
            rt.step()
            rt.engine.set_element(execution.scope, name, kept, index)
            yield
    except ScriptError as error:
        raise Thrown("error.semantic", f"foreach: {error}", node.line) from error
    finally:
        rt.engine.drop_scope(kept)
