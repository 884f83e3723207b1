"""`clarion call`, `clarion load`, `clarion mediaserver`: calls without a database, and the media server itself.

Without a database only loopback trunks are called. A trunk named without a port is one configured in the database
(app.cli.configured), where the compliance gate looks at each number.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from app.cli import recorded
from app.cli.bench_trunk import (
    add_identity_options,
    add_options,
    ari_access,
    is_address,
    near_address,
    read_identity,
    read_trunk,
    tls_files,
)
from common.classification import AnswerRules, Mode, OnMachine
from common.control import DESTINATION, LINES, CallRequest, CallStatus, Disposition, Trunk
from common.errors import Refused
from common.ids import new_id
from common.profiles import FIGURES, PROFILES, checked_figures

if TYPE_CHECKING:
    from app.cli.configured import ConfiguredTrunk
    from app.cli.load import LoadPlan
    from app.core.compliance import Refused as RefusedByGate
    from mediaserver.switch.sip.tls import TlsFiles

ANSWERED, NOT_ANSWERED = 0, 1
_SENDER = "+15550100000"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    call = subparsers.add_parser(
        "call",
        help="place one call without a database and print its outcome",
        description="Place one real call over a loopback trunk, or through the compliance gate over a configured one,"
        " run a VoiceXML script in it, and print one JSON object on one line. Exit status: 0 answered, 1 not answered"
        " or refused by the gate, 2 wrong use.",
        epilog="Keys: completion_code disposition sip_status reason dialog answered_by sound times dtmf exit rtp trace."
        " Example: clarion call +15550101034 --trunk 127.0.0.1:5060 --script hello.vxml --value first_name=Ana --json",
    )
    call.add_argument("number", metavar="NUMBER", help="+ and 3 to 15 digits, or a sip: URI on a loopback address")
    _add_common(call)
    _add_answer_options(call)
    recorded.add_options(call)
    call.add_argument(
        "--agent",
        metavar="PHONE",
        help="nail up a leg to this agent's phone first, and bridge the customer to it when the script asks for an"
        ' agent (<transfer dest="agent:NAME">)',
    )
    call.add_argument("--trace", action="store_true", help="put the SIP ladder and the script's steps in the output")
    call.add_argument("--t1", type=_seconds, default=0.5, metavar="SECONDS", help="SIP's timer T1 (%(default)s)")
    call.add_argument("--left", action="store_true", help="wait for SIP's timers and tell what the call left behind")
    call.set_defaults(run=_call)

    load = subparsers.add_parser(
        "load",
        help="place many calls at once and print what became of them",
        description="Place N calls at RATE a second over a loopback trunk, or each through the compliance gate over a"
        " configured one, and print one JSON object: outcomes counted"
        " by value, set-up percentiles, RTP figures, processor time and memory. Exit status: 0 all answered, 1 not"
        " all, 2 wrong use.",
        epilog="Example: clarion load --trunk 127.0.0.1:5060 --numbers '+1555010{:04d}' --calls 50 --rate 20"
        " --script hello.vxml --json",
    )
    load.add_argument(
        "--numbers", required=True, metavar="PATTERN", help="format string over the call's index: +1555010{:04d}"
    )
    load.add_argument("--calls", required=True, type=_count, metavar="N", help="how many calls")
    load.add_argument("--rate", type=_rate, default=10.0, metavar="CPS", help="call starts a second (%(default)s)")
    _add_common(load)
    load.set_defaults(run=_load)

    server = subparsers.add_parser(
        "mediaserver",
        help="place calls over SIP and run VoiceXML in them",
        description="Run a media server until SIGTERM; it drains before it ends. Settings: CLARION_MEDIASERVER_...",
    )
    server.set_defaults(run=_mediaserver)


def _add_answer_options(call: argparse.ArgumentParser) -> None:
    call.add_argument(
        "--classify",
        choices=tuple(Mode),
        default=Mode.OFF.value,
        help="find out who answers: before talking, or meanwhile",
    )
    call.add_argument(
        "--on-machine",
        choices=tuple(OnMachine),
        default=OnMachine.HANG_UP.value,
        help="what to do when a machine answers (%(default)s)",
    )
    call.add_argument(
        "--profile", choices=tuple(PROFILES), default="human-first", help="how to tell them (%(default)s)"
    )
    call.add_argument(
        "--figure",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"set one figure of the profile otherwise: {', '.join(FIGURES)}; see docs/reference/call-progress.md",
    )
    call.add_argument(
        "--detect-silence", action="store_true", help="who says nothing is SILENCE_DETECTED, not a person"
    )


def _add_common(parser: argparse.ArgumentParser) -> None:
    add_options(parser)
    add_identity_options(parser)
    parser.add_argument(
        "--organization", default="", metavar="NAME", help="whose rules hold on a configured trunk; the only one"
    )
    parser.add_argument(
        "--window", default="", metavar="NAME", help="calling window that holds on a configured trunk; the only one"
    )
    parser.add_argument("--script", required=True, metavar="FILE_OR_URL", help="VoiceXML document to run on answer")
    parser.add_argument("--line", choices=LINES, help="line driver (native, or the trunk's own)")
    parser.add_argument("--sender", default=_SENDER, metavar="NUMBER", help="caller number (%(default)s)")
    parser.add_argument(
        "--value",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="becomes session.connection.ccxml.values.NAME; may be repeated",
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=45.0, metavar="SECONDS", help="give up ringing after (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print the JSON object alone, no summary on stderr")


# --- what is typed


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 5000:
        raise argparse.ArgumentTypeError("give a whole number from 1 to 5000")
    return int(text)


def _rate(text: str) -> float:
    value = _number(text)
    if not 0 < value <= 500:
        raise argparse.ArgumentTypeError("give calls a second, more than 0 and at most 500")
    return value


def _seconds(text: str) -> float:
    value = _number(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError("give seconds, more than 0 and at most 3600")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def check_number(number: str) -> str:
    """Syntax only: the bench may dial what no country has."""
    if not DESTINATION.fullmatch(number):
        raise Refused(f"{number!r} is no number: use + and 3 to 15 digits, or a sip: URI on a loopback address")
    return number


def configured_trunk(args: argparse.Namespace) -> ConfiguredTrunk | None:
    """The trunk of the database that was named; None where an address was given."""
    if is_address(args.trunk):
        return None
    from app.cli.configured import find_trunk

    found = find_trunk(args)
    if not found.simulated and args.sender == _SENDER:
        raise Refused("--sender: give the number that people see and call back; the example's is nobody's")
    return found


def read_script(text: str) -> tuple[str, tuple[str, ...]]:
    """The application's URL, and where it may fetch from: its own host, or the folder its file lies in."""
    parts = urlsplit(text)
    if parts.scheme in ("http", "https") and parts.hostname:
        return text, (urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "", "", "")),)
    path = Path(text).resolve()
    if not path.is_file():
        raise Refused(f"--script {text!r}: no such file; give a VoiceXML file or an http(s) URL")
    return path.as_uri(), (path.parent.as_uri() + "/",)


