"""A file that proves a consent, to take away."""

from __future__ import annotations

from io import BytesIO

from flask import send_file
from werkzeug.wrappers import Response

from app.services import consents
from app.web.database import reader
from app.web.viewer import actor


def proof_of(evidence_id: int) -> Response:
    """As a download, never shown in the page: it is whatever somebody uploaded."""
    row = consents.evidence(reader(), actor(), evidence_id)
    return send_file(
        BytesIO(row.body), mimetype="application/octet-stream", as_attachment=True, download_name=row.file_name
    )
