"""Clarion beside Asterisk 22 in one run: the same far end, as many calls, the same prompt, keys that interrupt it.

First the media server holds the calls, each with a VoiceXML session; then its asterisk line does, where asked; then
Asterisk plays the prompt by itself (ARI playback), driven by a small program. Captured at the far end over the whole
plateau and all streams; processor time is that of everything a side needs. script/asterisk makes the Asterisk.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.media import (
    CARRIER_PORTS,
    LATE_LIMIT,
    P99_LIMIT,
    PLATEAU,
    PORTS,
    SUFFIX_TALK,
    Bench,
    hang_up,
    media_bench,
    start_all,
    until_up,
)
from benchmarks.support.capture import Spacing, capture, spacing
from benchmarks.support.usage import Usage, descendants, usage_of
from tests.support.asterisk import ABSENT, PASSWORD, USER, Asterisk, asterisk, asterisk_root
from tests.support.ports import free_range

CALLS = (200, 500)
RAMP = 50.0
#: Asterisk's RTP ports: two a channel, two channels a call of the asterisk line.
_PORTS = 2400
_ENDPOINT = {"disallow": "all", "allow": "ulaw", "direct_media": "no", "dtmf_mode": "rfc4733"}


@dataclass(frozen=True, slots=True)
class Side:
    """What one side did: streams as the far end got them, processor seconds a second, memory in MB."""

    name: str
    up: int
    seen: Spacing
    cpu: dict[str, float]
    memory: float

    @property
    def whole(self) -> float:
        return sum(self.cpu.values())

    def tell(self, calls: int) -> None:
        fine = self.seen.p99 <= P99_LIMIT and self.seen.late <= LATE_LIMIT and self.seen.streams == calls == self.up
        parts = " + ".join(f"{name} {100 * share:.1f}" for name, share in self.cpu.items())
        print(
            f"  {self.name:28} {'met' if fine else 'NOT MET':7} {self.up} up, {self.seen.streams} streams;"
            f" ms p99 {self.seen.p99:.2f} p99.9 {self.seen.p999:.2f} longest {self.seen.longest:.0f},"
            f" late {100 * self.seen.late:.3f} %, missing {self.seen.missing}\n"
            f"  {'':28} cpu % {parts} = {100 * self.whole:.1f}, a call {100 * self.whole / calls:.4f};"
            f" {self.memory:.0f} MB",
            flush=True,
        )


@dataclass(slots=True)
class Driver:
    """ARI's side of the same dialogue: the prompt plays, a key stops it, it plays again."""

    server: Asterisk
    http: aiohttp.ClientSession
    prompt: str
    up: set[str] = field(default_factory=set)
    _plays: dict[str, int] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def ask(self, method: str, path: str, body: object = None, **query: str) -> int:
        async with self.http.request(method, self.server.url + path, params=query, json=body) as answer:
            await answer.read()
            return answer.status

    async def hear(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            event: dict[str, Any] = message.json()
            channel = event.get("channel", {}).get("id", "")
            match event["type"]:
                case "StasisStart":
                    self.up.add(channel)
                    self._start(self._play(channel))
                case "ChannelDtmfReceived":
                    self._start(self._play_again(channel))
                case "StasisEnd":
                    self.up.discard(channel)

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _play(self, channel: str) -> None:
        number = self._plays[channel] = self._plays.get(channel, 0) + 1
        await self.ask("POST", f"/channels/{channel}/play/{channel}-{number}", media=f"sound:{self.prompt}")

    async def _play_again(self, channel: str) -> None:
        await self.ask("DELETE", f"/playbacks/{channel}-{self._plays[channel]}")
        await self._play(channel)


async def main() -> int:
    parser = argparse.ArgumentParser(prog="script/bench asterisk", description=__doc__)
    parser.add_argument("--calls", type=int, nargs="*", default=list(CALLS))
    parser.add_argument("--plateau", type=float, default=PLATEAU, metavar="SECONDS")
    parser.add_argument("--line", action="store_true", help="measure the asterisk line as well, twice as many channels")
    arguments = parser.parse_args()
    if asterisk_root() is None:
        print(f"SKIPPED: {ABSENT}")
        return 0
    print(f"calls with prompt and keys both ways (limits: p99 <= {P99_LIMIT:.0f} ms, late <= {100 * LATE_LIMIT:.1f} %)")
    with tempfile.TemporaryDirectory(prefix="clarion-bench-") as name:
        directory = Path(name)
        first = free_range(_PORTS)
        with asterisk(directory / "asterisk", range(first, first + _PORTS), ahead=True) as server:
            for calls in arguments.calls:
                print(f"{calls} calls, {arguments.plateau:.0f} s", flush=True)
                await _compare(directory, server, calls, arguments.plateau, arguments.line)
    return 0


async def _compare(directory: Path, server: Asterisk, calls: int, plateau: float, with_line: bool) -> None:
    home = _folder(directory / f"native-{calls}")
    async with media_bench(home, calls, "auto") as bench:
        ours = await _ours(bench, "Clarion, native line", calls, plateau, directory, {})
        ours.tell(calls)
        prompt = await asyncio.to_thread(_prompt, home, directory)
        theirs = await _theirs(bench, server, prompt, calls, plateau, directory)
        theirs.tell(calls)
    ratio = ours.whole / theirs.whole
    print(f"  {'met' if ratio <= 1 else 'NOT MET'}: Clarion takes {ratio:.2f} of Asterisk's processor time a call")
    if with_line:
        home = _folder(directory / f"line-{calls}")
        async with media_bench(home, calls, "auto", asterisk=(server.url, USER, PASSWORD)) as bench:
            more = {"asterisk": server.pid}
            line = await _ours(bench, "Clarion, asterisk line", calls, plateau, directory, more, server.ports)
            line.tell(calls)


async def _ours(
    bench: Bench,
    name: str,
    calls: int,
    plateau: float,
    directory: Path,
    more: dict[str, int],
    ports: range = PORTS,
) -> Side:
    attempts = [f"{name.rpartition(' ')[0][-6:]}-{calls}-{number}".replace(" ", "") for number in range(calls)]
    await start_all(bench, attempts, RAMP, SUFFIX_TALK, "talk")
    await until_up(bench, attempts)

    def used() -> dict[str, Usage]:
        own = {"switch": usage_of([bench.server]), "workers": usage_of(descendants(bench.server))}
        return own | {part: usage_of([pid]) for part, pid in more.items()}

    seen, cpu, memory = await _plateau(directory / "ours.pcap", ports, plateau, used)
    states = [await _state(bench, attempt) for attempt in attempts]
    await hang_up(bench, attempts)
    return Side(name, states.count("answered"), seen, cpu, memory)


async def _theirs(bench: Bench, server: Asterisk, prompt: Path, calls: int, plateau: float, directory: Path) -> Side:
    headers = {"Authorization": aiohttp.encode_basic_auth(USER, PASSWORD)}
    # Asterisk closes an idle connection after 15 s.
    connector = aiohttp.TCPConnector(limit=20, keepalive_timeout=10)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as http:
        driver = Driver(server, http, str(prompt.with_suffix("")))
        fields = [{"attribute": name, "value": value} for name, value in _ENDPOINT.items()]
        await driver.ask("PUT", "/asterisk/config/dynamic/res_pjsip/endpoint/bench", {"fields": fields})
        socket = await http.ws_connect(server.url + "/events", params={"app": "bench"}, max_msg_size=0)
        ear = asyncio.create_task(driver.hear(socket))
        channels = [f"ari-{calls}-{number}" for number in range(calls)]
        began = time.monotonic()
        for number, channel in enumerate(channels):
            await asyncio.sleep(max(0.0, began + number / RAMP - time.monotonic()))
            target = f"PJSIP/bench/sip:+155501{number % 1000:03d}{SUFFIX_TALK}@127.0.0.1:{bench.trunk}"
            await driver.ask("POST", "/channels", endpoint=target, app="bench", channelId=channel, formats="ulaw")
        await asyncio.sleep(4)

        def used() -> dict[str, Usage]:
            own = resource.getrusage(resource.RUSAGE_SELF)
            return {"asterisk": usage_of([server.pid]), "driver": Usage(own.ru_utime + own.ru_stime, 0.0)}

        seen, cpu, memory = await _plateau(directory / "theirs.pcap", server.ports, plateau, used)
        up = len(driver.up)
        for channel in channels:
            await driver.ask("DELETE", f"/channels/{channel}")
        await asyncio.sleep(3)
        ear.cancel()
        await socket.close()
    return Side("Asterisk 22, ARI playback", up, seen, cpu, memory)


async def _plateau(
    file: Path, ports: range, seconds: float, used: Callable[[], dict[str, Usage]]
) -> tuple[Spacing, dict[str, float], float]:
    before, began = used(), time.monotonic()
    with capture(file, ports, CARRIER_PORTS):
        await asyncio.sleep(seconds)
        after, took = used(), time.monotonic() - began
    seen = spacing(file, at_least=100)
    await asyncio.to_thread(file.unlink)
    cpu = {name: (after[name].cpu - before[name].cpu) / took for name in after}
    return seen, cpu, sum(part.memory for part in after.values())


async def _state(bench: Bench, attempt: str) -> str:
    async with bench.http.get(f"{bench.api}/calls/{attempt}") as answer:
        return str((await answer.json())["state"])


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _prompt(home: Path, directory: Path) -> Path:
    """What Clarion has spoken, for Asterisk: the longest of its clips, mu-law as it is."""
    clips = [path for path in (home / "mediaserver/clips").rglob("*") if path.is_file()]
    return shutil.copy(max(clips, key=lambda path: path.stat().st_size), directory / "prompt.ulaw")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