def read_values(pairs: list[str]) -> dict[str, str]:
    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise Refused(f"--value {pair!r}: write NAME=VALUE; a name is letters, digits and _")
        values[name] = value
    return values


def _figures(pairs: list[str]) -> dict[str, float]:
    figures = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            figures[name] = float(value)
        except ValueError:
            raise Refused(f"--figure {pair!r}: write NAME=NUMBER, such as pause=0.6") from None
    return figures


# --- the commands


def _call(args: argparse.Namespace) -> int:
    number = check_number(args.number)
    configured = configured_trunk(args)
    request = build_request(args, number, configured.trunk if configured else read_trunk(args))
    rules = AnswerRules(
        Mode(args.classify),
        OnMachine(args.on_machine),
        args.profile,
        silence_detection=args.detect_silence,
        figures=checked_figures(args.profile, _figures(args.figure)),
    )
    request = recorded.with_rules(args, replace(request, answer=rules))
    _, allow = read_script(args.script)
    if configured is not None:
        refusal = configured.refusal(number)
        configured.note("call.place", number, attempt=request.attempt_id, refused=refusal.code if refusal else "")
        if refusal is not None:
            print(json.dumps(refused(request, refusal), ensure_ascii=False))
            return NOT_ANSWERED
    left: dict[str, int] | None = {} if args.left else None
    agent = check_number(args.agent) if args.agent else ""
    done = _run(_place(_Plan(request, allow, tls_files(args), args.t1, agent, args.record), left))
    status = done.status
    if configured is not None:
        configured.heed(number, status)
    printed = outcome(status, trace=args.trace)
    printed |= done.more
    if left is not None:
        printed["left"] = left
    print(json.dumps(printed, ensure_ascii=False))
    if not args.json:
        seen = f"{status.sip_status} {status.reason}" if status.sip_status else status.reason
        print(f"{status.disposition}: {seen}", file=sys.stderr)
    return ANSWERED if status.disposition is Disposition.ANSWERED else NOT_ANSWERED


