"""`<record>`: the caller's words as a variable (VoiceXML 2.0 section 2.3.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vxml.grammar import Matcher, Mode
from vxml.interpreter.activation import ActiveGrammar, gather
from vxml.interpreter.collect import Collector, check_connected
from vxml.interpreter.control import AwaitInput, Recognition, Steps, Thrown
from vxml.interpreter.execution import Execution
from vxml.interpreter.model import Item
from vxml.messages import Hangup, KeyPressed, Play, PlayEnded, Private, Record, Recorded, StopPlay

if TYPE_CHECKING:
    from vxml.interpreter.form import FormRun

_GRACE_SECONDS: Final = 2.0
_HEARD_MS: Final = 500
_KEYS: Final = "0123456789*#ABCD"
_TYPES: Final = frozenset(("", "audio/basic", "audio/x-wav", "audio/wav", "audio/wave", "audio/vnd.wave"))


def visit_record(form: FormRun, item: Item, execution: Execution) -> Steps[Recognition | None]:
    """Fill the item; answers what the caller typed instead to a grammar that is not the item's own."""
    rt, node = form.rt, item.node
    if node.get("type").partition(";")[0].strip().lower() not in _TYPES:
        raise Thrown("error.unsupported.format", f'<record> type="{node.get("type")}"', node.line)
    check_connected(rt)
    active = [one for one in (yield from gather(execution, [])) if one.grammar.mode is Mode.DTMF]
    record = _command(execution, node.attrs, active, (yield from _play_prompts(execution)))
    if rt.keys:
        # Section 2.3.6: input before there is audio leaves the item unfilled, without a noinput.
        return (yield from _typed(execution, active, rt.keys.popleft()))
    rt.emit(record)
    if execution.private:
        rt.emit(Private(True, len(rt.keys)))
    try:
        recorded = yield from _await_recording(form, record)
    finally:
        if execution.private:
            rt.emit(Private(False, len(rt.keys)))
    # A recording that is over at once is nothing that the caller did.
    if recorded.duration_ms >= _HEARD_MS or len(recorded.ended_by) == 1:
        rt.new_turn()
    rt.keys.clear()
    # The recording's end may come before the word that the caller has left.
    rt.hung_up = rt.hung_up or recorded.ended_by == "hangup"
    key = recorded.ended_by if recorded.ended_by in _KEYS else ""
    typed = (yield from _typed(execution, active, key)) if key else None
    if typed is not None:
        return typed
    if not recorded.audio:
        check_connected(rt)
        if key:
            return None
        raise Thrown("noinput", f"nothing was said within {record.timeout:g} s")
    _keep(form, item, recorded, key if record.term_keys == "any" else "")
    check_connected(rt)
    yield from form.run_filled([item.name])
    return None


def _command(execution: Execution, attrs: Any, active: list[ActiveGrammar], timeout: float) -> Record:
    if attrs.get("dtmfterm", "true") == "true":
        term_keys = "any"
    else:
        matchers = [Matcher(one.grammar) for one in active]
        term_keys = "".join(key for key in _KEYS if any(matcher.accepts(key) for matcher in matchers))
    return Record(
        execution.rt.new_id(),
        max_seconds=execution.seconds("maxtime", attrs.get("maxtime", "60s")),
        final_silence=execution.seconds("finalsilence", attrs.get("finalsilence", "3s")),
        beep=attrs.get("beep") == "true",
        term_keys=term_keys,
        timeout=timeout,
    )


def _play_prompts(execution: Execution) -> Steps[float]:
    """Play what is queued, up to a key; answers how long to wait for the first word."""
    rt = execution.rt
    timeout = execution.seconds("timeout")
    rt.keys.clear()
    for prompt in rt.take_queue():
        timeout = prompt.timeout
        if not prompt.items:
            continue
        play = Play(rt.new_id(), prompt.items, prompt.bargein)
        rt.emit(play)
        while True:
            happened = yield AwaitInput()
            if isinstance(happened, Hangup):
                check_connected(rt)
            if isinstance(happened, KeyPressed) and prompt.bargein:
                rt.emit(StopPlay())
                return timeout
            if isinstance(happened, PlayEnded) and happened.id == play.id:
                break
        rt.keys.clear()
    return timeout


def _typed(execution: Execution, active: list[ActiveGrammar], key: str) -> Steps[Recognition | None]:
    """What `key` begins in the active grammars, None where that is the end of the recording and no more."""
    rt = execution.rt
    if not any(Matcher(one.grammar).accepts(key) for one in active):
        result = {"utterance": key, "inputmode": "dtmf", "interpretation": key, "confidence": 1.0}
        rt.engine.set_last_result(execution.context.application_scope, [result])
        return None
    rt.keys.appendleft(key)
    recognition = yield from Collector(execution, active).collect()
    return None if recognition.active.owner.item is execution.item else recognition


def _await_recording(form: FormRun, record: Record) -> Steps[Recorded]:
    deadline: float | None = None
    while True:
        happened = yield AwaitInput(deadline)
        if happened is None:
            return Recorded(record.id, b"", 0, "hangup")
        if isinstance(happened, Hangup):
            # The recording made so far should follow at once; do not wait for it for ever.
            deadline = form.rt.now + _GRACE_SECONDS
        if isinstance(happened, Recorded) and happened.id == record.id:
            return happened


def _keep(form: FormRun, item: Item, recorded: Recorded, key: str) -> None:
    rt = form.rt
    rt.engine.set(form.scope, item.name, rt.keep_recording(recorded.audio))
    shadow: dict[str, Any] = {
        "duration": recorded.duration_ms,
        "size": len(recorded.audio),
        "maxtime": recorded.ended_by == "maxtime",
    }
    if key:
        shadow["termchar"] = key
    rt.engine.set(form.scope, item.name + "$", shadow)
