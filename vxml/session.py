"""One call's conversation: the sans-IO surface over the interpreter. See `vxml.messages` for the contract."""

from __future__ import annotations

from typing import Final

from vxml.budget import OutOfTime
from vxml.ecmascript import ScriptError, ScriptLimit
from vxml.interpreter.context import run_session
from vxml.interpreter.control import Await, AwaitFetch, AwaitInput, Exit, Runaway, Steps, Thrown
from vxml.interpreter.exit_values import TOO_LARGE, limited
from vxml.interpreter.runtime import ConnectionInfo, Limits, Redirect, Runtime, SessionConfig
from vxml.interpreter.session_scope import fill_session_scope
from vxml.messages import (
    Command,
    Ended,
    EndReason,
    Fetched,
    FetchFailed,
    Hangup,
    Input,
    KeyPressed,
    PlayFailed,
)

__all__ = ["ConnectionInfo", "Limits", "Redirect", "Session", "SessionConfig"]

_KEYS: Final = frozenset("0123456789*#ABCD")
_MAX_TYPE_AHEAD: Final = 200


class Session:
    """Drive with `start`, `receive`, `handle_timer`; after each carry out `commands()` and arm `next_timer()`."""

    def __init__(self, config: SessionConfig) -> None:
        self._config = config
        self._rt: Runtime | None = None
        self._steps: Steps[Exit] | None = None
        self._waiting: Await | None = None
        self._last: list[Command] = []

    @property
    def ended(self) -> bool:
        """`Ended` was (or is about to be) among the commands; inputs are ignored from now on."""
        return self._rt is not None and self._steps is None

    @property
    def runtime(self) -> Runtime | None:
        """What the interpreter works on, for `vxml.inspection`; None before the start."""
        return self._rt

    def start(self, now: float) -> None:
        self._rt = Runtime(self._config, now)
        self._steps = run_session(self._rt)
        try:
            fill_session_scope(self._rt, self._config)
        except (OutOfTime, ScriptError, ScriptLimit) as error:
            self._end(self._rt, Exit(EndReason.ERROR, detail=str(error)))
        else:
            self._advance(None)

    def receive(self, happened: Input, now: float) -> None:
        """Take one input. Inputs that no longer matter (an answer to a cut prompt, say) are ignored."""
        rt = self._rt
        if rt is None or self._steps is None:
            return
        rt.now = now
        if isinstance(happened, Fetched | FetchFailed):
            if isinstance(self._waiting, AwaitFetch) and self._waiting.id == happened.id:
                self._advance(happened)
            return
        if isinstance(happened, KeyPressed):
            if happened.key not in _KEYS or len(rt.keys) >= _MAX_TYPE_AHEAD or rt.hung_up:
                return
            rt.keys.append(happened.key)
        elif isinstance(happened, Hangup):
            if rt.hung_up:
                return
            rt.hung_up = True
            rt.trace("hangup", "")
        elif isinstance(happened, PlayFailed):
            rt.trace("prompt", f"audio failed: {happened.detail.partition('?')[0]}")
            return
        if isinstance(self._waiting, AwaitInput):
            self._advance(happened)

    def commands(self) -> list[Command]:
        """What to do now, in order; each command is handed out once."""
        if self._rt is None:
            return []
        return self._rt.drain()

    def next_timer(self) -> float | None:
        """When `handle_timer` is due, on the clock of `now`; None when nothing is timed."""
        waiting = self._waiting
        return waiting.deadline if isinstance(waiting, AwaitInput) and self._steps is not None else None

    def handle_timer(self, now: float) -> None:
        due = self.next_timer()
        if due is None or now < due or self._rt is None:
            return
        self._rt.now = now
        self._advance(None)

    def _advance(self, happened: Input | None) -> None:
        rt, steps = self._rt, self._steps
        assert rt is not None
        assert steps is not None
        rt.budget.resume()
        try:
            self._waiting = steps.send(happened)
            rt.budget.pause()
        except StopIteration as stop:
            self._end(rt, stop.value)
        except (OutOfTime, Runaway, ScriptError, ScriptLimit, Thrown) as error:
            self._end(rt, Exit(EndReason.ERROR, detail=str(error)))
        except RecursionError:
            self._end(rt, Exit(EndReason.ERROR, detail="the document nests too deeply to be run"))

    def _end(self, rt: Runtime, ending: Exit) -> None:
        self._steps = None
        self._waiting = None
        values, cut = limited({**rt.disconnect_values, **ending.values})
        if cut:
            rt.trace("log", f"exit values {TOO_LARGE}: {', '.join(cut)}")
        private = frozenset(name for name, value in values.items() if rt.privacy.is_private(name, value))
        detail = rt.privacy.mask(ending.detail)
        rt.trace("end", f"{ending.reason}{': ' + detail if detail else ''}")
        rt.emit(Ended(ending.reason, values, private, detail))
