"""Who may listen: a token of a minute, made by the panel for one job and one signed-in person."""

from __future__ import annotations

from dataclasses import dataclass

from itsdangerous import BadSignature, URLSafeTimedSerializer

from app.security.tokens import BadToken

#: A token only opens the stream; the page asks for a new one before it connects again.
OPENING_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Grant:
    job_id: int
    user_id: int
    session_generation: int


class StreamTokens:
    def __init__(self, secret_key: str) -> None:
        self._serializer = URLSafeTimedSerializer(secret_key, salt="clarion.live-stream")

    def make(self, grant: Grant) -> str:
        signed = self._serializer.dumps([grant.job_id, grant.user_id, grant.session_generation])
        return signed if isinstance(signed, str) else signed.decode("ascii")

    def read(self, token: str) -> Grant:
        """Raise BadToken for what is forged or older than OPENING_SECONDS."""
        try:
            job_id, user_id, generation = self._serializer.loads(token, max_age=OPENING_SECONDS)
        except (BadSignature, ValueError, TypeError) as error:
            raise BadToken from error
        return Grant(job_id, user_id, generation)
