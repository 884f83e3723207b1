"""Settings: one frozen, typed object read from `CLARION_...` environment variables.

Every secret may be given by `..._FILE` instead: the path of a file that holds it. Parsing is strict, an unknown
`CLARION_` variable is refused, and each message names the variable and the mend. docs/reference/settings.md lists all;
a test keeps it complete.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self, cast, get_type_hints
from urllib.parse import urlsplit, urlunsplit

from common.errors import ConfigError
from common.setting_types import (
    Endpoint,
    LogFormat,
    Origins,
    PortRange,
    Priority,
    PumpKind,
    Setting,
    Tls,
    one_of,
    parse_database_url,
    parse_file,
    parse_level,
    parse_line,
    parse_recognizer,
    parse_url,
    whole,
)

__all__ = ["Endpoint", "LogFormat", "LogSettings", "PortRange", "Settings", "Tls", "all_settings", "ensure_secrets"]

#: Variables of the test tools, never read here.
IGNORED_PREFIX = "CLARION_TEST_"
MASK = "********"
_SHORTEST_SECRET = 16
Known = Mapping[str, Any]


def _sqlite_below_home(known: Known) -> str:
    return f"sqlite:///{known['CLARION_HOME'] / 'clarion.db'}"


def _at_web_bind(known: Known) -> str:
    return f"http://{known['CLARION_WEB_BIND']}"


def _after_web_bind(known: Known) -> Endpoint:
    panel: Endpoint = known["CLARION_WEB_BIND"]
    return Endpoint(panel.host, panel.port + 1 if panel.port < 65535 else panel.port - 1)


def _engine_of_host(_known: Known) -> str:
    return f"engine-{socket.gethostname().partition('.')[0]}"[:48]


def _at_control_api(known: Known) -> str:
    return f"http://{known['CLARION_MEDIASERVER_LISTEN']}"


def _below_home(known: Known) -> Path:
    return cast("Path", known["CLARION_HOME"]) / "mediaserver"


def _after_stream_bind(known: Known) -> Endpoint:
    bind = cast("Endpoint", known["CLARION_STREAM_BIND"])
    return replace(bind, port=bind.port + 1)


def _at_pages_bind(known: Known) -> str:
    return f"http://{known['CLARION_PAGES_BIND']}"


def _pages_url(known: Known) -> str:
    return cast("str", known["CLARION_PAGES_URL"])


@dataclass(frozen=True, slots=True)
class WebSettings:
    bind: Annotated[
        Endpoint, Setting("WEB_BIND", "Where the panel listens.", Endpoint("127.0.0.1", 8000), Endpoint.parse)
    ]
    public_url: Annotated[
        str,
        Setting(
            "PUBLIC_URL",
            "Address under which people and providers reach the panel.",
            _at_web_bind,
            parse_url,
        ),
    ]
    workers: Annotated[int, Setting("WEB_WORKERS", "Server processes.", 1, whole(1, 64))]
    stream_bind: Annotated[
        Endpoint,
        Setting(
            "STREAM_BIND",
            "Where the live streams of job pages listen; their own process, by default on the panel's next port.",
            _after_web_bind,
            Endpoint.parse,
        ),
    ]
    stream_url: Annotated[
        str,
        Setting(
            "STREAM_URL",
            "Address under which browsers reach the live streams, such as the public address when a proxy passes "
            "`/live/` on to them; empty takes the panel's host with the streams' own port.",
            "",
            parse_url,
        ),
    ]
    pages_bind: Annotated[
        Endpoint,
        Setting(
            "PAGES_BIND",
            "Where VoiceXML pages for media servers are served, by processes of their own that no work of the panel "
            "delays; by default the streams' next port.",
            _after_stream_bind,
            Endpoint.parse,
        ),
    ]
    pages_url: Annotated[
        str,
        Setting("PAGES_URL", "Address under which media servers reach the VoiceXML pages.", _at_pages_bind, parse_url),
    ]
    page_workers: Annotated[int, Setting("PAGE_WORKERS", "Processes that serve VoiceXML pages.", 2, whole(1, 64))]


@dataclass(frozen=True, slots=True)
class EngineSettings:
    id: Annotated[
        str,
        Setting(
            "ENGINE_ID",
            "Name of this engine; two engines must never share one.",
            _engine_of_host,
        ),
    ]


@dataclass(frozen=True, slots=True)
class MediaServerSettings:
    listen: Annotated[
        Endpoint,
        Setting("MEDIASERVER_LISTEN", "Where the control API listens.", Endpoint("127.0.0.1", 8070), Endpoint.parse),
    ]
    url: Annotated[
        str,
        Setting(
            "MEDIASERVER_URL",
            "Address under which engines reach the control API.",
            _at_control_api,
            parse_url,
        ),
    ]
    token: Annotated[
        str,
        Setting(
            "MEDIASERVER_TOKEN",
            "Bearer token of the control API.",
            "",
            secret=True,
            kept_in="mediaserver_token",
        ),
    ] = field(repr=False)
    sip: Annotated[
        Endpoint,
        Setting(
            "MEDIASERVER_SIP",
            "Where the SIP user agent listens (UDP and TCP).",
            Endpoint("127.0.0.1", 5080),
            Endpoint.parse,
        ),
    ]
    tls_authorities: Annotated[
        str,
        Setting(
            "MEDIASERVER_TLS_AUTHORITIES",
            "PEM file of the authorities that TLS trunks' certificates come from; the system's where empty.",
            "",
            parse_file,
        ),
    ]
    tls_certificate: Annotated[
        str,
        Setting(
            "MEDIASERVER_TLS_CERTIFICATE", "PEM file of the certificate shown to TLS trunks that ask.", "", parse_file
        ),
    ]
    tls_key: Annotated[
        str,
        Setting("MEDIASERVER_TLS_KEY", "PEM file of its key, where it lies apart.", "", parse_file),
    ]
    rtp_ports: Annotated[
        PortRange,
        Setting("MEDIASERVER_RTP_PORTS", "UDP ports for media, two a call.", PortRange(20000, 29999), PortRange.parse),
    ]
    max_calls: Annotated[int, Setting("MEDIASERVER_MAX_CALLS", "Most calls at one time.", 200, whole(1, 10000))]
    line: Annotated[
        str,
        Setting("MEDIASERVER_LINE", "Line driver of trunks that name none: native or pyvoip.", "native", parse_line),
    ]
    recognizer: Annotated[
        str,
        Setting("MEDIASERVER_RECOGNIZER", "Speech recogniser: pocketsphinx, none or auto.", "auto", parse_recognizer),
    ]
    priority: Annotated[
        Priority,
        Setting(
            "MEDIASERVER_PRIORITY",
            "How far the media server runs ahead of other programs: realtime, nice or normal; where the system refuses "
            "one, the next is taken.",
            Priority.REALTIME,
            one_of(Priority),
        ),
    ]
    pump: Annotated[
        PumpKind,
        Setting(
            "MEDIASERVER_PUMP",
            "What moves RTP: fast (the loop in C that script/setup builds), python, or auto (fast where it is built).",
            PumpKind.AUTO,
            one_of(PumpKind),
        ),
    ]
    state_dir: Annotated[
        Path,
        Setting(
            "MEDIASERVER_STATE_DIR",
            "Journal of attempts, rendered prompts and recordings.",
            _below_home,
            Path,
        ),
    ]
    application_server: Annotated[
        str,
        Setting(
            "MEDIASERVER_APPLICATION_SERVER",
            "The one server that VoiceXML applications are fetched from and submit to.",
            _pages_url,
            parse_url,
        ),
    ]
    allow: Annotated[
        Origins,
        Setting(
            "MEDIASERVER_ALLOW",
            "Other servers that applications may fetch from and submit to, such as a card processor; commas between.",
            Origins(),
            Origins.parse,
        ),
    ]


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """SMS is off while `account_sid` is empty."""

    account_sid: Annotated[str, Setting("TWILIO_ACCOUNT_SID", "Account at the SMS provider; empty turns SMS off.", "")]
    auth_token: Annotated[
        str, Setting("TWILIO_AUTH_TOKEN", "Its token; also checks the signature of callbacks.", "", secret=True)
    ] = field(repr=False)
    api_url: Annotated[str, Setting("TWILIO_API_URL", "Base address of the API.", "https://api.twilio.com", parse_url)]
    sender: Annotated[str, Setting("TWILIO_FROM", "Number or sender name of campaigns that name none.", "")]


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """Email is off while `host` is empty."""

    host: Annotated[str, Setting("SMTP_HOST", "Mail relay; empty turns email off.", "")]
    port: Annotated[int, Setting("SMTP_PORT", "Its port.", 587, whole(1, 65535))]
    tls: Annotated[Tls, Setting("SMTP_TLS", "none, starttls or tls.", Tls.STARTTLS, one_of(Tls))]
    user: Annotated[str, Setting("SMTP_USER", "Login at the relay; empty for none.", "")]
    password: Annotated[str, Setting("SMTP_PASSWORD", "Its password.", "", secret=True)] = field(repr=False)
    sender: Annotated[str, Setting("SMTP_FROM", "Address that campaigns send from when they name none.", "")]


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    sip: Annotated[
        Endpoint,
        Setting(
            "SIMULATOR_SIP", "Where the simulated carrier listens (UDP).", Endpoint("127.0.0.1", 5060), Endpoint.parse
        ),
    ]
    http: Annotated[
        Endpoint,
        Setting(
            "SIMULATOR_HTTP",
            "Where the simulated SMS provider, inbox page and payment sandbox listen.",
            Endpoint("127.0.0.1", 8025),
            Endpoint.parse,
        ),
    ]
    smtp: Annotated[
        Endpoint, Setting("SIMULATOR_SMTP", "Where the mail sink listens.", Endpoint("127.0.0.1", 2525), Endpoint.parse)
    ]


@dataclass(frozen=True, slots=True)
class LogSettings:
    level: Annotated[str, Setting("LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR.", "INFO", parse_level)]
    format: Annotated[LogFormat, Setting("LOG_FORMAT", "text or json.", LogFormat.TEXT, one_of(LogFormat))]


@dataclass(frozen=True, slots=True)
class Settings:
    home: Annotated[
        Path, Setting("HOME", "State directory: SQLite database, generated secrets, journals.", Path("var"), Path)
    ]
    database_url: Annotated[
        str,
        Setting(
            "DATABASE_URL",
            "SQLite or PostgreSQL database; may hold a password, so it may come from a file.",
            _sqlite_below_home,
            parse_database_url,
            secret=True,
        ),
    ] = field(repr=False)
    secret_key: Annotated[
        str,
        Setting(
            "SECRET_KEY",
            "Signs addresses and sessions and encrypts stored passwords; at least 16 characters.",
            "",
            secret=True,
            kept_in="secret_key",
        ),
    ] = field(repr=False)
    web: WebSettings
    engine: EngineSettings
    mediaserver: MediaServerSettings
    twilio: TwilioSettings
    smtp: SmtpSettings
    simulator: SimulatorSettings
    log: LogSettings

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read and check all settings; a ConfigError lists everything that is wrong at once."""
        environ = os.environ if environ is None else environ
        problems = list(_unknown(environ))
        values: dict[str, Any] = {}
        for setting in all_settings():
            try:
                values[setting.variable] = _read(setting, environ, values)
            except ValueError as error:
                problems.append(f"{setting.variable}: {error}")
                values[setting.variable] = None
        if problems:
            raise ConfigError("\n".join(problems))
        return cast("Self", _build(cls, values))

    def masked(self) -> dict[str, str]:
        """Every variable with its value in words, secrets and passwords masked."""
        return {setting.variable: _shown(setting, value) for setting, value in _walk(self)}

    def require_secret_key(self) -> str:
        if not self.secret_key:
            raise ConfigError(
                f"CLARION_SECRET_KEY: not set and {self.home / 'secret_key'} does not exist; "
                "start `clarion up` once to make one, or set it"
            )
        return self.secret_key


