"""Looking into a waiting session: its variables as a call-flow designer wants to see them."""

from __future__ import annotations

from typing import Final

from vxml.ecmascript import ScriptError
from vxml.interpreter.privacy import MASK
from vxml.session import Session

_SCOPES: Final = ("dialog", "document", "application")
_LONGEST: Final = 500
#: Each variable by itself, so that one that cannot be written out hides no other. Functions are left out.
_LIST: Final = """(function (scope) {
  var listed = {};
  Object.keys(scope).forEach(function (name) {
    try {
      var value = scope[name];
      if (typeof value !== "function") listed[name] = value === undefined ? "undefined" : JSON.stringify(value);
    } catch (error) { listed[name] = String(error); }
  });
  return listed;
})(%s)"""


def variables(session: Session) -> dict[str, dict[str, str]]:
    """Scope to names and values, written as ECMAScript would; private values are masked, long ones cut."""
    runtime = session.runtime
    if runtime is None or runtime.visiting is None:
        return {}
    found: dict[str, dict[str, str]] = {}
    for scope in _SCOPES:
        try:
            listed = runtime.engine.evaluate(_LIST % scope, runtime.visiting.chain)
        except ScriptError:
            continue
        found[scope] = {
            name: MASK if runtime.privacy.is_private(name, text.strip('"')) else _shown(runtime.privacy.mask(text))
            for name, text in listed.items()
        }
    if found.get("document") == found.get("application"):
        # A document that is its own root has one scope under both names.
        found.pop("application", None)
    return found


def _shown(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def pending_seconds(session: Session) -> float | None:
    """How long the session still waits for the caller, None where it does not wait by the clock."""
    due, runtime = session.next_timer(), session.runtime
    return None if due is None or runtime is None else max(0.0, due - runtime.now)
