"""A trunk given on the command line: its address, its credentials, and where we stand towards it."""

from __future__ import annotations

import argparse
import ipaddress
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from common.control import CallerIdentity, Trunk
from common.errors import Refused
from common.gateways import Gateway
from common.media_terms import KEYS, PTIMES, SRTP

if TYPE_CHECKING:
    from mediaserver.lines.asterisk_access import AriAccess
    from mediaserver.switch.sip.tls import TlsFiles

_ADDRESS = re.compile(
    r"(?P<scheme>sip:)?(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?:;transport=(?P<transport>udp|tcp|tls))?",
    re.IGNORECASE,
)
_EXAMPLE = "127.0.0.1:5060 or 'sip:localhost:5061;transport=tls'"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trunk",
        required=True,
        metavar="HOST:PORT|sip:HOST:PORT;transport=udp|tcp|tls|NAME",
        help="where SIP goes: a loopback address, or the name of a trunk in the database of CLARION_DATABASE_URL",
    )
    parser.add_argument("--auth", default="", metavar="USER", help="user name for 401/407")
    parser.add_argument("--password-file", type=Path, metavar="F", help="file with the password of --auth")
    parser.add_argument(
        "--ca-file",
        type=Path,
        metavar="F",
        help="PEM file of the authorities that a TLS trunk's certificate comes from",
    )
    parser.add_argument(
        "--client-cert", type=Path, metavar="F", help="PEM file of the certificate a TLS trunk is shown"
    )
    parser.add_argument("--client-key", type=Path, metavar="F", help="PEM file of its key, where it lies apart")
    parser.add_argument("--proxy", default="", metavar="HOST:PORT", help="outbound proxy; a loopback address")
    parser.add_argument(
        "--gateway",
        action="append",
        default=[],
        metavar="HOST:PORT;weight=N;priority=N",
        help="a further server of the trunk, on loopback; may be repeated",
    )
    parser.add_argument(
        "--redirect",
        action="append",
        default=[],
        metavar="PREFIX",
        help="number prefix that a 3xx may lead to; may be repeated",
    )
    parser.add_argument(
        "--transfer",
        action="append",
        default=[],
        metavar="PREFIX",
        help="number prefix that the script may transfer to; may be repeated",
    )
    parser.add_argument("--srtp", choices=SRTP, default="off", help="encrypted audio with keys in the SDP")
    parser.add_argument("--keys", choices=KEYS, default="auto", help="how keys are sent")
    parser.add_argument("--ptime", type=int, choices=PTIMES, default=20, help="milliseconds of audio a packet")
    parser.add_argument("--g722", action="store_true", help="offer G.722 before G.711")
    parser.add_argument("--register", action="store_true", help="register first, with --auth")


def add_identity_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--display-name", default="", metavar="TEXT", help="shown beside the caller number")
    parser.add_argument("--asserted", default="", metavar="NUMBER", help="P-Asserted-Identity")
    parser.add_argument("--private", action="store_true", help="withhold the caller number (Privacy: id)")
    parser.add_argument("--diversion", default="", metavar="NUMBER", help="for whom the call is made (Diversion)")
    parser.add_argument("--user-to-user", default="", metavar="TEXT", help="for the called party's system; 128 bytes")


def read_identity(args: argparse.Namespace) -> CallerIdentity:
    return CallerIdentity(args.asserted, args.private, args.diversion, args.user_to_user)


def is_address(text: str) -> bool:
    """An address is meant, not the name of a configured trunk."""
    return ":" in text or is_loopback(text)


def read_trunk(args: argparse.Namespace) -> Trunk:
    """Raise Refused unless it is on loopback: there is no compliance gate without a database."""
    if args.organization or args.window:
        raise Refused("--organization and --window: they belong to a configured trunk, --trunk NAME without a port")
    match = _ADDRESS.fullmatch(args.trunk)
    if match is None or not (match["port"] or match["scheme"]) or not 0 < int(match["port"] or 1) < 65536:
        raise Refused(f"--trunk {args.trunk!r}: write HOST:PORT or a sip: URI, such as {_EXAMPLE}")
    host = match["host"].strip("[]")
    if not is_loopback(host):
        raise Refused(
            f"--trunk {args.trunk!r}: without a database only a loopback trunk may be called;"
            " configure it in the panel and name it (--trunk NAME): then every call passes the compliance gate"
        )
    if bool(args.auth) != (args.password_file is not None):
        raise Refused("--auth and --password-file belong together")
    if args.register and not args.auth:
        raise Refused("--register: a registration needs --auth and --password-file")
    for option, prefixes in (("--redirect", args.redirect), ("--transfer", args.transfer)):
        for prefix in prefixes:
            if not re.fullmatch(r"\+?[0-9]{1,15}", prefix):
                raise Refused(f"{option} {prefix!r}: write a number prefix such as +1212")
    _check_loopback("--proxy", [args.proxy] if args.proxy else [])
    _check_loopback("--gateway", args.gateway)
    transport = (match["transport"] or "udp").lower()
    # The certificate of a TLS trunk is for the name that was given.
    named = host == "localhost" and transport == "tls"
    return Trunk(
        host="127.0.0.1" if host == "localhost" and not named else host,
        port=int(match["port"] or (5061 if transport == "tls" else 5060)),
        transport=transport,
        username=args.auth,
        password=_read_password(args.password_file),
        line=args.line or "native",
        proxy=args.proxy,
        gateways=tuple(args.gateway),
        redirects=tuple(args.redirect),
        transfers=tuple(args.transfer),
        register=args.register,
        ptime=args.ptime,
        keys=args.keys,
        srtp=args.srtp,
        g722=args.g722,
    )


def _check_loopback(option: str, texts: list[str]) -> None:
    for text in texts:
        try:
            gateway = Gateway.parse(text)
        except ValueError as error:
            raise Refused(f"{option}: {error}") from error
        if not is_loopback(gateway.host.strip("[]")):
            raise Refused(f"{option} {text!r}: without a database only loopback addresses may be called")


def tls_files(args: argparse.Namespace) -> TlsFiles:
    """Raise Refused naming the option whose file is not there."""
    from mediaserver.switch.sip.tls import TlsFiles

    named = (("--ca-file", args.ca_file), ("--client-cert", args.client_cert), ("--client-key", args.client_key))
    for option, file in named:
        if file is not None and not file.is_file():
            raise Refused(f"{option} {file}: no such file")
    if args.client_key is not None and args.client_cert is None:
        raise Refused("--client-key: its certificate is missing; give --client-cert too")
    return TlsFiles(args.ca_file, args.client_cert, args.client_key)


def ari_access(line: str) -> AriAccess | None:
    """How Asterisk is reached, by the settings; None for other lines."""
    if line != "asterisk":
        return None
    from common.settings import Settings
    from mediaserver.lines.asterisk_access import AriAccess

    mine = Settings.load().mediaserver
    return AriAccess(mine.asterisk_url, mine.asterisk_user, mine.asterisk_password, mine.asterisk_app)


def near_address(trunk: Trunk) -> str:
    """The address of this machine that the trunk is reached from. Sends nothing."""
    if is_loopback(trunk.host):
        return "127.0.0.1" if trunk.host == "localhost" else trunk.host
    try:
        family, _, _, _, address = socket.getaddrinfo(trunk.host, trunk.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError as error:
        raise Refused(f"--trunk: {trunk.host} cannot be reached from here: {error.strerror or error}") from error


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read_password(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"--password-file {file}: {getattr(error, 'strerror', None) or 'no UTF-8 text'}") from error
