"""Consent on a contact's page in the panel."""

from __future__ import annotations

from io import BytesIO

from flask.testing import FlaskClient

from tests.support.panel import World


def test_consent_is_entered_with_evidence_and_taken_back(admin: FlaskClient, world: World) -> None:
    path = f"/contacts/{world.contact_id}/consents"
    assert "Nothing entered" in admin.get(path).text
    form = {"act": "given", "channel": "voice", "purpose": "marketing", "source": "paper", "text_shown": "I <agree>"}
    sent = admin.post(path, data={**form, "evidence": (BytesIO(b"scan"), "scan.pdf")})
    assert sent.status_code == 302
    page = admin.get(path).text
    assert "I &lt;agree&gt;" in page
    proof = admin.get(f"{path}/evidence/1")
    assert (proof.data, proof.headers["Content-Type"]) == (b"scan", "application/octet-stream")
    assert "attachment" in proof.headers["Content-Disposition"]
    admin.post(path, data={**form, "act": "revoked"})
    assert "Taken back" in admin.get(path).text


def test_says_at_the_field_what_is_missing(admin: FlaskClient, world: World) -> None:
    answer = admin.post(f"/contacts/{world.contact_id}/consents", data={"act": "given", "channel": "voice"})
    assert answer.status_code == 422
    assert "Say what for." in answer.text
