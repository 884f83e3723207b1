"""The button beside "deleted": what it puts back travels, encrypted, in the page that says so."""

from __future__ import annotations

import json
import zlib
from base64 import b85decode, b85encode
from urllib.parse import urlsplit

from flask import current_app, flash, redirect, request
from werkzeug.wrappers import Response

from app.models.base import Base
from app.security.secrets import Vault
from app.services import undo
from app.web.database import reader, writing
from app.web.panel.gate import area
from app.web.viewer import actor
from common.clock import utcnow
from common.errors import ConfigError, Refused

blueprint = area("undo", __name__, "/undo")
#: Seconds for which the button works.
_PATIENCE = 600
#: Characters. The word of the deletion waits in the session's cookie, of which browsers keep 4,096 bytes.
_MOST = 2600


def keeping(model: type[Base], row_id: int) -> str:
    """What undoes the deletion that comes next; "" where the row is too large for it."""
    kept = undo.keep(reader(), actor(), model, row_id)
    body = json.dumps({**kept, "user": actor().user_id, "at": utcnow().timestamp()})
    token = _vault().encrypt(b85encode(zlib.compress(body.encode())).decode())
    return token if len(token) <= _MOST else ""


def say_deleted(words: str, token: str) -> None:
    flash(f"{token} {words}" if token else words, "undo" if token else "success")


@blueprint.post("/")
def put_back() -> Response:
    try:
        packed = _vault().decrypt(request.form.get("token", ""))
        kept = json.loads(zlib.decompress(b85decode(packed))) if packed else {}
    except ConfigError:
        kept = {}
    if kept.get("user") != actor().user_id or utcnow().timestamp() - kept["at"] > _PATIENCE:
        flash("It is too late to undo that.", "error")
    else:
        try:
            with writing() as session:
                undo.put_back(session, actor(), kept)
            flash("It is back as it was.", "success")
        except Refused as refused:
            flash(str(refused), "error")
    return redirect("/" + urlsplit(request.referrer or "").path.lstrip("/"))


def _vault() -> Vault:
    return Vault(current_app.config["SECRET_KEY"])
