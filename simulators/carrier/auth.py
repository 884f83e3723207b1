"""Digest authentication (RFC 2617 MD5, with and without qop) as a proxy asks for it: 407."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

from simulators.carrier.message import Message

REALM = "carrier.example"
_PAIR = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^,\s]+))')


@dataclass(frozen=True, slots=True)
class Guard:
    """Checks credentials. A nonce is good for this process's lifetime and one Call-ID."""

    username: str
    password: str = field(repr=False)
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(16), repr=False)

    def challenge(self, request: Message) -> tuple[str, str]:
        """The header that asks for credentials."""
        value = f'Digest realm="{REALM}", nonce="{self._nonce(request)}", algorithm=MD5, qop="auth"'
        return "Proxy-Authenticate", value

    def accepts(self, request: Message) -> bool:
        value = request.get("proxy-authorization")
        if not value.lower().startswith("digest"):
            return False
        given = {name.lower(): quoted or bare for name, quoted, bare in _PAIR.findall(value)}
        if given.get("username") != self.username or given.get("nonce") != self._nonce(request):
            return False
        return hmac.compare_digest(self._expected(given, request.method), given.get("response", ""))

    def _nonce(self, request: Message) -> str:
        return hmac.new(self._secret, request.call_id.encode(), "sha256").hexdigest()[:32]

    def _expected(self, given: dict[str, str], method: str) -> str:
        person = _md5(f"{self.username}:{REALM}:{self.password}")
        asked = _md5(f"{method}:{given.get('uri', '')}")
        if given.get("qop") == "auth":
            middle = f"{given['nonce']}:{given.get('nc', '')}:{given.get('cnonce', '')}:auth"
        else:
            middle = given["nonce"]
        return _md5(f"{person}:{middle}:{asked}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