def build_request(args: argparse.Namespace, number: str, trunk: Trunk) -> CallRequest:
    url, _ = read_script(args.script)
    return CallRequest(
        attempt_id=new_id(),
        to=number,
        sender=check_number(args.sender),
        trunk=trunk,
        application=url,
        values=read_values(args.value),
        display_name=args.display_name,
        identity=read_identity(args),
        ring_timeout=args.timeout,
        organization="bench",
        revision="bench",
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """`agent` is the phone of an agent who waits for the customer, "" for none."""

    request: CallRequest
    allow: tuple[str, ...]
    tls: TlsFiles
    t1: float
    agent: str = ""
    #: Where its recording goes.
    record: Path | None = None


@dataclass(slots=True)
class _Done:
    """`more` is what is printed besides."""

    status: CallStatus
    more: dict[str, Any] = field(default_factory=dict)


async def _place(plan: _Plan, left: dict[str, int] | None) -> _Done:
    """`left`, where it is wanted, is filled with what the call left behind."""
    from app.cli.agent_leg import call_with_agent
    from mediaserver.local import LocalServer
    from mediaserver.server import APOLOGY

    request, before = plan.request, _held()
    local = LocalServer(
        host=near_address(request.trunk),
        line=request.trunk.line,
        allow=plan.allow,
        max_calls=2,
        apology=APOLOGY,
        t1=plan.t1,
        tls=plan.tls,
        asterisk=ari_access(request.trunk.line),
    )
    async with local as server:
        recording = recorded.Recorded(server, request.attempt_id) if plan.record else None
        if plan.agent:
            status, nailed = await call_with_agent(server, request, plan.agent)
            done = _Done(status, {"agent": nailed.to_json()})
        else:
            done = _Done(await server.call(request))
        if recording is not None and plan.record is not None:
            done.more["recording"] = await recording.copy_to(plan.record)
        if left is not None:
            left |= await server.left()
    if left is not None:
        left |= {name: count - before[name] for name, count in _held().items() if count != before[name]}
    return done


def _held() -> dict[str, int]:
    """What this process holds of the system and of its event loop."""
    children = "".join(task.read_text("ascii") for task in Path("/proc/self/task").glob("*/children"))
    # uvloop keeps one descriptor of /dev/null for ever once it has aborted a connection.
    descriptors = [entry for entry in Path("/proc/self/fd").iterdir() if os.path.realpath(entry) != os.devnull]
    return {
        "descriptors": len(descriptors),
        "children": len(children.split()),
        "tasks": len(asyncio.all_tasks()),
    }


def outcome(status: CallStatus, *, trace: bool = False) -> dict[str, Any]:
    """What is printed of a call; the keys are part of the command's contract."""
    from app.core.completion import code_for_call

    rtp = status.rtp
    body: dict[str, Any] = {
        "completion_code": code_for_call(status),
        "disposition": status.disposition,
        "sip_status": status.sip_status,
        "reason": status.reason,
        "dialog": status.dialog,
        "answered_by": status.answered_by,
        "sound": status.sound,
        "times": {
            "invite": status.times.invite,
            "ringing": status.times.ringing,
            "answered": status.times.answered,
            "start_of_speech": status.times.start_of_speech,
            "greeting_end": status.times.greeting_end,
            "beep": status.times.beep,
            "classified": status.times.classified,
            "corrected": status.times.corrected,
            "message": status.times.message,
            "ended": status.times.ended,
        },
        "dtmf": status.dtmf,
        "exit": dict(status.exit),
        "rtp": {
            "sent": {"packets": rtp.sent, "loss": rtp.remote_lost, "jitter_ms": rtp.remote_jitter_ms},
            "received": {"packets": rtp.received, "loss": rtp.lost, "jitter_ms": rtp.jitter_ms},
        },
    }
    if trace:
        body["trace"] = [dict(line) for line in status.trace]
    return body


def refused(request: CallRequest, refusal: RefusedByGate) -> dict[str, Any]:
    """What is printed of a call that the gate did not let leave: the same keys, and when it may be tried again."""
    body = outcome(CallStatus(request.attempt_id, "", "ended", reason=refusal.detail))
    until = refusal.until.isoformat() if refusal.until else None
    return {**body, "completion_code": refusal.code, "until": until}


def _load(args: argparse.Namespace) -> int:
    from app.cli.load import LoadPlan, measure

    numbers = [check_number(_format(args.numbers, index)) for index in range(args.calls)]
    configured = configured_trunk(args)
    if configured is not None and args.rate > configured.calls_per_second:
        raise Refused(f"--rate {args.rate:g}: the trunk takes {configured.calls_per_second} calls a second")
    trunk = configured.trunk if configured else read_trunk(args)
    requests = tuple(build_request(args, number, trunk) for number in numbers)
    _, allow = read_script(args.script)
    plan: LoadPlan = LoadPlan(requests, args.rate, allow, near_address(trunk), configured, tls_files(args))
    if configured is not None:
        configured.note("load.place", numbers[0], calls=args.calls, rate=args.rate)
    report: Mapping[str, Any] = _run(measure(plan))
    print(json.dumps(report, ensure_ascii=False))
    return ANSWERED if report["disposition"].get("answered", 0) == args.calls else NOT_ANSWERED


def _format(pattern: str, index: int) -> str:
    try:
        return pattern.format(index)
    except (ValueError, IndexError, KeyError, AttributeError) as error:
        raise Refused(
            f"--numbers {pattern!r}: write a format string over the index, such as +1555010{{:04d}}"
        ) from error


def _run(work: Any) -> Any:
    """On the event loop the media server uses; Ctrl-C and SIGTERM hang up before it ends."""
    import logging
    import signal

    import structlog
    import uvloop

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )

    async def until_told() -> Any:
        task = asyncio.ensure_future(work)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await task

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(until_told())


def _mediaserver(args: argparse.Namespace) -> int:
    from mediaserver.main import main

    return main()
