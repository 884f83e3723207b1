"""`clarion engine`."""

from __future__ import annotations

import argparse


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "engine",
        help="run campaigns: lease contacts, pace, dial, decide what is next",
        description="Runs campaigns until SIGTERM or SIGINT: then no new attempts start, those under way may finish, "
        "and everything leased is given back. Several engines share the work; each needs its own CLARION_ENGINE_ID.",
    )
    parser.add_argument(
        "--grace", type=float, default=10.0, metavar="SECONDS", help="time for calls under way at the end (default 10)"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from common.errors import Refused
    from common.logging import configure
    from common.settings import Settings
    from engine.main import run_engine

    if not 0 <= arguments.grace <= 3600:
        raise Refused("--grace: give seconds from 0 to 3600")
    settings = Settings.load()
    configure(settings.log)
    return run_engine(settings, grace=arguments.grace)
