"""The command line of the simulators: one process with the carrier and the sinks; `-` leaves a part out."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.errors import ConfigError
from simulators.carrier.agent import Carrier, CarrierSettings
from simulators.carrier.population import Population, load_population
from simulators.sinks.server import Sinks, SinkSettings
from simulators.sinks.twilio_api import ACCOUNT, TOKEN

ABOUT = """A simulated carrier with its customers, an SMS provider, a mail server and a card processor, on loopback.
The last two digits of a called number say what happens; see docs/reference/simulated-carrier.md."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What options are where they are not given; `clarion carrier` takes them from the settings."""

    sip_bind: str = "127.0.0.1:5060"
    http_bind: str = "127.0.0.1:8025"
    smtp_bind: str = "127.0.0.1:2525"
    sms_account: str = ACCOUNT
    sms_token: str = field(default=TOKEN, repr=False)
    inbound_url: str = ""


def add_arguments(parser: argparse.ArgumentParser, defaults: Defaults | None = None) -> None:
    given = defaults or Defaults()
    add = parser.add_argument
    add("--sip-bind", default=given.sip_bind, metavar="HOST:PORT", help="SIP over UDP, - for none (%(default)s)")
    add("--http-bind", default=given.http_bind, metavar="HOST:PORT", help="inbox, SMS API, payment (%(default)s)")
    add("--smtp-bind", default=given.smtp_bind, metavar="HOST:PORT", help="SMTP, - for none (%(default)s)")
    add("--rtp-ports", default="30000-32766", metavar="FIRST-LAST", help="RTP ports (%(default)s)")
    add("--seed", type=int, default=1, help="seed of the mix and of packet loss (%(default)s)")
    add("--journal", type=Path, metavar="FILE", help="append every ring, message, mail and payment as JSON lines")
    add("--everyone", default="", metavar="BEHAVIOUR", help="one behaviour for every number, such as listen")
    add("--population", type=Path, metavar="FILE", help="JSON file that changes suffixes and mix")
    add("--challenge", action="store_true", help="ask every caller for digest credentials (407)")
    add("--username", default="clarion", help="digest user name (%(default)s)")
    add("--password", default="clarion", help="digest password (%(default)s)")
    add("--no-silence", action="store_true", help="send no RTP while the customer is silent")
    add("--sms-account", default=given.sms_account, metavar="SID", help="account SID of the SMS API")
    add("--sms-token", default=given.sms_token, metavar="TOKEN", help="its auth token")
    add("--inbound-url", default=given.inbound_url, metavar="URL", help="where texts written in the inbox are posted")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="carrier", description=ABOUT)
    add_arguments(parser)
    return run(parser.parse_args(argv))


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; ConfigError when an option is wrong or an address is taken."""
    asyncio.run(_serve(args))
    return 0


def bind_address(text: str, option: str) -> tuple[str, int] | None:
    """HOST:PORT, None for -; ConfigError names the option."""
    if text == "-":
        return None
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"{option}: {text!r} is not HOST:PORT, such as 127.0.0.1:5060")
    return host, int(port)


def carrier_of(args: argparse.Namespace) -> Carrier | None:
    """The carrier the options describe, None when it is left out."""
    address = bind_address(args.sip_bind, "--sip-bind")
    if address is None:
        return None
    first, dash, last = args.rtp_ports.partition("-")
    if not (dash and first.isdecimal() and last.isdecimal() and int(first) <= int(last) < 65536):
        raise ConfigError(f"--rtp-ports: {args.rtp_ports!r} is not FIRST-LAST, such as 30000-32766")
    settings = CarrierSettings(
        host=address[0],
        port=address[1],
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


def sinks_of(args: argparse.Namespace, carrier: Carrier | None) -> Sinks:
    settings = SinkSettings(
        http=bind_address(args.http_bind, "--http-bind"),
        smtp=bind_address(args.smtp_bind, "--smtp-bind"),
        journal=args.journal,
        account=args.sms_account,
        token=args.sms_token,
        inbound_url=args.inbound_url,
    )
    return Sinks(settings, carrier)


async def _serve(args: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    carrier = carrier_of(args)
    async with AsyncExitStack() as parts:
        try:
            if carrier is not None:
                await parts.enter_async_context(carrier)
            sinks = await parts.enter_async_context(sinks_of(args, carrier))
        except OSError as error:
            raise ConfigError(
                f"carrier: cannot listen: {error}; is it running already? choose other --*-bind"
            ) from error
        _say(**_addresses(carrier, sinks))
        await stop.wait()
        if carrier is not None:
            _say(**{name: value for name, value in carrier.status().items() if name != "recent"})


def _addresses(carrier: Carrier | None, sinks: Sinks) -> dict[str, Any]:
    """Where the parts listen, with the ports that were taken; the first line on standard output."""
    return {
        "ready": True,
        "sip": f"{carrier.settings.host}:{carrier.port}" if carrier is not None else None,
        "http": sinks.base_url if sinks.settings.http else None,
        "smtp": f"{sinks.smtp.host}:{sinks.smtp.port}" if sinks.smtp is not None else None,
    }


def _say(**values: Any) -> None:
    print(json.dumps(values), flush=True)
