"""`clarion hosts`: the servers that an organization's scripts may fetch from."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from common.errors import Refused
from common.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.security.access import Actor


def register(subparsers: Any) -> None:
    from app.cli import COMMANDS

    parser = subparsers.add_parser("hosts", help=COMMANDS["hosts"].help)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for name, help_text, run in (
        ("list", "print the allowed servers, one a line", _list),
        ("allow", "let scripts fetch from a public server", _allow),
        ("remove", "allow it no longer", _remove),
    ):
        action = actions.add_parser(name, help=help_text)
        action.add_argument("--organization", default="", metavar="NAME", help="needed where there are several")
        if name != "list":
            action.add_argument("origin", metavar="ORIGIN", help="such as https://pay.example.com")
        if name == "allow":
            action.add_argument("--note", default="", metavar="TEXT", help="what it is for")
        action.set_defaults(run=run)


def _list(arguments: argparse.Namespace) -> int:
    from app.services import hosts

    with _opened(arguments) as (session, actor):
        for host in hosts.list_hosts(session, actor):
            print(host.origin + (f"  {host.note}" if host.note else ""))
    return 0


def _allow(arguments: argparse.Namespace) -> int:
    from app.services import hosts

    with _opened(arguments) as (session, actor):
        print(f"{hosts.allow_host(session, actor, arguments.origin, arguments.note).origin} is allowed")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    from app.services import hosts
    from common.origins import BadUrl, parse_origin

    try:
        origin = str(parse_origin(arguments.origin))
    except BadUrl as error:
        raise Refused(f"origin: {error}") from error
    with _opened(arguments) as (session, actor):
        found = [host.id for host in hosts.list_hosts(session, actor) if host.origin == origin]
        if not found:
            raise Refused(f"origin: {origin} is not allowed anyway")
        if len(found) > 1:
            raise Refused("--organization: several allow this server; say which one")
        hosts.remove_host(session, actor, found[0])
    print(f"{origin} is allowed no longer")
    return 0


@contextmanager
def _opened(arguments: argparse.Namespace) -> Iterator[tuple[Session, Actor]]:
    """A writing transaction, and the system as actor in the organization that was named."""
    from app.db import make_engine, require_current, write_transaction
    from app.security.access import Actor
    from app.services.organizations import find_organization

    engine = make_engine(Settings.load().database_url)
    try:
        require_current(engine)
        with write_transaction(engine) as session:
            name = arguments.organization
            yield session, Actor.system(find_organization(session, Actor.system(), name).id if name else None)
    finally:
        engine.dispose()
