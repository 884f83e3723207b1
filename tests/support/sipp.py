"""SIPp as the far end: one process, one scenario, one call."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import TypeVar

from tests.support.ports import free_range

SCENARIOS = Path(__file__).parents[1] / "integration" / "sip" / "scenarios"
_PORTS = 8
_given: set[int] = set()
_Played = TypeVar("_Played")


class Sipp:
    """A running scenario on 127.0.0.1:`port`. Finished by `wait`, which returns its complaints ("" for none)."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, errors: Path) -> None:
        self._process = process
        self._errors = errors
        self._complaints = ""
        self.port = port

    @classmethod
    async def start(
        cls,
        scenario: str,
        *,
        status: int = 486,
        remote: tuple[str, int] | None = None,
        patience: int = 60,
        transport: str = "udp",
        host: str = "127.0.0.1",
        port: int = 0,
        calls: int = 1,
        front: int = 0,
        routes: int = 0,
        suite: str = "",
        options: tuple[str, ...] = (),
    ) -> Sipp:
        """Start `scenarios/NAME.xml`; with `remote` SIPp is the one that calls. `status` fills `[status]`.

        It gives up after `patience` seconds. `front` is a TLS port before its own: the far end's address is there.
        `suite` fills `[suite]`, of SRTP. `routes` are the Record-Routes that a proxy before it adds.
        """
        port = port or own_ports()
        media = port + 2
        folder = Path(tempfile.mkdtemp(prefix="sipp-"))
        # SIPp reads a response's status before it fills in its own keywords.
        text = (SCENARIOS / f"{scenario}.xml").read_text().replace("[status]", str(status)).replace("[suite]", suite)
        if front:
            text = text.replace("[local_port]", str(front)).replace("[transport]", "TLS")
        if routes:
            text = _behind_a_proxy(text, routes)
        if ":" in host:
            text = text.replace("IN IP4 [local_ip]", "IN IP6 [media_ip]")
        (folder / "scenario.xml").write_text(text)
        errors = folder / "errors.log"
        arguments = ["-sf", str(folder / "scenario.xml"), "-i", host, "-p", str(port), *_media_ports(media)]
        arguments += ["-m", str(calls), "-nostdin", "-timeout", f"{patience}s", "-timeout_error", "-pause_msg_ign"]
        # Nor does it give up because the machine stood still.
        arguments += ["-watchdog_interval", "0", "-trace_err", "-error_file", str(errors)]
        arguments += ["-t", {"udp": "u1", "tcp": "t1"}[transport], *options]
        if remote is not None:
            arguments.append(f"{remote[0]}:{remote[1]}")
        process = await asyncio.create_subprocess_exec(
            "sipp", *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        if remote is None:
            await _bound(port, process, transport, host)
        started = cls(process, port, errors)
        _started.get([]).append(started)
        return started

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait(self) -> str:
        code = await self._process.wait()
        complaints = self._read()
        shutil.rmtree(self._errors.parent)
        return "" if code == 0 else f"exit status {code}: {complaints}"

    @property
    def has_lost_track(self) -> bool:
        """Whether it gave its scenario up at a message that was not next in it."""
        return "unexpected" in self._read()

    def _read(self) -> str:
        if self._errors.exists():
            self._complaints = self._errors.read_text(errors="replace")
        return self._complaints

    async def stop(self) -> None:
        """Ended when this returns, whatever it was at."""
        self.kill()
        await self._process.wait()
        self._read()
        shutil.rmtree(self._errors.parent, ignore_errors=True)

    def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()


@cache
def _has_a_range() -> bool:
    told = subprocess.run(["sipp", "-h"], capture_output=True, text=True, errors="replace", check=False)
    return "-min_rtp_port" in told.stdout + told.stderr


def _media_ports(first: int) -> list[str]:
    """SIPp 3.7 (Ubuntu 24.04) takes a range where 3.6 (Debian 12) takes one port."""
    return ["-min_rtp_port", str(first), "-max_rtp_port", str(first + 2)] if _has_a_range() else ["-mp", str(first)]


_started: ContextVar[list[Sipp]] = ContextVar("sipp")


async def in_one_piece(play: Callable[[], Awaitable[_Played]]) -> _Played:
    """What `play` returns, played again where a SIPp that it started lost track, twice at most.

    On a machine that stands still for a fifth of a second messages are repeated, and most scenarios of SIPp end at
    those: it knows a repetition only until it has sent two messages. A fault of ours shows each time.
    """
    for is_last in (False, False, True):
        started: list[Sipp] = []
        _started.set(started)
        try:
            played = await play()
        except (AssertionError, TimeoutError, ValueError):
            if is_last or not any(sipp.has_lost_track for sipp in started):
                raise
        else:
            if is_last or not any(sipp.has_lost_track for sipp in started):
                break
    return played


def _behind_a_proxy(text: str, routes: int) -> str:
    """What is kept of the INVITE for a later answer: SIPp itself holds only one header of a name."""
    more = [("Via", 2), *(("Record-Route", number) for number in range(1, routes + 1))]
    names = [f"{name}{number}".lower().replace("-", "_") for name, number in more]
    taken = "".join(
        f'\n      <ereg regexp=" .*" search_in="hdr" header="{header}:" occurrence="{number}" check_it="true"'
        f' assign_to="{name}"/>'
        for (header, number), name in zip(more, names, strict=True)
    )
    given = "".join(f"\n      {header}:[${name}]" for (header, _), name in zip(more, names, strict=True))
    if "[$via]" not in text:
        return text
    return text.replace('assign_to="via"/>', f'assign_to="via"/>{taken}').replace(":[$via]", f":[$via]{given}")


def own_ports() -> int:
    """The first of eight ports that no other SIPp of this test run was given: SIP, audio, video and their RTCP from
    the third on, and two that are free."""
    first = free_range(_PORTS)
    while any(abs(first - other) < _PORTS for other in _given):
        first = free_range(_PORTS)
    _given.add(first)
    return first


async def _bound(port: int, process: asyncio.subprocess.Process, transport: str, host: str) -> None:
    """Until somebody listens on the port: an earlier INVITE would be refused by the network."""
    for _ in range(2500):
        if _is_bound(port, f"{transport}{'6' if ':' in host else ''}"):
            return
        if process.returncode is not None:
            raise RuntimeError(f"SIPp ended at once with status {process.returncode}")
        await asyncio.sleep(0.02)
    raise RuntimeError("SIPp did not open its port")


def _is_bound(port: int, table: str) -> bool:
    return f":{port:04X} " in Path(f"/proc/net/{table}").read_text()
