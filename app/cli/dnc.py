"""`clarion dnc`: files into do-not-call lists and out of them, and a list as a file."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.data import database
from common.errors import Refused

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.services.dnc_files import FileFields


def register(subparsers: Any) -> None:
    from app.cli import COMMANDS

    parser = subparsers.add_parser("dnc", help=COMMANDS["dnc"].help)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    _register_import(actions)
    export = actions.add_parser("export", help="write a list to standard output as CSV")
    _name_list(export)
    export.set_defaults(run=run_export)


def _register_import(actions: Any) -> None:
    load = actions.add_parser("import", help="take a file into a list, out of it, or instead of what it had")
    load.add_argument("file", type=Path, metavar="FILE")
    _name_list(load)
    load.add_argument(
        "--format",
        default="csv",
        choices=("csv", "numbers", "us", "gb"),
        help="csv (value or ID, kind or ID_TYPE, days), numbers (one a line), us (FTC flat file), gb (TPS)",
    )
    load.add_argument("--action", default="add", choices=("add", "remove", "replace"))
    load.add_argument("--as-of", metavar="DATE", help="the day that a national list was drawn, such as 2026-11-01")
    load.add_argument("--country", default="", help="home country of numbers without +; the organization's own")
    load.add_argument("--common", action="store_true", help="make a new list common to all organizations")
    load.set_defaults(run=run_import)


def _name_list(parser: Any) -> None:
    parser.add_argument("--list", required=True, metavar="NAME", help="do-not-call list; an import makes a new one")
    parser.add_argument("--organization", default="", metavar="NAME", help="needed where there are several")


def run_import(arguments: argparse.Namespace) -> int:
    from app.db import write_transaction
    from app.security.access import Actor
    from app.services import dnc_files

    fields = dnc_files.FileFields(arguments.format, arguments.action, _day(arguments.as_of), arguments.country)
    with database() as engine:
        with write_transaction(engine) as session:
            list_id = _list_for(session, arguments, fields)
        done = dnc_files.take_file(engine, Actor.system(), list_id, arguments.file, fields, _progress())
    print(
        f"{done.state}: {done.rows_read} lines read, {done.rows_changed} entries changed, {done.rows_rejected} rejected"
    )
    for reject in done.first_rejects[:10]:
        print(f"  line {reject['line']}: {reject['reason']}")
    if done.detail:
        print(f"clarion: {done.detail}", file=sys.stderr)
    return 0 if done.state == "completed" else 1


def run_export(arguments: argparse.Namespace) -> int:
    from app.db import read_transaction
    from app.security.access import Actor
    from app.services import dnc, organizations

    with database() as engine, read_transaction(engine) as session:
        actor = Actor.system()
        if arguments.organization:
            actor = Actor.system(organizations.find_organization(session, actor, arguments.organization).id)
        found = dnc.find_dnc_list(session, actor, arguments.list)
        sys.stdout.writelines(dnc.export_csv(session, actor, found.id))
    return 0


def _list_for(session: Session, arguments: argparse.Namespace, fields: FileFields) -> int:
    """The list of that name; a new one, of a country where the format is a country's."""
    from app.core.compliance import NATIONAL
    from app.security.access import Actor, NotFound
    from app.services import dnc, dnc_files, organizations

    actor = Actor.system()
    home = None
    if arguments.organization:
        home = organizations.find_organization(session, actor, arguments.organization).id
    try:
        return dnc.find_dnc_list(session, Actor.system(home), arguments.list).id
    except NotFound:
        made = dnc.create_dnc_list(session, actor, arguments.list, home, common=arguments.common)
    if fields.form in NATIONAL:
        dnc_files.set_national(session, actor, made.id, fields.form)
    return made.id


def _day(text: str | None) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"--as-of {text}: write year-month-day, such as 2026-11-01") from error


def _progress() -> Any:
    """Prints lines read to a terminal."""
    if not sys.stderr.isatty():
        return None
    return lambda lines: print(f"\r{lines} lines", end="", file=sys.stderr)
