"""The URLs that go with an attempt: its application, where results go, and what providers call back."""

from __future__ import annotations

from urllib.parse import quote

from app.security.tokens import Tokens, Unsubscribe
from engine.plans import JobPlan


class Addresses:
    """`public_url` is where media servers, providers and people reach the web role."""

    def __init__(self, public_url: str, tokens: Tokens, payment_url: str = "") -> None:
        self._base = public_url.rstrip("/")
        self._tokens = tokens
        self._payment_url = payment_url

    def application(self, plan: JobPlan, attempt_id: str) -> str:
        """The start document: the script's entry, or the notice that speaks the campaign's message."""
        if plan.script is None:
            return f"{self._session(attempt_id)}/notice.vxml"
        digest, entry = plan.script
        return f"{self._base}/vxml/r/{self._tokens.revision_key(digest)}/{quote(entry)}"

    def values(self, plan: JobPlan, attempt_id: str) -> dict[str, str]:
        """What scripts and texts may use beside the contact's own values."""
        values = {
            "attempt_id": attempt_id,
            "campaign": plan.campaign,
            "result_url": f"{self._session(attempt_id)}/result",
        }
        if plan.trunk.simulated and self._payment_url:
            values["payment_url"] = self._payment_url
        return values

    def sms_status(self, attempt_id: str) -> str:
        return f"{self._base}/callbacks/twilio/{attempt_id}"

    def unsubscribe(self, organization_id: int, email: str) -> str:
        token = self._tokens.unsubscribe_token(Unsubscribe(organization_id, "email", email))
        return f"{self._base}/u/{token}"

    def _session(self, attempt_id: str) -> str:
        return f"{self._base}/vxml/s/{self._tokens.session_token(attempt_id)}"
