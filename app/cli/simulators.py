"""`clarion carrier`: the simulated outside world, at the addresses of the settings."""

from __future__ import annotations

import argparse


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from common.settings import Settings
    from simulators.command import ABOUT, Defaults, add_arguments, run

    settings = Settings.load()
    simulated = Defaults()
    defaults = Defaults(
        sip_bind=str(settings.simulator.sip),
        http_bind=str(settings.simulator.http),
        smtp_bind=str(settings.simulator.smtp),
        sms_account=settings.twilio.account_sid or simulated.sms_account,
        sms_token=settings.twilio.auth_token or simulated.sms_token,
        inbound_url=f"{settings.web.public_url}/callbacks/twilio/inbound",
    )
    parser = subparsers.add_parser(
        "carrier", help="simulate a carrier and its customers on loopback", description=ABOUT
    )
    add_arguments(parser, defaults)
    parser.set_defaults(run=run)
