"""The URLs that go with an attempt: its application, where results go, and what providers call back."""

from __future__ import annotations

from urllib.parse import quote

from app.security.tokens import Tokens, Unsubscribe
from engine.plans import JobPlan


class Addresses:
    """`public_url` is where providers and people reach the web role; media servers take VoiceXML from `pages_url`,
    which is the same where it is not given."""

    def __init__(self, public_url: str, tokens: Tokens, payment_url: str = "", pages_url: str = "") -> None:
        self._base = public_url.rstrip("/")
        self._pages = pages_url.rstrip("/") or self._base
        self._tokens = tokens
        self._payment_url = payment_url

    def application(self, plan: JobPlan, attempt_id: str) -> str:
        """The start document: the script's entry, or the notice that speaks the campaign's message."""
        if plan.script is None:
            return f"{self._session(attempt_id)}/notice.vxml"
        digest, entry = plan.script
        return f"{self._pages}/vxml/r/{self._tokens.revision_key(digest)}/{quote(entry)}"

    def values(self, plan: JobPlan, attempt_id: str) -> dict[str, str]:
        """What scripts and texts may use beside the contact's own values."""
        result_url = f"{self._session(attempt_id)}/result"
        return self._values(attempt_id, plan.campaign, result_url, simulated=plan.trunk.simulated)

    def test_application(self, test_call_id: str, entry: str) -> str:
        """The start document of a test call, at an address that is this call's own: it may be a draft."""
        return f"{self._test(test_call_id)}/{quote(entry)}"

    def test_values(self, test_call_id: str, *, simulated: bool) -> dict[str, str]:
        result_url = f"{self._test(test_call_id)}/result"
        return self._values(test_call_id, "Test call", result_url, simulated=simulated)

    def _values(self, attempt_id: str, campaign: str, result_url: str, *, simulated: bool) -> dict[str, str]:
        values = {"attempt_id": attempt_id, "campaign": campaign, "result_url": result_url}
        if simulated and self._payment_url:
            values["payment_url"] = self._payment_url
        return values

    def sms_status(self, attempt_id: str) -> str:
        return f"{self._base}/callbacks/twilio/{attempt_id}"

    def unsubscribe(self, organization_id: int, email: str) -> str:
        token = self._tokens.unsubscribe_token(Unsubscribe(organization_id, "email", email))
        return f"{self._base}/u/{token}"

    def _test(self, test_call_id: str) -> str:
        return f"{self._pages}/vxml/t/{self._tokens.test_token(test_call_id)}"

    def _session(self, attempt_id: str) -> str:
        return f"{self._pages}/vxml/s/{self._tokens.session_token(attempt_id)}"
