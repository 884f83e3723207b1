"""`clarion consent`: files into the consent ledger, and the ledger as a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.data import database

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from app.security.access import Actor


def register(subparsers: Any) -> None:
    from app.cli import COMMANDS

    parser = subparsers.add_parser("consent", help=COMMANDS["consent"].help)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    load = actions.add_parser("import", help="take a CSV or XLSX file into the ledger")
    load.add_argument("file", type=Path, metavar="FILE")
    load.add_argument("--evidence", type=Path, metavar="ZIP", help="the files that the column evidence names")
    load.add_argument("--country", default="", help="home country of numbers without +; the organization's own")
    load.add_argument("--dry-run", action="store_true", help="only count, and show what would be rejected")
    load.add_argument("--organization", default="", metavar="NAME", help="needed where there are several")
    load.set_defaults(run=run_import)
    export = actions.add_parser("export", help="write the ledger to standard output as CSV")
    export.add_argument("--purpose", default="", help="entries for this purpose only")
    export.add_argument("--organization", default="", metavar="NAME", help="of this organization only")
    export.set_defaults(run=run_export)


def run_import(arguments: argparse.Namespace) -> int:
    from app.services import consent_files

    with database() as engine:
        done = consent_files.take_file(
            engine,
            _actor(engine, arguments.organization),
            arguments.file,
            proofs=arguments.evidence,
            home_country=arguments.country,
            dry=arguments.dry_run,
        )
    print(
        f"{'counted' if arguments.dry_run else done.state}: {done.rows_read} lines read, {done.rows_given} given, "
        f"{done.rows_revoked} taken back, {done.rows_known} known already, {done.rows_rejected} rejected"
    )
    for reject in done.first_rejects[:10]:
        print(f"  line {reject['line']}: {reject['reason']}")
    if done.detail:
        print(f"clarion: {done.detail}", file=sys.stderr)
    return 1 if done.detail else 0


def run_export(arguments: argparse.Namespace) -> int:
    from app.db import read_transaction
    from app.services import consents

    with database() as engine:
        actor = _actor(engine, arguments.organization)
        with read_transaction(engine) as session:
            sys.stdout.writelines(consents.export_csv(session, actor, arguments.purpose.strip().lower()))
    return 0


def _actor(engine: Engine, organization: str) -> Actor:
    from app.db import read_transaction
    from app.security.access import Actor
    from app.services import organizations

    if not organization:
        return Actor.system()
    with read_transaction(engine) as session:
        return Actor.system(organizations.find_organization(session, Actor.system(), organization).id)
