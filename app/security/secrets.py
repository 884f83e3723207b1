"""Passwords that must be readable again (trunks, relays) are encrypted in the database with the secret key."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from common.errors import ConfigError


class Vault:
    def __init__(self, secret_key: str) -> None:
        # The secret key is random and long, so a key derivation without stretching is enough.
        derived = HKDF(SHA256(), length=32, salt=None, info=b"clarion stored passwords").derive(secret_key.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def encrypt(self, text: str) -> str:
        """ "" stays ""."""
        return self._fernet.encrypt(text.encode()).decode("ascii") if text else ""

    def decrypt(self, encrypted: str) -> str:
        if not encrypted:
            return ""
        try:
            return self._fernet.decrypt(encrypted).decode()
        except InvalidToken as error:
            raise ConfigError(
                "CLARION_SECRET_KEY: a stored password was encrypted with another key; "
                "give the old key again or enter the password anew"
            ) from error
