"""Where a piece of executable content runs: which scopes it sees, which form and context it belongs to."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vxml.ecmascript import UNDEFINED, Chain, ScriptError, Undefined
from vxml.interpreter.control import Thrown
from vxml.interpreter.model import Item
from vxml.interpreter.names import is_name
from vxml.interpreter.properties import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vxml.interpreter.context import Context
    from vxml.interpreter.form import FormRun
    from vxml.interpreter.runtime import Runtime


class Execution:
    """`scope` is where `<var>` declares; `item` is the form item being visited, if any."""

    __slots__ = ("_properties", "chain", "context", "event", "form", "item", "rt", "scope", "used")

    def __init__(
        self,
        context: Context,
        form: FormRun | None,
        item: Item | None,
        chain: Chain,
        scope: int,
        event: Thrown | None = None,
    ) -> None:
        self.context = context
        self.rt: Runtime = context.rt
        self.form = form
        self.item = item
        self.chain = chain
        self.scope = scope
        #: Something may have been put into the scope, or may hold on to it.
        self.used = False
        self._properties: Mapping[str, str] | None = None
        #: The event that a `<catch>` is handling, for `<rethrow>`.
        self.event = event

    # --- ECMAScript, its errors as events

    def evaluate(self, source: str, line: int = 0) -> Any:
        try:
            return self.rt.engine.evaluate(source, self.chain)
        except ScriptError as error:
            raise Thrown("error.semantic", f"{source}: {error}", line) from error

    def test(self, source: str, line: int = 0) -> bool:
        """A cond; "" is true."""
        if not source:
            return True
        try:
            return self.rt.engine.test(source, self.chain)
        except ScriptError as error:
            raise Thrown("error.semantic", f"{source}: {error}", line) from error

    def text(self, source: str, line: int = 0) -> str:
        try:
            return self.rt.engine.text(source, self.chain)
        except ScriptError as error:
            raise Thrown("error.semantic", f"{source}: {error}", line) from error

    def declare(self, name: str, source: str | None, line: int = 0) -> None:
        if not is_name(name):
            raise Thrown("error.semantic", f'name="{name}" cannot be declared: use a plain name', line)
        self.used = True
        self.evaluate_into(self.scope, name, source, line)

    def evaluate_into(self, scope: int, name: str, source: str | None, line: int = 0) -> None:
        """Declare a variable in any scope, its value taken from `source` as it is seen here."""
        try:
            self.rt.engine.declare(scope, name, source, self.chain)
        except ScriptError as error:
            raise Thrown("error.semantic", f"{source}: {error}", line) from error

    def assign(self, name: str, source: str, line: int = 0) -> None:
        # A function keeps the scopes in which it was made.
        self.used = self.used or "function" in source or "=>" in source
        try:
            head, dot, rest = name.partition(".")
            scoped = dot and head in ("application", "document", "dialog") and "." not in rest
            # Strict mode would create the property; VoiceXML wants it declared (section 5.3.2).
            if scoped and not self.rt.engine.test(f"{rest!r} in {head}", self.chain):
                raise Thrown("error.semantic", f"{name} was never declared", line)
            self.rt.engine.assign(name, source, self.chain)
        except ScriptError as error:
            raise Thrown("error.semantic", f"{name} = {source}: {error}", line) from error

    def script(self, source: str, line: int = 0) -> None:
        self.used = True
        try:
            self.rt.engine.run_script(source, self.scope, self.chain)
        except ScriptError as error:
            raise Thrown("error.semantic", f"script: {error}", line) from error

    def attribute(self, name: str, attrs: Any, line: int = 0) -> str:
        """The value of attribute `name` or of its twin `nameexpr`; "" when neither is there."""
        if name in attrs:
            if name + "expr" in attrs:
                raise Thrown("error.badfetch", f"{name} and {name}expr exclude each other", line)
            return str(attrs[name])
        if name + "expr" in attrs:
            return self.text(attrs[name + "expr"], line)
        return ""

    def namelist(self, names: str, line: int = 0) -> dict[str, Any]:
        """Variables by name; error.semantic when one was not declared, null where one is undefined."""
        values = {}
        for name in names.split():
            value = self.evaluate(name, line)
            values[name] = None if isinstance(value, Undefined) else value
        return values

    # --- properties

    def setting(self, name: str) -> str:
        """The nearest setting: item, dialog, document, root document, platform (section 6.3.1)."""
        if self._properties is None:
            around = (self.form or self.context).properties
            own = self.item.properties if self.item else None
            self._properties = {**around, **own} if own else around
        return self._properties.get(name, "")

    def seconds(self, name: str, given: str = "") -> float:
        """The time in attribute text `given`, or else in property `name`."""
        return seconds(given or self.setting(name), name)

    def number(self, name: str) -> float:
        """The property as a number from 0 to 1."""
        try:
            value = float(self.setting(name))
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:
            raise Thrown("error.semantic", f"{name}={self.setting(name)}: write a number from 0.0 to 1.0")
        return value

    def whole(self, name: str) -> int:
        """The property as a whole number from 1."""
        text = self.setting(name).strip()
        if not text.isdecimal() or not int(text[:9]) > 0:
            raise Thrown("error.semantic", f"{name}={text}: write a whole number from 1")
        return int(text[:9])

    def flag(self, name: str, given: str = "") -> bool:
        """The property, or the attribute text `given`, as true or false."""
        text = (given or self.setting(name)).strip()
        if text not in ("true", "false"):
            raise Thrown("error.semantic", f"{name}={text}: write true or false")
        return text == "true"

    def modes(self) -> list[str]:
        """The property inputmodes."""
        text = self.setting("inputmodes")
        if strangers := set(text.split()) - {"dtmf", "voice"}:
            raise Thrown("error.semantic", f"inputmodes={text}: {strangers.pop()} is neither dtmf nor voice")
        return text.split()

    @property
    def private(self) -> bool:
        return self.flag("clarion.private")

    # --- scopes

    @contextmanager
    def anonymous(self, event: Thrown | None = None) -> Iterator[Execution]:
        """An execution in an anonymous scope of its own, as blocks, filleds and catches have (section 5.1.2)."""
        engine = self.rt.engine
        scope = self.rt.take_scope()
        chain = (*self.chain[:4], scope)
        inner = Execution(self.context, self.form, self.item, chain, scope, event or self.event)
        try:
            if event:
                inner.used = True
                engine.set(scope, "_event", event.event)
                engine.set(scope, "_message", event.message or UNDEFINED)
            yield inner
        finally:
            self.rt.give_scope(scope, inner.used)
