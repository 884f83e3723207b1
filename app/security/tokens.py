"""Signed tokens in addresses: who holds one may do the one thing it names. Each purpose has its own salt."""

from __future__ import annotations

from dataclasses import dataclass

from itsdangerous import BadSignature, SignatureExpired, URLSafeSerializer, URLSafeTimedSerializer

from common.errors import ClarionError

#: A call's session outlives the longest call (an hour) and its ringing.
SESSION_SECONDS = 2 * 3600


class BadToken(ClarionError):
    """The address is not one of ours, or it was cut off."""


class ExpiredToken(BadToken):
    """The address was valid once and has expired."""


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """What an unsubscribe address stops: one email address or number of an organization."""

    organization_id: int
    kind: str
    value: str


class Tokens:
    """Signs and reads tokens with the installation's secret key."""

    def __init__(self, secret_key: str) -> None:
        self._revision = URLSafeSerializer(secret_key, salt="clarion.script-revision")
        self._session = URLSafeTimedSerializer(secret_key, salt="clarion.call-session")
        self._test = URLSafeTimedSerializer(secret_key, salt="clarion.test-call")
        self._unsubscribe = URLSafeSerializer(secret_key, salt="clarion.unsubscribe")

    def revision_key(self, digest: str) -> str:
        """For `/vxml/r/<key>/...`; the same for ever, so that media servers may cache."""
        return _text(self._revision.dumps(digest))

    def read_revision_key(self, key: str) -> str:
        try:
            return str(self._revision.loads(key))
        except BadSignature as error:
            raise BadToken from error

    def session_token(self, attempt_id: str) -> str:
        """For `/vxml/s/<token>/...`, valid from now for SESSION_SECONDS."""
        return _text(self._session.dumps(attempt_id))

    def read_session_token(self, token: str, max_age: int = SESSION_SECONDS) -> str:
        """The attempt id. Raise ExpiredToken or BadToken."""
        try:
            return str(self._session.loads(token, max_age=max_age))
        except SignatureExpired as error:
            raise ExpiredToken from error
        except BadSignature as error:
            raise BadToken from error

    def test_token(self, test_call_id: str) -> str:
        """For `/vxml/t/<token>/...`: a test call's own pages, a draft's files among them."""
        return _text(self._test.dumps(test_call_id))

    def read_test_token(self, token: str, max_age: int = SESSION_SECONDS) -> str:
        """The test call's id. Raise ExpiredToken or BadToken."""
        try:
            return str(self._test.loads(token, max_age=max_age))
        except SignatureExpired as error:
            raise ExpiredToken from error
        except BadSignature as error:
            raise BadToken from error

    def unsubscribe_token(self, subject: Unsubscribe) -> str:
        """For `/u/<token>`; never expires, since the law asks that the link in an old mail still works."""
        return _text(self._unsubscribe.dumps([subject.organization_id, subject.kind, subject.value]))

    def read_unsubscribe_token(self, token: str) -> Unsubscribe:
        try:
            organization_id, kind, value = self._unsubscribe.loads(token)
        except (BadSignature, ValueError, TypeError) as error:
            raise BadToken from error
        return Unsubscribe(organization_id, kind, value)


def _text(signed: str | bytes) -> str:
    return signed if isinstance(signed, str) else signed.decode("ascii")