def all_settings() -> list[Setting]:
    found: list[Setting] = []
    for _, kind, setting in _members(Settings):
        found += [setting] if setting else [inner for _, _, inner in _members(kind) if inner]
    return found


def ensure_secrets(settings: Settings) -> Settings:
    """The settings with every missing generated secret made and kept in the state directory, readable by us alone."""
    settings.home.mkdir(parents=True, exist_ok=True)
    secret_key = settings.secret_key or _keep(settings.home / "secret_key")
    token = settings.mediaserver.token or _keep(settings.home / "mediaserver_token")
    return replace(settings, secret_key=secret_key, mediaserver=replace(settings.mediaserver, token=token))


def _keep(path: Path) -> str:
    """A new secret, or the one another process kept first: the file appears whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
        return path.read_text("ascii").strip()
    finally:
        os.unlink(temporary)


@cache
def _members(cls: Any) -> tuple[tuple[str, type, Setting | None], ...]:
    """Field name, type, and the setting; a field without setting is a group of them."""
    members = []
    for name, hint in get_type_hints(cls, include_extras=True).items():
        setting = hint.__metadata__[0] if hasattr(hint, "__metadata__") else None
        members.append((name, hint, setting))
    return tuple(members)


def _build(cls: type, values: Mapping[str, Any]) -> object:
    return cls(
        **{name: values[setting.variable] if setting else _build(kind, values) for name, kind, setting in _members(cls)}
    )


def _walk(group: Any) -> Iterator[tuple[Setting, object]]:
    kind: Any = type(group)
    for name, _, setting in _members(kind):
        value = getattr(group, name)
        if setting:
            yield setting, value
        else:
            yield from _walk(value)


def _read(setting: Setting, environ: Mapping[str, str], known: Known) -> object:
    text = environ.get(setting.variable, "")
    if setting.secret:
        text = _secret_text(setting, text, environ)
        kept = known["CLARION_HOME"] / setting.kept_in if setting.kept_in and known["CLARION_HOME"] else None
        if not text and kept is not None and kept.is_file():
            text = _file_text(kept)
        if text and setting.kept_in and len(text) < _SHORTEST_SECRET:
            raise ValueError(f"use at least {_SHORTEST_SECRET} characters")
    if not text:
        # What depends on a setting already refused would only repeat the complaint.
        return None if None in known.values() else setting.default_value(known)
    if any(character in text for character in "\0\r\n"):
        raise ValueError("holds a line break or NUL; write it on one line")
    return setting.parse(text)


def _secret_text(setting: Setting, text: str, environ: Mapping[str, str]) -> str:
    path = environ.get(f"{setting.variable}_FILE", "")
    if not path:
        return text
    if text:
        raise ValueError(f"is set together with {setting.variable}_FILE; keep one of them")
    return _file_text(Path(path))


def _file_text(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise ValueError(f"cannot read the file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"the file {path} is not UTF-8 text") from error


def _unknown(environ: Mapping[str, str]) -> Iterator[str]:
    known = {setting.variable for setting in all_settings()}
    known |= {f"{setting.variable}_FILE" for setting in all_settings() if setting.secret}
    for name in sorted(environ):
        if name.startswith("CLARION_") and not name.startswith(IGNORED_PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            mend = f"did you mean {close[0]}?" if close else "remove it; docs/reference/settings.md lists all settings"
            yield f"{name}: no such setting; {mend}"


def _shown(setting: Setting, value: object) -> str:
    if setting.variable == "CLARION_DATABASE_URL":
        return mask_url(str(value))
    if setting.secret:
        return MASK if value else ""
    return str(value)


def mask_url(url: str) -> str:
    """The URL with its password masked."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    userinfo, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{userinfo.partition(':')[0]}:{MASK}@{host}"))
