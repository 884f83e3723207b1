"""Concurrent calls with prompt and keys, time to the first word, and call set-ups a second, of one media server.

A media server process with its workers talks to the simulated carrier; each customer presses a key every five seconds
and the script speaks after each. RTP spacing is taken by capture where the far end gets it, over the whole plateau
and all streams. The carrier and the capture share the machine's cores; the carrier has the switch's priority, since
networks have machines of their own. What each side sent is compared with what the other got.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from benchmarks.support.capture import Spacing, capture, first_words, spacing
from benchmarks.support.usage import Usage, descendants, usage_of
from simulators.carrier.journal import read_journal
from tests.support.ports import free_port

CALLS = (200, 300, 400)
PLATEAU = 60.0
RAMP = 50.0
P99_LIMIT, LATE_LIMIT, CPU_LIMIT, SETUP_TARGET, FIRST_WORD_LIMIT = 23.0, 0.001, 50.0, 100.0, 100.0
TOKEN = "benchmark-of-the-media-server"
#: Below the ports that other programs are given by the system.
PORTS = range(12000, 20000)
CARRIER_PORTS = range(20000, 27999)
KEY_INTERVAL = 5
SUFFIX_TALK, SUFFIX_DIRECT = "90", "10"
#: What the server says, in the benchmark's folder.
SERVER_LOG = "server.log"
TALK = """<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><field name="key" type="digits?length=1">
<property name="timeout" value="20s"/><prompt>Thank you for your patience. This message tells how many calls one machine
can hold. Press any key, and it will be said again.</prompt>
<filled><clear namelist="key"/></filled><noinput><reprompt/></noinput></field></form></vxml>"""
EXIT = '<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><block><exit/></block></form></vxml>'


@dataclass(frozen=True, slots=True)
class Bench:
    """What a run speaks with."""

    api: str
    scripts: str
    trunk: int
    #: The server's SIP port.
    sip: int
    server: int
    carrier: int
    #: What the far end saw, as JSON lines.
    journal: Path
    http: aiohttp.ClientSession
    line: str = "native"


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="*", default=list(CALLS))
    parser.add_argument("--plateau", type=float, default=PLATEAU, metavar="SECONDS")
    parser.add_argument("--rates", type=int, nargs="*", default=[100, 150, 200])
    parser.add_argument("--pump", default="auto", help="auto, fast or python")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="clarion-bench-") as name:
        directory = Path(name)
        async with media_bench(directory, max(arguments.calls, default=0), arguments.pump) as bench:
            await _first_words(bench, directory)
            print("concurrent calls, prompt and keys both ways (limits: p99 <= 23 ms, late <= 0.1 %; cpu of one core)")
            for calls in arguments.calls:
                await _hold(bench, calls, arguments.plateau, directory)
            print(f"call set-ups, answered at once, script run to its exit (target: {SETUP_TARGET:.0f}/s)")
            for rate in arguments.rates:
                await _set_up(bench, rate)
    return 0


@asynccontextmanager
async def media_bench(
    directory: Path,
    most: int,
    pump: str,
    pages: Mapping[str, bytes] | None = None,
    program: list[str] | None = None,
    people: Mapping[str, Mapping[str, object]] | None = None,
    ahead: Collection[str] = ("server", "carrier"),
    ports: range = PORTS,
    asterisk: tuple[str, str, str] | None = None,
) -> AsyncIterator[Bench]:
    """`pages` are served besides the benchmark's own two; `program` is the server's, as Python takes it.

    `people` are further customers of the carrier, by number suffix. `ahead` are those of the two that
    run ahead of other programs. `asterisk` is where the asterisk line finds its own.
    """
    trunk, sip, listen = (free_port() for _ in range(3))
    population = directory / "population.json"
    script = " ".join(["talk", *[f"wait:{KEY_INTERVAL} keys:{number % 10}" for number in range(200)]])
    talkers = {SUFFIX_TALK: {"script": script, "patience": 3600}}
    population.write_text(json.dumps({"suffixes": {**talkers, **(people or {})}}))
    runner, scripts = await _serve_scripts(pages or {})
    journal = directory / "carrier.jsonl"
    sinks = [
        "--journal",
        str(journal),
        "--http-bind",
        "-",
        "--smtp-bind",
        "-",
        "--rtp-ports",
        f"{CARRIER_PORTS.start}-{CARRIER_PORTS.stop - 1}",
    ]
    behaviour = ["--sip-bind", f"127.0.0.1:{trunk}", "--population", str(population)]
    carrier = _start_carrier(["simulators.carrier", *behaviour, *sinks], "carrier" in ahead)
    settings = _settings(directory, listen, sip, ports, scripts) | _line(asterisk)
    settings |= {
        "CLARION_MEDIASERVER_MAX_CALLS": str(max(most, 1000)),
        "CLARION_MEDIASERVER_PUMP": pump,
        "CLARION_MEDIASERVER_PRIORITY": "realtime" if "server" in ahead else "normal",
    }
    server = _start(program or ["-m", "mediaserver"], settings, directory / SERVER_LOG)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    try:
        async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=20)) as http:
            api, line = f"http://127.0.0.1:{listen}/v1", "asterisk" if asterisk else "native"
            bench = Bench(api, scripts, trunk, sip, server.pid, carrier.pid, journal, http, line)
            await _ready(bench)
            yield bench
    finally:
        for process in (server, carrier):
            process.terminate()
        for process in (server, carrier):
            process.wait(60)
        await runner.cleanup()


def _settings(home: Path, listen: int, sip: int, ports: range, scripts: str) -> dict[str, str]:
    return {
        "CLARION_HOME": str(home),
        "CLARION_MEDIASERVER_TOKEN": TOKEN,
        "CLARION_MEDIASERVER_LISTEN": f"127.0.0.1:{listen}",
        "CLARION_MEDIASERVER_SIP": f"127.0.0.1:{sip}",
        "CLARION_MEDIASERVER_RTP_PORTS": f"{ports.start}-{ports.stop - 1}",
        "CLARION_MEDIASERVER_APPLICATION_SERVER": scripts,
        "CLARION_LOG_LEVEL": "WARNING",
    }


def _line(asterisk: tuple[str, str, str] | None) -> dict[str, str]:
    """Settings for the asterisk line, where Asterisk's address, user and password are given."""
    if asterisk is None:
        return {}
    names = ("ASTERISK_URL", "ASTERISK_USER", "ASTERISK_PASSWORD", "LINE")
    return {f"CLARION_MEDIASERVER_{name}": value for name, value in zip(names, (*asterisk, "asterisk"), strict=True)}


