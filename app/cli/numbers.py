"""`clarion number`: what the digits of a phone number tell, by numbering plans alone; it needs no database."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class _Told:
    number: str
    kind: str
    country: str
    region: str
    carrier: str
    time_zones: tuple[str, ...]
    #: Why it is never dialled; "" for one that may be.
    never_dialled: str = ""


def register(subparsers: Any) -> None:
    from app.cli import COMMANDS

    parser = subparsers.add_parser("number", help=COMMANDS["number"].help)
    parser.add_argument("number", metavar="NUMBER", help="as people write it")
    parser.add_argument("--country", default="US", help="home country of a number without + (US)")
    parser.add_argument("--json", action="store_true", help="one object on one line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    told = _told(arguments.number, arguments.country.strip().upper())
    if arguments.json:
        print(json.dumps(asdict(told), ensure_ascii=False))
        return 0
    for name, value in asdict(told).items():
        text = ", ".join(value) if isinstance(value, tuple) else value
        if text or name != "never_dialled":
            print(f"{name.replace('_', ' '):<14}{text or 'not known'}")
    return 0


def _told(text: str, country: str) -> _Told:
    """Raise BadNumber for what is no number."""
    from app.core.phone import NumberRefused, parse_number
    from app.services import regions

    refusal = ""
    try:
        number = parse_number(text, country)
    except NumberRefused as error:
        number, refusal = error.number, str(error)
    found = regions.origin(number.e164)
    return _Told(
        number.e164, number.type, number.country, found.region, found.carrier, number.time_zones, never_dialled=refusal
    )
