"""`clarion up`: every role on this machine, with the example ready to start and the carrier simulated."""

from __future__ import annotations

import argparse
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.supervisor import Role
    from common.settings import Endpoint, Settings

_EXAMPLE = "collections"
_ADMIN = "admin"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "up",
        help="run all roles on this machine, with an example campaign and a simulated carrier",
        description="Prepares the database, loads the example campaign, starts web, engine, media server and the "
        "simulated carrier, and prints the panel's address. Logs go to logs/ in the state directory.",
    )
    parser.add_argument("--no-simulator", action="store_true", help="no example, no simulated carrier, SMS and mail")
    parser.set_defaults(run=_up)


def _up(arguments: argparse.Namespace) -> int:
    from app.supervisor import RoleFailed, Supervisor
    from common.settings import Settings, ensure_secrets

    simulate = not arguments.no_simulator
    environment = {**(_simulated_providers(Settings.load()) if simulate else {}), **os.environ}
    settings = ensure_secrets(Settings.load(environment))
    roles = _roles(settings, simulate)
    _refuse_taken_ports(settings, simulate)
    password = _prepare(settings, simulate)
    supervisor = Supervisor(environment=environment, logs=settings.home / "logs")
    restore = supervisor.catch_signals()
    try:
        for role in roles:
            supervisor.start(role)
        _greet(settings, password, simulate)
        supervisor.run()
    except RoleFailed as error:
        print(f"clarion up: {error}")
        return 1
    finally:
        supervisor.stop()
        restore()
    return 0


def _simulated_providers(settings: Settings) -> dict[str, str]:
    """Point SMS, mail and card payments at the simulators; whatever the environment sets itself stays."""
    return {
        "CLARION_MEDIASERVER_ALLOW": f"http://{settings.simulator.http}",
        "CLARION_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "CLARION_TWILIO_AUTH_TOKEN": "simulated-provider",
        "CLARION_TWILIO_API_URL": f"http://{settings.simulator.http}",
        "CLARION_SMTP_HOST": settings.simulator.smtp.host,
        "CLARION_SMTP_PORT": str(settings.simulator.smtp.port),
        "CLARION_SMTP_TLS": "none",
    }


def _roles(settings: Settings, simulate: bool) -> list[Role]:
    from app.supervisor import Role

    roles = [
        Role("web", ["web"], f"http://{settings.web.bind}/healthz"),
        Role("mediaserver", ["mediaserver"], f"http://{settings.mediaserver.listen}/v1/status", grace=30.0),
        Role("engine", ["engine", "--grace", "25"], grace=30.0),
    ]
    if simulate:
        carrier = ["carrier", "--journal", str(settings.home / "carrier.jsonl")]
        roles.insert(0, Role("carrier", carrier, f"http://{settings.simulator.http}/"))
    return roles


def _prepare(settings: Settings, simulate: bool) -> str:
    """Bring the database up to date; answer the first administrator's password when one was made."""
    from app.db import make_engine, upgrade, write_transaction
    from app.security.access import Actor
    from app.services.examples import ensure_organization, load_example
    from app.services.media_servers import ensure_media_server
    from app.services.strategies import ensure_shipped
    from app.services.users import ensure_first_admin
    from app.services.windows import ensure_default_windows

    upgrade(settings.database_url)
    database = make_engine(settings.database_url)
    actor = Actor.system()
    with write_transaction(database) as session:
        ensure_media_server(session, "local", settings.mediaserver.url)
        password = ensure_first_admin(session, _ADMIN)
        if not simulate:
            organization = ensure_organization(session, "My organization")
            ensure_shipped(session, actor, organization.id)
            ensure_default_windows(session, actor, organization.id)
    if simulate:
        with write_transaction(database) as session:
            campaign, _ = load_example(session, actor, settings, _EXAMPLE)
            ensure_shipped(session, actor, campaign.organization_id)
            ensure_default_windows(session, actor, campaign.organization_id)
            list_id, organization_id = campaign.contact_list_id, campaign.organization_id
        _import_contacts(settings, list_id, organization_id)
    database.dispose()
    return password


def _import_contacts(settings: Settings, list_id: int, organization_id: int) -> None:
    """Import the example's contacts, unless the list has some already."""
    from sqlalchemy import select

    from app.db import make_engine, read_transaction
    from app.models import Contact
    from app.security.access import Actor
    from app.services.contact_names import enter_names
    from app.services.examples import contacts_file
    from app.services.importing import import_file

    database = make_engine(settings.database_url)
    with read_transaction(database) as session:
        present = session.scalar(select(Contact.id).where(Contact.contact_list_id == list_id).limit(1))
    if present is None:
        import_file(database, Actor.system(organization_id), list_id, contacts_file(_EXAMPLE), home=settings.home)
        enter_names(database)
    database.dispose()


def _refuse_taken_ports(settings: Settings, simulate: bool) -> None:
    """Say which setting to change when a port is taken, before anything is started."""
    from common.errors import ConfigError

    wanted: list[tuple[str, Endpoint, int]] = [
        ("CLARION_WEB_BIND", settings.web.bind, socket.SOCK_STREAM),
        ("CLARION_STREAM_BIND", settings.web.stream_bind, socket.SOCK_STREAM),
        ("CLARION_PAGES_BIND", settings.web.pages_bind, socket.SOCK_STREAM),
        ("CLARION_MEDIASERVER_LISTEN", settings.mediaserver.listen, socket.SOCK_STREAM),
        ("CLARION_MEDIASERVER_SIP", settings.mediaserver.sip, socket.SOCK_DGRAM),
    ]
    if simulate:
        wanted += [
            ("CLARION_SIMULATOR_SIP", settings.simulator.sip, socket.SOCK_DGRAM),
            ("CLARION_SIMULATOR_HTTP", settings.simulator.http, socket.SOCK_STREAM),
            ("CLARION_SIMULATOR_SMTP", settings.simulator.smtp, socket.SOCK_STREAM),
        ]
    taken = [
        f"{name}: {endpoint} is in use; end the other program or set another"
        for name, endpoint, kind in wanted
        if not _free(endpoint, kind)
    ]
    if taken:
        raise ConfigError("\n".join(taken))


def _free(endpoint: Endpoint, kind: int) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((endpoint.host, endpoint.port))
        except OSError:
            return False
    return True


def _greet(settings: Settings, password: str, simulate: bool) -> None:
    print(f"\nClarion is running: {settings.web.public_url}")
    if password:
        print(f"Sign in as {_ADMIN} with the password {password} (shown once; you will be asked to change it)")
    else:
        print(f"Sign in as {_ADMIN} with your password.")
    if simulate:
        print(_where_it_goes(settings))
    print(f"Logs are in {settings.home / 'logs'}. Ctrl-C stops everything.\n", flush=True)


def _where_it_goes(settings: Settings) -> str:
    """The environment may lead parts of it to real providers: then nothing is promised."""
    from channels.registry import EMAIL, SMS, simulated_channels
    from common.loopback import is_loopback

    known = simulated_channels(settings)
    outside = {
        f"calls by {settings.simulator.sip.host}": is_loopback(settings.simulator.sip.host),
        f"SMS by {settings.twilio.api_url}": SMS in known or not settings.twilio.account_sid,
        f"mail by {settings.smtp.host}": EMAIL in known or not settings.smtp.host,
    }
    real = [words for words, simulated in outside.items() if not simulated]
    if real:
        return f"Beware, this leaves the machine and may reach people: {', '.join(real)}."
    return f"SMS and mail arrive at http://{settings.simulator.http}/ ; nobody real is called."
