"""TLS over memory: bytes of the wire in and out. The handshake's steps are made to run in a thread."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from common.errors import ConfigError

#: As much as one TLS record holds.
_RECORD = 16_384
#: Seconds.
_REST = 0.0001


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: whom we trust (None: the system's authorities) and what we show to a server that asks."""

    authorities: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @classmethod
    def named(cls, authorities: str, certificate: str, key: str) -> Self:
        """By their paths, "" for none."""
        return cls(*(Path(name) if name else None for name in (authorities, certificate, key)))


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 or later, the server's name always verified. Reads files. Raise ConfigError naming the file."""
    if files.key is not None and files.certificate is None:
        raise ConfigError(f"TLS: a key ({files.key}) without its certificate")
    try:
        context = ssl.create_default_context(cafile=files.authorities)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"TLS authorities {files.authorities}: {_why(error)}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _show(context, files)
    return context


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """For those who connect to us: TLS 1.2 or later, with the certificate that we show trunks as well. Reads files.

    Raise ConfigError naming the file.
    """
    if files.certificate is None:
        raise ConfigError("TLS: to be called over it takes a certificate (CLARION_MEDIASERVER_TLS_CERTIFICATE)")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _show(context, files)
    return context


def _show(context: ssl.SSLContext, files: TlsFiles) -> None:
    if files.certificate is None:
        return
    try:
        # An encrypted key would ask for its passphrase on the terminal.
        context.load_cert_chain(files.certificate, files.key, password=lambda: "")
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"TLS certificate {files.certificate}: {_why(error)}") from error


def _why(error: OSError) -> str:
    return getattr(error, "reason", None) or error.strerror or str(error)


class TlsChannel:
    """Our side of one session. `server_name` is what the certificate must be for: a host name or an IP address; ""
    where the server is us."""

    def __init__(self, context: ssl.SSLContext, server_name: str = "") -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        name = server_name or None
        self._session = context.wrap_bio(self._in, self._out, server_side=name is None, server_hostname=name)
        self.is_open = False
        #: The peer has said goodbye.
        self.is_over = False

    def handshake(self, data: bytes) -> bytes:
        """One step; what has to leave. Raise ssl.SSLError. Cryptography, so some milliseconds, without the
        interpreter lock, and a rest: real-time priority is for those who do not work on and on."""
        self._in.write(data)
        try:
            self._session.do_handshake()
            self.is_open = True
        except ssl.SSLWantReadError:
            pass
        finally:
            time.sleep(_REST)
        return self._out.read()

    def decrypt(self, data: bytes) -> bytes:
        """Raise ssl.SSLError. `is_over` is set once the peer's goodbye was among it."""
        self._in.write(data)
        plain = bytearray()
        try:
            while chunk := self._session.read(_RECORD):
                plain += chunk
            self.is_over = True
        except ssl.SSLWantReadError:
            pass
        return bytes(plain)

    def encrypt(self, data: bytes) -> bytes:
        self._session.write(data)
        return self._out.read()

    def leftover(self) -> bytes:
        """What decrypting or renewing keys wants to send."""
        return self._out.read()
