"""Scenario by transport, by the real command: `clarion call` against SIPp directly, behind stunnel, behind Kamailio."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.kamailio import BY_NUMBER, Proxy, kamailio
from tests.support.sip_catalog import BEHAVIOURS, PASSWORD, PROXIED, Behaviour
from tests.support.sipp import Sipp, in_one_piece, own_ports
from tests.support.stunnel import Front, Terminator, stunnel

Pair = tuple[str, str]
#: Of SIP's timer T1: what is lost on a busy machine comes again soon.
_T1 = "0.1"
_PATIENCE = 60


@dataclass(frozen=True)
class Bench:
    """What stands between the command and SIPp."""

    folder: Path
    proxy: Proxy
    tls: Terminator

    def trunk(self, way: str, port: int) -> tuple[str, ...]:
        """The options for a trunk at whose end SIPp listens on `port`."""
        if way in PROXIED:
            transport = way.removeprefix("proxy-")
            at = self.proxy.tls if transport == "tls" else self.proxy.port
            login = ("--auth", "outreach", "--password-file", str(self.folder / "password"))
            mine = self.proxy.authority.issue("client.test")
            return (*_address(at, transport), *_files(self.proxy.authority.file, mine.certificate, mine.key), *login)
        if way == "mtls":
            client = self.tls.client
            files = _files(self.tls.authority.file, client.certificate, client.key)
            return (*_address(_front(port, way), "tls"), *files)
        if way == "tls":
            return (*_address(_front(port, way), "tls"), *_files(self.tls.authority.file))
        return ("--trunk", f"sip:127.0.0.1:{port};transport={way}")


def _address(port: int, transport: str) -> tuple[str, str]:
    return "--trunk", f"sip:localhost:{port};transport={transport}"


def _files(*files: Path) -> tuple[str, ...]:
    options = ("--ca-file", "--client-cert", "--client-key")
    return tuple(part for option, file in zip(options, files, strict=False) for part in (option, str(file)))


def _front(port: int, way: str) -> int:
    """The port of stunnel: the two that SIPp leaves free of its own."""
    return port + (7 if way == "mtls" else 6)


async def play_all(pairs: Iterable[Pair], at_once: int, told: Callable[[Pair, str], None]) -> dict[Pair, str]:
    """What is wrong with each behaviour over each way, "" for nothing; `told` hears it as soon as it is known."""
    ports = [own_ports() for _ in range(at_once)]
    slots: asyncio.Queue[int] = asyncio.Queue()
    for port in ports:
        slots.put_nowait(port)
    async with _bench(ports) as bench:

        async def one(pair: Pair) -> tuple[Pair, str]:
            slot = await slots.get()
            try:
                # What a proxy or a datagram's sender repeats to an earlier call must not reach this one.
                keeps = pair[1] in ("tls", "mtls")
                wrong = await in_one_piece(lambda: play(bench, pair, slot if keeps else own_ports()))
            finally:
                slots.put_nowait(slot)
            told(pair, wrong)
            return pair, wrong

        return dict(await asyncio.gather(*map(one, pairs)))


@asynccontextmanager
async def _bench(slots: Iterable[int]) -> AsyncIterator[Bench]:
    """With TLS before the SIPps whose first ports are `slots`."""
    fronts = [Front(_front(port, way), port, way == "mtls") for port in slots for way in ("tls", "mtls")]
    with tempfile.TemporaryDirectory(prefix="sip-product-") as folder:
        (Path(folder) / "password").write_text(f"{PASSWORD}\n")
        async with kamailio(BY_NUMBER) as proxy, stunnel(fronts) as tls:
            yield Bench(Path(folder), proxy, tls)


async def play(bench: Bench, pair: Pair, port: int) -> str:
    name, way = pair
    behaviour = BEHAVIOURS[name]
    far = await Sipp.start(
        behaviour.scenario,
        status=behaviour.status,
        port=port,
        calls=behaviour.calls,
        transport="udp" if way == "udp" or way in PROXIED else "tcp",
        front=_front(port, way) if way in ("tls", "mtls") else 0,
        # Kamailio names itself once for each of its two sides that differ.
        routes={"proxy-udp": 1, "proxy-tcp": 2, "proxy-tls": 2}.get(way, 0),
        patience=_PATIENCE,
    )
    try:
        printed = await command(bench, pair, port)
        complaints = await far.wait()
    finally:
        await far.stop()
    return "; ".join(filter(None, (_judge(behaviour, printed), complaints)))


async def command(bench: Bench, pair: Pair, port: int) -> dict[str, Any]:
    """What `clarion call` prints, its exit status as `code`."""
    name, way = pair
    behaviour = BEHAVIOURS[name]
    script = bench.folder / f"{name.replace(' ', '_')}.vxml"
    script.write_text(behaviour.script)
    number = f"+12125{port:05}" if way in PROXIED else "+12125550100"
    options = [option.format(password=bench.folder / "password") for option in behaviour.options]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "call", number, "--script", str(script)),
        *bench.trunk(way, port),
        *("--json", "--trace", "--t1", _T1, *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        printed, complaint = await asyncio.wait_for(process.communicate(), _PATIENCE)
    except TimeoutError:
        return {"complaint": f"the command did not end within {_PATIENCE} s"}
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if not printed:
        return {"code": process.returncode, "complaint": complaint.decode()}
    return {**json.loads(printed), "code": process.returncode}


def _judge(behaviour: Behaviour, printed: dict[str, Any]) -> str:
    """What differs from what was to be printed."""
    wanted: dict[str, object] = {
        "code": int(behaviour.disposition != "answered"),
        "disposition": behaviour.disposition,
        "sip_status": behaviour.sip_status,
        **behaviour.printed,
    }
    wrong = [f"{key} {printed.get(key)!r}" for key, value in wanted.items() if printed.get(key) != value]
    said = [line.get("text", "") for line in printed.get("trace", ())]
    wrong += [f"no {line!r} in {said}" for line in behaviour.ladder if not any(text.startswith(line) for text in said)]
    return "; ".join(wrong) and "; ".join((*wrong, printed.get("complaint", "") or str(printed.get("reason"))))
