"""What settings are made of: the kinds of values, how each is parsed, and the description of one setting."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from common.control import LINES


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `default` may be a function of the settings named before it; `kept_in` is the file in the state
    directory where a generated secret is kept."""

    name: str
    purpose: str
    default: object
    parse: Callable[[str], Any] = str
    secret: bool = False
    kept_in: str = ""

    @property
    def variable(self) -> str:
        return f"CLARION_{self.name}"

    def default_value(self, known: Mapping[str, Any]) -> object:
        return self.default(known) if callable(self.default) else self.default


class Tls(StrEnum):
    #: Plain text: a relay on loopback or a closed network.
    NONE = "none"
    #: Plain connection upgraded before anything is said; refused when the server cannot.
    STARTTLS = "starttls"
    #: TLS from the first byte (port 465).
    TLS = "tls"


class LogFormat(StrEnum):
    #: key=value lines for people.
    TEXT = "text"
    #: One JSON object a line for machines.
    JSON = "json"


class Priority(StrEnum):
    #: Ahead of every ordinary program, where the system allows it.
    REALTIME = "realtime"
    #: A larger share of the processor than ordinary programs get.
    NICE = "nice"
    #: Like any other program.
    NORMAL = "normal"


class Reason(StrEnum):
    #: Whoever wants may say why.
    OPTIONAL = "optional"
    #: Nothing without a reason.
    REQUIRED = "required"


class PumpKind(StrEnum):
    #: The fast path where it is built, else Python.
    AUTO = "auto"
    #: The RTP loop in C; without it the media server does not start.
    FAST = "fast"
    #: The RTP loop in Python.
    PYTHON = "python"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """HOST:PORT that something listens on or connects to; an IPv6 host is written in brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Self:
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isascii() or not port.isdigit() or not 0 <= int(port) <= 65535:
            raise ValueError("write HOST:PORT, such as 127.0.0.1:8000")
        return cls(host.removeprefix("[").removesuffix("]"), int(port))


@dataclass(frozen=True, slots=True)
class PortRange:
    """FIRST-LAST, both included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    @classmethod
    def parse(cls, text: str) -> Self:
        first, _, last = text.partition("-")
        if not (first.isdigit() and last.isdigit() and 1024 <= int(first) < int(last) <= 65535):
            raise ValueError("write FIRST-LAST, such as 20000-29999, between 1024 and 65535")
        return cls(int(first), int(last))


def parse_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write a whole address, such as https://clarion.example.org")
    return value.rstrip("/")


class Origins(tuple[str, ...]):
    """Addresses of servers, written with commas between them."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: str) -> Origins:
        return cls(parse_url(part.strip()) for part in value.split(",") if part.strip())

    def __str__(self) -> str:
        return ",".join(self)


def parse_database_url(value: str) -> str:
    if value.startswith(("sqlite:", "postgresql:", "postgresql+psycopg:", "postgres:")):
        return value
    raise ValueError("write sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME")


def whole(least: int, most: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
            raise ValueError(f"write a whole number between {least} and {most}")
        return int(value)

    return parse


def one_of(kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    def parse(value: str) -> StrEnum:
        try:
            return kind(value.lower())
        except ValueError:
            raise ValueError(f"write one of {', '.join(kind)}") from None

    return parse


def parse_level(value: str) -> str:
    if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError("write one of DEBUG, INFO, WARNING, ERROR")
    return value.upper()


def parse_file(value: str) -> str:
    if not Path(value).is_file():
        raise ValueError("name a file that exists")
    return value


def parse_recognizer(value: str) -> str:
    if value not in ("auto", "pocketsphinx", "none"):
        raise ValueError("write one of auto, pocketsphinx, none")
    return value


def parse_line(value: str) -> str:
    if value not in LINES:
        raise ValueError(f"write one of {', '.join(LINES)}")
    return value


def parse_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]{1,40}", value):
        raise ValueError("use 1 to 40 letters, digits or _")
    return value
