"""Messages between the web role and its sandboxes: JSON behind four bytes of length. File bodies travel as Latin-1."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any, Final

_LENGTH: Final = 4
#: A request brings all text files of a script; an answer never comes near it.
MAX_MESSAGE: Final = 64 << 20


def send(peer: socket.socket, message: Mapping[str, Any]) -> None:
    body = json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass")
    peer.sendall(len(body).to_bytes(_LENGTH) + body)


def receive(peer: socket.socket) -> Any:
    """Raise EOFError where the other side went away before it had said all."""
    length = int.from_bytes(_exactly(peer, _LENGTH))
    if length > MAX_MESSAGE:
        raise EOFError
    return json.loads(_exactly(peer, length).decode("utf-8", "surrogatepass"))


def _exactly(peer: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = peer.recv(min(count - len(parts), 1 << 20))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def pack(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: body.decode("latin-1") for path, body in files.items()}


def unpack(files: Mapping[str, str]) -> dict[str, bytes]:
    return {path: text.encode("latin-1") for path, text in files.items()}
