"""The sinks as peers for tests: random ports, short receipt delays."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from common.setting_types import Tls
from common.settings import Settings, SmtpSettings, TwilioSettings
from simulators.sinks.server import Sinks, SinkSettings
from simulators.sinks.twilio_api import ACCOUNT, TOKEN

_ANY_PORT = ("127.0.0.1", 0)


@asynccontextmanager
async def running_sinks(**changes: Any) -> AsyncIterator[Sinks]:
    values: dict[str, Any] = {"http": _ANY_PORT, "smtp": _ANY_PORT, "receipt_delay": 0.01, **changes}
    async with Sinks(SinkSettings(**values)) as sinks:
        yield sinks


def twilio_settings(api_url: str, token: str = TOKEN) -> TwilioSettings:
    return Settings.load(
        {
            "CLARION_TWILIO_ACCOUNT_SID": ACCOUNT,
            "CLARION_TWILIO_AUTH_TOKEN": token,
            "CLARION_TWILIO_API_URL": api_url,
            "CLARION_TWILIO_FROM": "+12125550199",
        }
    ).twilio


def smtp_settings(port: int, tls: Tls = Tls.NONE, user: str = "", password: str = "") -> SmtpSettings:
    return Settings.load(
        {
            "CLARION_SMTP_HOST": "127.0.0.1",
            "CLARION_SMTP_PORT": str(port),
            "CLARION_SMTP_TLS": str(tls),
            "CLARION_SMTP_USER": user,
            "CLARION_SMTP_PASSWORD": password,
            "CLARION_SMTP_FROM": "Clarion <clarion@example.com>",
        }
    ).smtp


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's context around a fresh self-signed certificate for 127.0.0.1."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command = ["openssl", "req", "-x509", *curve, "-nodes", "-days", "2", *subject, "-keyout", key, "-out", cert]
    subprocess.run(command, check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    return server, ssl.create_default_context(cafile=str(cert))
