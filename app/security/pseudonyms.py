"""Keyed hashes that stand for addresses and IDs of people who were erased: known again, and not to be read.

The key comes from the installation's secret, which is not in the database: whoever has a dump of it alone cannot try
all telephone numbers. A pseudonym begins with eight signs that tell the key, so that a changed secret is noticed.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from common.errors import ConfigError

_OPTION = "clarion_pseudonyms"
#: Of the digest, in hexadecimal: 128 bits.
_LENGTH = 32


class Pseudonyms:
    def __init__(self, secret_key: str) -> None:
        derived = HKDF(SHA256(), length=32, salt=None, info=b"clarion pseudonyms of erased people")
        self._key = derived.derive(secret_key.encode())
        #: What every pseudonym of this key begins with.
        self.mark = hmac.digest(self._key, b"mark", "sha256").hex()[:8]

    def of(self, kind: str, value: str) -> str:
        """`value` as do-not-call look-ups compare it: E.164, an email in small letters, an ID."""
        return self.mark + hmac.digest(self._key, f"{kind}:{value}".encode(), "sha256").hex()[:_LENGTH]

    def of_all(self, subjects: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, str]]:
        """Pseudonym to (kind, value), for values by kind."""
        return {self.of(kind, value): (kind, value) for kind, values in subjects.items() for value in values}


def attach(engine: Engine, secret_key: str) -> Engine:
    """Let sessions of the engine know erased people again; the same engine. An empty key leaves it as it is."""
    if secret_key:
        engine.update_execution_options(**{_OPTION: Pseudonyms(secret_key)})
    return engine


def of_session(session: Session) -> Pseudonyms:
    """Raise ConfigError where the process was given no secret: nobody may be dialled on a guess."""
    found = session.get_bind().get_execution_options().get(_OPTION)
    if not isinstance(found, Pseudonyms):
        raise ConfigError(
            "CLARION_SECRET_KEY: people were erased, and without the secret key nobody can tell whom not to call"
        )
    return found
