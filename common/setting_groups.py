"""The settings of each role, group by group; `common.settings` reads them."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, cast

from common.setting_types import (
    Endpoint,
    LogFormat,
    Origins,
    PortRange,
    Priority,
    PumpKind,
    Reason,
    Setting,
    Tls,
    one_of,
    parse_file,
    parse_level,
    parse_line,
    parse_name,
    parse_recognizer,
    parse_url,
    whole,
)

Known = Mapping[str, Any]


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
    reveal_reason: Annotated[
        Reason,
        Setting(
            "REVEAL_REASON",
            "Whether who reveals masked data has to say why: optional or required.",
            Reason.OPTIONAL,
            one_of(Reason),
        ),
    ]
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
    tls_port: Annotated[
        int,
        Setting(
            "MEDIASERVER_TLS_PORT",
            "Port where agents' phones may call over TLS, with that certificate; 0 for none.",
            0,
            whole(0, 65535),
        ),
    ]
    rtp_ports: Annotated[
        PortRange,
        Setting("MEDIASERVER_RTP_PORTS", "UDP ports for media, two a call.", PortRange(20000, 29999), PortRange.parse),
    ]
    max_calls: Annotated[int, Setting("MEDIASERVER_MAX_CALLS", "Most calls at one time.", 200, whole(1, 10000))]
    line: Annotated[
        str,
        Setting(
            "MEDIASERVER_LINE",
            "Line driver of trunks that name none: native, pyvoip or asterisk; the last two are there only if named.",
            "native",
            parse_line,
        ),
    ]
    asterisk_url: Annotated[
        str,
        Setting(
            "MEDIASERVER_ASTERISK_URL",
            "Address of Asterisk's REST interface, for the asterisk line.",
            "http://127.0.0.1:8088/ari",
            parse_url,
        ),
    ]
    asterisk_user: Annotated[
        str, Setting("MEDIASERVER_ASTERISK_USER", "User of Asterisk's REST interface (ari.conf).", "clarion")
    ]
    asterisk_password: Annotated[
        str, Setting("MEDIASERVER_ASTERISK_PASSWORD", "Password of that user.", "", secret=True)
    ] = field(repr=False)
    asterisk_app: Annotated[
        str,
        Setting(
            "MEDIASERVER_ASTERISK_APP",
            "Name of this media server at Asterisk; two at one Asterisk need different ones.",
            "clarion",
            parse_name,
        ),
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
