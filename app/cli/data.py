"""`clarion db`, `clarion user`, `clarion config` and `clarion import`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli import COMMANDS
from common.errors import Refused
from common.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from app.services.importing import Progress, Summary


def register(subparsers: Any) -> None:
    _register_db(subparsers)
    _register_user(subparsers)
    _register_config(subparsers)
    _register_import(subparsers)


def _register_db(subparsers: Any) -> None:
    parser = subparsers.add_parser("db", help=COMMANDS["db"].help)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    upgrade = actions.add_parser("upgrade", help="migrate the database of CLARION_DATABASE_URL to this version")
    upgrade.set_defaults(run=run_upgrade)


def _register_user(subparsers: Any) -> None:
    parser = subparsers.add_parser("user", help=COMMANDS["user"].help)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    add = actions.add_parser("add", help="add a user; without --password-file a password is made and printed once")
    add.add_argument("login")
    add.add_argument("--name", default="", help="the person's name (the login if left out)")
    add.add_argument(
        "--role",
        action="append",
        help="administration (if left out), campaign_manager, supervisor, org_campaign_manager, "
        "org_supervisor, attributes_unmask, numbers_reveal or attributes_reveal; may be given several times",
    )
    add.add_argument("--organization", default="", metavar="NAME", help="bind the user to this organization")
    add.add_argument("--password-file", type=Path, metavar="FILE", help="file that holds the password")
    add.set_defaults(run=run_user_add)
    reset = actions.add_parser("password", help="give a user a new password, printed once, and unlock the user")
    reset.add_argument("login")
    reset.add_argument("--password-file", type=Path, metavar="FILE", help="file that holds the password")
    reset.set_defaults(run=run_user_password)


def _register_config(subparsers: Any) -> None:
    parser = subparsers.add_parser("config", help=COMMANDS["config"].help)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    show = actions.add_parser("show", help="print every setting in force, secrets masked")
    show.add_argument("--json", action="store_true", help="as one JSON object")
    show.set_defaults(run=run_config_show)


def _register_import(subparsers: Any) -> None:
    parser = subparsers.add_parser("import", help=COMMANDS["import"].help)
    parser.add_argument("file", type=Path, metavar="FILE", help="CSV (also in gzip or zip) or XLSX")
    parser.add_argument(
        "--list", required=True, metavar="NAME", help="contact list; made if there is none of that name"
    )
    parser.add_argument("--organization", default="", metavar="NAME", help="needed where there are several")
    parser.add_argument("--country", default="US", help="home country of numbers without + in a new list (US)")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="COLUMN=TARGET",
        help="what a column is (id, first_name, phone1, email, an attribute ...; nothing ignores it)",
    )
    parser.add_argument(
        "--encoding", default="auto", help="of the file, such as windows-1252; found out if left out, and printed"
    )
    parser.add_argument("--delimiter", default="", metavar="SIGN", help="between the columns; found out if left out")
    parser.add_argument("--member", default="", metavar="NAME", help="file in a zip that holds several")
    parser.add_argument("--sheet", default="", metavar="NAME", help="of an Excel workbook; the first if left out")
    parser.add_argument(
        "--heading", type=int, default=0, metavar="LINE", help="line that names the columns; the first if left out"
    )
    parser.add_argument(
        "--on-duplicate",
        choices=("update", "skip"),
        default="update",
        help="what a row of a known ID does: update (or skip)",
    )
    parser.add_argument(
        "--mode",
        choices=("delta", "full", "replace", "exclude", "reset"),
        default="delta",
        help="what the file says of contacts who are not in it: nothing (delta), that they are to be taken out (full), "
        "and that what it has no column for is empty (replace); or that who is in it is not to be called for now "
        "(exclude), or again (reset)",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would become of every row; import nothing")
    parser.add_argument("--campaign", default="", metavar="NAME", help="whose calls to exclude from; all if left out")
    parser.add_argument(
        "--most-removed",
        type=int,
        default=20,
        metavar="PERCENT",
        help="of the list that a full file may take out; where it would be more nobody is (20)",
    )
    parser.add_argument("--rejects", type=Path, metavar="FILE", help="write the rows not taken, with reasons, to FILE")
    parser.set_defaults(run=run_import)


def run_upgrade(_arguments: argparse.Namespace) -> int:
    from app import db
    from common.settings import mask_url

    settings = Settings.load()
    db.upgrade(settings.database_url)
    print(f"{mask_url(settings.database_url)} is at revision {db.newest_revision()}")
    return 0


def run_config_show(arguments: argparse.Namespace) -> int:
    shown = Settings.load().masked()
    if arguments.json:
        print(json.dumps(shown, indent=2))
    else:
        for variable, value in shown.items():
            print(f"{variable}={value}")
    return 0


def run_user_add(arguments: argparse.Namespace) -> int:
    from app.db import write_transaction
    from app.models.identity import Role
    from app.security.access import Actor
    from app.services import organizations, users

    with database() as engine, write_transaction(engine) as session:
        actor = Actor.system()
        organization_id = None
        if arguments.organization:
            organization_id = organizations.find_organization(session, actor, arguments.organization).id
        made = users.add_user(
            session,
            actor,
            login=arguments.login,
            name=arguments.name,
            roles=arguments.role or [Role.ADMINISTRATION],
            organization_id=organization_id,
            password=_password(arguments.password_file),
        )
        login, password = made.user.login, made.password
    _print_password(login, password)
    return 0


def run_user_password(arguments: argparse.Namespace) -> int:
    from app.db import write_transaction
    from app.security.access import Actor
    from app.services import users

    with database() as engine, write_transaction(engine) as session:
        user = users.find_user(session, Actor.system(), arguments.login)
        password = users.reset_password(session, Actor.system(), user.id, _password(arguments.password_file))
    _print_password(arguments.login, password)
    return 0


def run_import(arguments: argparse.Namespace) -> int:
    from app.db import read_transaction, write_transaction
    from app.security.access import Actor, NotFound
    from app.services import contact_names, exclusions, importing, lists, organizations

    actor = Actor.system()
    # A file that is no CSV must not leave an empty list behind.
    choices = importing.Choices(
        arguments.member, arguments.sheet, arguments.encoding, arguments.delimiter, arguments.heading
    )
    preview = importing.preview(arguments.file, choices)
    print(f"{arguments.file.name}: {preview.understood.words}")
    mapping = preview.mapping | dict(_mapping(text) for text in arguments.map)
    with database() as engine:
        with write_transaction(engine) as session:
            home = None
            if arguments.organization:
                home = organizations.find_organization(session, actor, arguments.organization).id
            try:
                list_id = lists.find_list(session, actor, arguments.list, home).id
            except NotFound:
                country = arguments.country
                made = lists.create_list(session, actor, arguments.list, home_country=country, organization_id=home)
                list_id = made.id
            campaign_id = None
            if arguments.campaign:
                home = lists.get_list(session, actor, list_id).organization_id
                campaign_id = exclusions.campaign_of(session, actor, home, arguments.campaign).id
        show = _progress_printer()
        run_id = importing.import_file(
            engine,
            actor,
            list_id,
            arguments.file,
            mapping,
            choices=choices,
            on_duplicate=arguments.on_duplicate,
            mode=arguments.mode,
            most_removed=arguments.most_removed,
            campaign_id=campaign_id,
            dry=arguments.dry_run,
            home=Settings.load().home,
            on_progress=show,
        )
        with read_transaction(engine) as session:
            summary = importing.summary(session, actor, run_id)
            trial = importing.get_run(session, actor, run_id).trial
        if not arguments.dry_run:
            contact_names.enter_names(engine)
        with read_transaction(engine) as session:
            if arguments.rejects is not None:
                with arguments.rejects.open("w", encoding="utf-8", newline="") as file:
                    file.writelines(importing.rejects_csv(session, actor, run_id))
    _print_summary(summary, arguments.rejects)
    if arguments.dry_run:
        _print_trial(trial)
    return 0 if summary.state == "completed" else 1


def _print_summary(summary: Summary, rejects_file: Path | None) -> None:
    print(
        f"{summary.state}: {summary.rows_read} rows read, {summary.rows_added} added, "
        f"{summary.rows_updated} updated, {summary.rows_rejected} rejected"
    )
    if summary.rows_unchanged:
        print(f"  {summary.rows_unchanged} rows changed nothing")
    if summary.rows_removed:
        print(f"  {summary.rows_removed} contacts who are not in the file were taken out of the list")
    if summary.rows_skipped:
        print(f"  {summary.rows_skipped} rows of known contacts were skipped")
    if summary.rows_listed:
        print(f"  {summary.rows_listed} rows are on a do-not-call list: they are kept and never dialled")
    for reject in summary.first_rejects:
        where = f"line {reject.line}, {reject.field}" if reject.field else f"line {reject.line}"
        print(f"  {where}: {reject.reason}")
    if summary.rows_rejected > len(summary.first_rejects):
        hint = f"all are in {rejects_file}" if rejects_file else "--rejects FILE writes all of them"
        print(f"  ... and {summary.rows_rejected - len(summary.first_rejects)} more; {hint}")
    if summary.detail:
        print(f"clarion: {summary.detail}", file=sys.stderr)


def _print_trial(trial: dict[str, Any]) -> None:
    """What a dry run found besides its counts."""
    if trial.get("repeated"):
        print(f"  {trial['repeated']} rows have an ID that comes again in the file")
    for field, reason, count in trial.get("reasons", []):
        print(f"  {count} rejected: {field or 'row'} {reason}")
    if trial.get("countries"):
        print("  numbers: " + ", ".join(f"{country} {count}" for country, count in trial["countries"].items()))
    if trial.get("columns"):
        print("  types: " + ", ".join(f"{column} {kind}" for column, kind in trial["columns"].items()))
    if trial.get("words"):
        print(f"  {trial['words']}")
    print("nothing was imported")


@contextmanager
def database() -> Iterator[Engine]:
    """The configured database at this version's revision, for one command."""
    from app.db import make_engine, require_current
    from app.security.pseudonyms import attach
    from common.logging import configure

    settings = Settings.load()
    configure(settings.log)
    engine = attach(make_engine(settings.database_url), settings.secret_key)
    try:
        require_current(engine)
        yield engine
    finally:
        engine.dispose()


def _mapping(text: str) -> tuple[str, str]:
    column, equals, target = text.partition("=")
    if not equals or not column:
        raise Refused(f"--map {text}: write COLUMN=TARGET, such as Mobile=phone1")
    return column, target


def _password(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise Refused(f"--password-file: cannot read {path}: {error.strerror}") from error


def _print_password(login: str, password: str | None) -> None:
    if password is not None:
        print(
            f"The password of {login} is {password}\nIt is shown this once and is to be changed at the first sign-in."
        )


def _progress_printer() -> Any:
    """Prints progress to a terminal, at most twice a second."""
    if not sys.stderr.isatty():
        return None
    last = 0.0

    def show(progress: Progress) -> None:
        nonlocal last
        if time.monotonic() - last > 0.5:
            last = time.monotonic()
            print(f"\r{progress.percent:3.0f} %  {progress.rows_read} rows", end="", file=sys.stderr)

    return show
