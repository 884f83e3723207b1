"""How a file server is reached."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Server:
    """`secret` is the password, or for SFTP a private key in OpenSSH's form; `fingerprint` is the pinned certificate's
    (FTPS, SHA-256 in hexadecimal) or host key's (SFTP, as ssh-keygen shows it). `afterwards`: leave, delete or move."""

    host: str
    port: int
    username: str = ""
    secret: str = field(default="", repr=False)
    path: str = ""
    pattern: str = "*"
    afterwards: str = "leave"
    fingerprint: str = ""
