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
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self, cast, get_type_hints
from urllib.parse import urlsplit, urlunsplit

from common.errors import ConfigError
from common.setting_groups import (
    EngineSettings,
    Known,
    LogSettings,
    MediaServerSettings,
    SimulatorSettings,
    SmtpSettings,
    TwilioSettings,
    WebSettings,
)
from common.setting_types import Endpoint, LogFormat, PortRange, Setting, Tls, parse_database_url

__all__ = [
    "Endpoint",
    "LogFormat",
    "LogSettings",
    "PortRange",
    "Settings",
    "SmtpSettings",
    "Tls",
    "TwilioSettings",
    "all_settings",
    "ensure_secrets",
]

#: Variables of the test tools, never read here.
IGNORED_PREFIX = "CLARION_TEST_"
MASK = "********"
_SHORTEST_SECRET = 16


def _sqlite_below_home(known: Known) -> str:
    return f"sqlite:///{known['CLARION_HOME'] / 'clarion.db'}"


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
