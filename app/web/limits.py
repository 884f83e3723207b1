"""How large a request may be. Set before anything looks into the body, which the CSRF check does first of all."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, request
from flask_login import current_user

from app.services.scripts import MAX_UPLOAD_BYTES

USUAL = 2 * 1024 * 1024
_ROOM_FOR_FORM = 64 * 1024
#: Files added in the editor travel in base 64.
_EDITED = MAX_UPLOAD_BYTES * 4 // 3 + _ROOM_FOR_FORM
#: Endpoints that take files, and the largest body each takes from a person who has signed in.
UPLOADS: Mapping[str, int] = {
    **dict.fromkeys(("lists.upload", "consents.take", "dnc.files"), 256 * 1024 * 1024),
    "scripts.new": MAX_UPLOAD_BYTES + _ROOM_FOR_FORM,
    "scripts.show": MAX_UPLOAD_BYTES + _ROOM_FOR_FORM,
    **dict.fromkeys(
        ("scripts.save", "scripts.check", "scripts.draw", "scripts.run_tests", "scripts.start_try"), _EDITED
    ),
}


def install(app: Flask) -> None:
    """Call it before CSRFProtect."""
    app.config.update(MAX_CONTENT_LENGTH=USUAL, MAX_FORM_MEMORY_SIZE=USUAL)

    def allow_uploads() -> None:
        largest = UPLOADS.get(request.endpoint or "")
        if largest and request.method == "POST" and current_user.is_authenticated:
            request.max_content_length = largest

    app.before_request(allow_uploads)