def _start_carrier(module: list[str], ahead: bool) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-m", *module], stdout=subprocess.PIPE)
    assert process.stdout is not None
    if b"ready" not in process.stdout.readline():
        raise SystemExit("the simulated carrier does not start")
    if not ahead:
        return process
    try:
        os.sched_setscheduler(process.pid, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
    except PermissionError:
        print("the carrier has no priority here: where other programs work, it falls behind and figures mean little")
    return process


def _start(program: list[str], settings: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLARION_")}
    command = [sys.executable, *program]
    with log.open("wb") as output:
        return subprocess.Popen(command, env={**environment, **settings}, stdout=output, stderr=subprocess.STDOUT)


async def _serve_scripts(pages: Mapping[str, bytes]) -> tuple[web.AppRunner, str]:
    application = web.Application()
    for name, body in {"talk": TALK.encode(), "exit": EXIT.encode(), **pages}.items():
        application.router.add_get(f"/{name}.vxml", _page(body))
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


def _page(body: bytes) -> Any:
    async def answer(_: web.Request) -> web.Response:
        headers = {"Cache-Control": "public, max-age=3600, immutable", "ETag": '"1"'}
        return web.Response(body=body, content_type="application/voicexml+xml", headers=headers)

    return answer


async def _ready(bench: Bench) -> None:
    for _ in range(300):
        try:
            async with bench.http.get(f"{bench.api}/status") as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(0.1)
    raise SystemExit(f"the media server does not start: {bench.journal.with_name(SERVER_LOG).read_text('utf-8')}")


async def place(bench: Bench, attempt: str, suffix: str, script: str, revision: str = "") -> None:
    status, answer = await request(bench, attempt, suffix, script, revision)
    if status != 202:
        raise SystemExit(f"not placed: {status} {answer}")


async def request(
    bench: Bench, attempt: str, suffix: str, script: str, revision: str = "", **more: object
) -> tuple[int, dict[str, Any]]:
    """Ask for a call; the HTTP status and what the server says. `more` are further fields of the request."""
    body = {
        "attempt_id": attempt,
        "to": f"+155501{abs(hash(attempt)) % 1000:03d}{suffix}",
        "sender": "+15550100000",
        "trunk": {"host": "127.0.0.1", "port": bench.trunk, "line": bench.line},
        "application": f"{bench.scripts}/{script}.vxml",
        "revision": revision,
        **more,
    }
    async with bench.http.post(f"{bench.api}/calls", json=body) as answer:
        return answer.status, await answer.json()


async def _status(bench: Bench, attempt: str) -> dict[str, Any]:
    async with bench.http.get(f"{bench.api}/calls/{attempt}") as answer:
        status: dict[str, Any] = await answer.json()
        return status


async def start_all(bench: Bench, attempts: list[str], rate: float, suffix: str, script: str) -> None:
    """At `rate` a second on absolute deadlines."""
    began = time.monotonic()
    placing = []
    for number, attempt in enumerate(attempts):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        placing.append(asyncio.create_task(place(bench, attempt, suffix, script)))
    await asyncio.gather(*placing)


async def _first_words(bench: Bench, directory: Path, calls: int = 100, rate: float = 20.0) -> None:
    """From our first packet (silence, 20 ms after the ACK at most) to the first of the prompt."""
    await start_all(bench, ["first-word-warm"], rate, SUFFIX_DIRECT, "talk")
    await asyncio.sleep(1)
    await hang_up(bench, ["first-word-warm"])
    attempts = [f"first-word-{number}" for number in range(calls)]
    file = directory / "first.pcap"
    with capture(file, PORTS):
        await start_all(bench, attempts, rate, SUFFIX_DIRECT, "talk")
        await asyncio.sleep(2)
    await hang_up(bench, attempts)
    waits = first_words(file)
    p50, p95 = (waits[min(len(waits) - 1, int(len(waits) * share))] for share in (0.5, 0.95))
    met = p95 + 20 <= FIRST_WORD_LIMIT and len(waits) == calls
    print(
        f"first word after the ACK, prompt cached, answered at once: {'met' if met else 'NOT MET'}; {len(waits)} of"
        f" {calls} calls at {rate:.0f}/s, ms p50 {p50:.0f} p95 {p95:.0f} longest {waits[-1]:.0f}, 20 more at most"
        f" (limit {FIRST_WORD_LIMIT:.0f})",
        flush=True,
    )


async def hang_up(bench: Bench, attempts: list[str]) -> None:
    for attempt in attempts:
        async with bench.http.delete(f"{bench.api}/calls/{attempt}"):
            pass
    await asyncio.sleep(2)


async def _hold(bench: Bench, calls: int, plateau: float, directory: Path) -> None:
    attempts = [f"hold-{calls}-{number}" for number in range(calls)]
    await start_all(bench, attempts, RAMP, SUFFIX_TALK, "talk")
    await until_up(bench, attempts)
    file = directory / f"{calls}.pcap"
    before = _usage(bench)
    with capture(file, PORTS):
        began = time.monotonic()
        await asyncio.sleep(plateau)
        seconds = time.monotonic() - began
        after = _usage(bench)
    up = sum([(await _status(bench, attempt))["state"] == "answered" for attempt in attempts])
    await hang_up(bench, attempts)
    statuses = [await _status(bench, attempt) for attempt in attempts]
    _tell_hold(calls, up, spacing(file), seconds, before, after)
    _tell_both_ends(statuses, bench.journal)
    file.unlink()


async def until_up(bench: Bench, attempts: list[str], patience: float = 30.0) -> None:
    """The plateau begins when every call is up, or without those that never get there."""
    give_up = time.monotonic() + patience
    while time.monotonic() < give_up:
        await asyncio.sleep(2)
        states = [(await _status(bench, attempt))["state"] for attempt in attempts]
        if all(state == "answered" for state in states):
            return


def _usage(bench: Bench) -> dict[str, Usage]:
    return {
        "switch": usage_of([bench.server]),
        "workers": usage_of(descendants(bench.server)),
        "carrier": usage_of([bench.carrier]),
    }


def _tell_hold(
    calls: int,
    up: int,
    seen: Spacing,
    seconds: float,
    before: dict[str, Usage],
    after: dict[str, Usage],
) -> None:
    cpu = {name: 100 * (after[name].cpu - before[name].cpu) / seconds for name in after}
    ours = cpu["switch"] + cpu["workers"]
    fine = seen.p99 <= P99_LIMIT and seen.late <= LATE_LIMIT and seen.streams == calls == up
    lines = (
        f"  {calls:4} calls: {'met' if fine else 'NOT MET'}; {up} up, {seen.streams} streams,"
        f" {seen.packets} packets in {seconds:.0f} s, missing {seen.missing}",
        f"spacing ms: mean {seen.mean:.3f}  p99 {seen.p99:.2f}  p99.9 {seen.p999:.2f}"
        f"  longest {seen.longest:.1f}  late {100 * seen.late:.4f} %",
        f"cpu %: switch {cpu['switch']:.1f} + workers {cpu['workers']:.1f} = {ours:.1f}"
        f" (limit {CPU_LIMIT:.0f} at 200{'; met' if ours <= CPU_LIMIT else ''}), carrier {cpu['carrier']:.1f}",
        f"memory MB: switch {after['switch'].memory:.0f}, workers {after['workers'].memory:.0f}",
    )
    print("\n       ".join(lines), flush=True)


def _tell_both_ends(statuses: list[dict[str, Any]], journal: Path) -> None:
    """A key under way when we hang up may be unheard; every other one counts."""
    ends = {line["attempt"]: line for line in read_journal(journal) if line["event"] == "end"}
    pairs = [(status, ends[status["attempt_id"]]) for status in statuses if status["attempt_id"] in ends]
    pressed = [end.get("keys", "").replace(" ", "") for _, end in pairs]
    heard = [status["dtmf"] for status, _ in pairs]
    lost = sum(
        key_list[: len(got)] != got or len(key_list) - len(got) > 1
        for key_list, got in zip(pressed, heard, strict=True)
    )
    sent, got = (sum(end["rtp"]["sent"] for _, end in pairs), sum(status["rtp"]["received"] for status, _ in pairs))
    ours, theirs = (sum(status["rtp"]["sent"] for status, _ in pairs), sum(end["rtp"]["received"] for _, end in pairs))
    jitter = max((status["rtp"]["jitter_ms"] for status, _ in pairs), default=0.0)
    far_jitter = max((end["rtp"]["jitter_ms"] for _, end in pairs), default=0.0)
    fewest, most = min(map(len, pressed), default=0), max(map(len, pressed), default=0)
    lines = (
        f"keys: pressed {fewest} to {most} a call, {sum(map(len, pressed))} in all, heard {sum(map(len, heard))};"
        f" {lost} calls lost one",
        f"packets: {sent} from the carrier, {got} here; {ours} from here, {theirs} at the carrier;"
        f" largest jitter ms here {jitter:.1f}, there {far_jitter:.1f}",
    )
    print("      ", "\n       ".join(lines), flush=True)


async def _set_up(bench: Bench, rate: int, seconds: int = 10) -> None:
    attempts = [f"setup-{rate}-{number}" for number in range(rate * seconds)]
    before, began = _usage(bench), time.monotonic()
    await start_all(bench, attempts, rate, SUFFIX_DIRECT, "exit")
    took = time.monotonic() - began
    after = _usage(bench)
    await asyncio.sleep(3)
    statuses = [await _status(bench, attempt) for attempt in attempts]
    times = [status["times"] for status in statuses if status["times"]["answered"]]
    others = Counter(
        f"{status['state']} {status['disposition'] or ''} {status['reason']}".strip()
        for status in statuses
        if status["dialog"] != "completed"
    )
    waits = sorted(_milliseconds(each["invite"], each["answered"]) for each in times)
    done = sum(status["dialog"] == "completed" for status in statuses)
    cpu = {name: 100 * (after[name].cpu - before[name].cpu) / took for name in after}
    p50, p99 = (waits[int(len(waits) * share)] if waits else float("nan") for share in (0.5, 0.99))
    lines = (
        f"  {rate:4}/s asked: {len(attempts) / took:.0f}/s placed, {len(times)} of {len(attempts)} answered,"
        f" {done} dialogs completed; INVITE to answer ms p50 {p50:.0f} p99 {p99:.0f}",
        f"cpu %: switch {cpu['switch']:.0f} workers {cpu['workers']:.0f} carrier {cpu['carrier']:.0f}",
        *(f"{count} calls otherwise: {what}" for what, count in others.items()),
    )
    print("\n       ".join(lines), flush=True)


def _milliseconds(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds() * 1000


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
