"""The form interpretation algorithm (VoiceXML 2.1 appendix C): select, collect, process."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from vxml.ecmascript import ScriptError
from vxml.interpreter.control import NextItem, Recognition, Runaway, Steps, Thrown
from vxml.interpreter.events import choose_catch, default_action, prefixes
from vxml.interpreter.executable import execute, execute_setup
from vxml.interpreter.execution import Execution
from vxml.interpreter.model import Dialog, Filled, Item, ItemKind
from vxml.interpreter.prompting import queue_prompts
from vxml.interpreter.visiting import process, visit_item

if TYPE_CHECKING:
    from vxml.interpreter.context import Context

_MAX_EVENT_CHAIN = 200


class FormRun:
    """One activation of a dialog. `dialog` None stands for a document whose set-up failed."""

    def __init__(self, context: Context, dialog: Dialog | None, pending: Recognition | None) -> None:
        self.context = context
        self.rt = context.rt
        self._dialog = dialog
        self.pending = pending
        self.scope = self.rt.engine.new_scope("dialog")
        #: Those of the dialog and of what is around it.
        self.properties = {**context.properties, **dialog.properties} if dialog else context.properties
        self.prompt_counts: Counter[str] = Counter()
        #: Events and their prefixes, by item name ("" for the form's own).
        self.event_counts: dict[str, Counter[str]] = {}
        self.reprompt = False
        self._next_item = ""
        #: The last turn ended in a catch that did not reprompt: prompts stay silent (appendix C).
        self._after_catch = False
        self._just_filled: list[str] = []

    @property
    def dialog(self) -> Dialog:
        assert self._dialog is not None
        return self._dialog

    def close(self) -> None:
        self.rt.engine.drop_scope(self.scope)

    def execution(self, item: Item | None) -> Execution:
        context = self.context
        empty = self.rt.empty_scope
        chain = (self.rt.session_scope, context.application_scope, context.document_scope, self.scope, empty)
        return Execution(context, self if self._dialog else None, item, chain, self.scope)

    # --- the loop

    def run(self) -> Steps[None]:
        self.rt.trace("dialog", self.dialog.id)
        try:
            if problem := self.dialog.problem:
                raise Thrown("error.badfetch", str(problem), problem.line)
            yield from self._initialise()
        except (Thrown, ScriptError) as error:
            yield from self.handle(_event(error), None)
        while True:
            self.rt.step()
            item: Item | None = None
            try:
                item = self._select()
                if item is None:
                    return
                self.reprompt = False
                yield from self._turn(item)
                self._after_catch = False
            except (Thrown, ScriptError) as error:
                yield from self.handle(_event(error), item)
            except NextItem as chosen:
                self._next_item = chosen.name
                self._after_catch = False

    def _initialise(self) -> Steps[None]:
        execution = self.execution(None)
        params = self.context.params
        self.context.params = ()
        for part in self.dialog.order:
            if isinstance(part, Item):
                self._declare(execution, part, part.expr or None)
            elif part.tag == "var" and part.get("name") in params:
                name = part.get("name")
                self.rt.engine.copy(self.scope, name, self.context.held_scope, name)
            else:
                yield from execute_setup(execution, (part,))
        declared = {part.get("name") for part in self.dialog.order if not isinstance(part, Item) and part.tag == "var"}
        for name in params:
            if name not in declared:
                raise Thrown("error.semantic", f'param "{name}" has no <var> in the subdialog', self.dialog.line)

    def _declare(self, execution: Execution, item: Item, source: str | None) -> None:
        if item.name.endswith("$"):
            self.rt.engine.declare(self.scope, item.name, source, execution.chain)
        else:
            execution.declare(item.name, source, item.node.line)

    def _select(self) -> Item | None:
        if self._next_item:
            name, self._next_item = self._next_item, ""
            return self.dialog.item(name)
        if self.pending is not None:
            # Grammars of a form that another form's input matched: process first (section 3.1.6).
            return next((item for item in self.dialog.items if item.takes_input or item.kind is ItemKind.INITIAL), None)
        engine = self.rt.engine
        for item in self.dialog.items:
            if not engine.is_filled(self.scope, item.name) and self.execution(item).test(item.cond, item.node.line):
                return item
        return None

    def _turn(self, item: Item) -> Steps[None]:
        execution = self.rt.visiting = self.execution(item)
        if item.kind is not ItemKind.BLOCK:
            self.rt.trace("item", f"{item.kind} {item.name}")
        if self.pending is not None:
            recognition, self.pending = self.pending, None
            yield from process(self, item, execution, recognition)
            return
        if item.kind is not ItemKind.BLOCK:
            if not self._after_catch:
                queue_prompts(execution, self.prompt_counts[item.name] + 1)
                self.prompt_counts[item.name] += 1
            self._after_catch = False
        yield from visit_item(self, item, execution)

    # --- process phase

    def accept(self, item: Item, recognition: Recognition) -> Steps[None]:
        """Put what was recognised into the items it belongs to and run what was waiting for them."""
        engine = self.rt.engine
        filled = self._distribute(item, recognition)
        for target, value in filled:
            engine.set(self.scope, target.name, value)
            if self.execution(item).private:
                self.rt.privacy.add(target.name, value)
            shadow = {
                "utterance": recognition.utterance,
                "inputmode": recognition.mode,
                "interpretation": recognition.value,
                "confidence": recognition.confidence,
                **recognition.mark,
            }
            engine.set(self.scope, target.name + "$", shadow)
        if filled:
            for other in self.dialog.items:
                if other.kind is ItemKind.INITIAL:
                    engine.set(self.scope, other.name, True)
        yield from self.run_filled([target.name for target, _ in filled])

    def _distribute(self, item: Item, recognition: Recognition) -> list[tuple[Item, Any]]:
        """Which items take which values (section 3.1.6.2)."""
        value = recognition.value
        if recognition.active.owner.item is not None:
            found = _slot(value, item.slot or item.name)
            return [(item, found[0] if found else value)]
        if not isinstance(value, dict):
            return []
        slots = [
            (target, _slot(value, target.slot or target.name)) for target in self.dialog.items if target.takes_input
        ]
        return [(target, found[0]) for target, found in slots if found]

    def run_filled(self, names: list[str]) -> Steps[None]:
        """Run the `<filled>` elements that `names`, just filled, set off, in document order."""
        self._just_filled = names
        for filled in self.dialog.filled:
            if self._is_due(filled, names):
                item = self.dialog.item(filled.item) if filled.item else None
                with self.execution(item).anonymous() as inner:
                    yield from self._run_filled(filled, inner, item)

    def _run_filled(self, filled: Filled, inner: Execution, item: Item | None) -> Steps[None]:
        try:
            yield from execute(inner, filled.content)
        except Thrown as thrown:
            thrown.filled = filled
            raise

    def _is_due(self, filled: Filled, names: list[str]) -> bool:
        if filled.item:
            return filled.item in names
        watched = filled.names or tuple(item.name for item in self.dialog.items if item.takes_input)
        touched = [name for name in watched if name in names]
        if not touched or filled.mode == "any":
            return bool(touched)
        return all(self.rt.engine.is_filled(self.scope, name) for name in watched)

    # --- events

    def handle(self, thrown: Thrown, item: Item | None) -> Steps[None]:
        """Run the catch for an event; events thrown by it are handled in turn, at the same place."""
        if thrown.filled is not None:
            item = self.dialog.item(thrown.filled.item) if thrown.filled.item else None
        current: Thrown | None = thrown
        for _ in range(_MAX_EVENT_CHAIN):
            assert current is not None
            try:
                yield from self._handle_one(current, item)
                self._after_catch = not self.reprompt
                return
            except NextItem as chosen:
                self._next_item = chosen.name
                self._after_catch = not self.reprompt
                return
            except (Thrown, ScriptError) as again:
                current = _event(again)
        raise Runaway(f"{_MAX_EVENT_CHAIN} events in a row without an end; the last was {current}")

    def _handle_one(self, thrown: Thrown, item: Item | None) -> Steps[None]:
        self.rt.step()
        where = f" (line {thrown.line})" if thrown.line else ""
        self.rt.trace("event", f"{thrown}{where}")
        counts = self.event_counts.setdefault(item.name if item else "", Counter())
        counts.update(prefixes(thrown.event))
        self.reprompt = False
        execution = self.execution(item)
        catch = choose_catch(self.context, self._dialog, execution, thrown, counts)
        if catch is None:
            self.reprompt = default_action(self.rt, thrown)
            return
        thrown.seen_by.append(catch)
        with execution.anonymous(thrown) as inner:
            yield from execute(inner, catch.content)

    def clear(self, names: list[str]) -> None:
        """`<clear>`: forget the counters of form items; their variables are reset by the caller."""
        for name in names:
            self.prompt_counts[name] = 0
            self.event_counts.pop(name, None)


def _event(error: Thrown | ScriptError) -> Thrown:
    """Scripts can make the variables of form items fail when read or written; that is their error too."""
    return error if isinstance(error, Thrown) else Thrown("error.semantic", str(error))


def _slot(value: Any, path: str) -> tuple[Any] | None:
    """The property that a slot name such as "date.month" leads to, in a 1-tuple, or None."""
    at: Any = value
    for part in path.split("."):
        if not isinstance(at, dict) or part not in at:
            return None
        at = at[part]
    return (at,)
