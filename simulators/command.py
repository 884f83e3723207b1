"""The command line of the simulators: one process with the carrier and, where asked for, the sinks."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from pathlib import Path
from typing import Any

from common.errors import ConfigError
from simulators.carrier.agent import Carrier, CarrierSettings
from simulators.carrier.population import Population, load_population


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sip-bind", default="127.0.0.1:5060", metavar="HOST:PORT", help="SIP over UDP (%(default)s)")
    parser.add_argument("--rtp-ports", default="30000-32766", metavar="FIRST-LAST", help="RTP ports (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the mix and of packet loss (%(default)s)")
    parser.add_argument("--journal", type=Path, metavar="FILE", help="append every ring and its end as JSON lines")
    parser.add_argument("--everyone", default="", metavar="BEHAVIOUR", help="one behaviour for every number")
    parser.add_argument("--population", type=Path, metavar="FILE", help="JSON file that changes suffixes and mix")
    parser.add_argument("--challenge", action="store_true", help="ask every caller for digest credentials (407)")
    parser.add_argument("--username", default="clarion", help="digest user name (%(default)s)")
    parser.add_argument("--password", default="clarion", help="digest password (%(default)s)")
    parser.add_argument("--no-silence", action="store_true", help="send no RTP while the customer is silent")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="carrier", description="A simulated carrier and its customers on loopback.")
    add_arguments(parser)
    return run(parser.parse_args(argv))


def run(args: argparse.Namespace) -> int:
    """Run until SIGINT or SIGTERM."""
    asyncio.run(_serve(args))
    return 0


def bind_address(text: str, option: str) -> tuple[str, int]:
    """HOST:PORT; ConfigError names the option."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise ConfigError(f"{option}: {text!r} is not HOST:PORT, such as 127.0.0.1:5060")
    return host, int(port)


def carrier_of(args: argparse.Namespace) -> Carrier:
    host, port = bind_address(args.sip_bind, "--sip-bind")
    first, dash, last = args.rtp_ports.partition("-")
    if not (dash and first.isdigit() and last.isdigit() and int(first) <= int(last) < 65536):
        raise ConfigError(f"--rtp-ports: {args.rtp_ports!r} is not FIRST-LAST, such as 30000-32766")
    settings = CarrierSettings(
        host=host,
        port=port,
        rtp_ports=(int(first), int(last)),
        seed=args.seed,
        journal=args.journal,
        username=args.username,
        password=args.password,
        challenge=args.challenge,
        send_silence=not args.no_silence,
    )
    population = load_population(args.population, args.seed) if args.population else Population(args.seed)
    if args.everyone:
        population = Population(args.seed, everyone=population.by_name(args.everyone))
    return Carrier(settings, population)


async def _serve(args: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with carrier_of(args) as carrier:
        _say(ready=True, sip=f"{carrier.settings.host}:{carrier.port}")
        await stop.wait()
        _say(**{name: value for name, value in carrier.status().items() if name != "recent"})


def _say(**values: Any) -> None:
    print(json.dumps(values), flush=True)  # noqa: T201 - a command speaks on its standard output
