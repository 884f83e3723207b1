"""The button beside "deleted": the page has a word for what it puts back."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app, flash, redirect, request
from werkzeug.wrappers import Response

from app.models.base import Base
from app.security.secrets import Vault
from app.services import undo, undo_words
from app.web.database import reader, writing
from app.web.panel.gate import area
from app.web.viewer import actor
from common.clock import utcnow
from common.errors import Refused

blueprint = area("undo", __name__, "/undo")


def keeping(model: type[Base], row_id: int) -> str:
    """The word that undoes the deletion that comes next."""
    kept = undo.keep(reader(), actor(), model, row_id)
    with writing() as session:
        return undo_words.hand_out(session, _vault(), actor().user_id, kept, utcnow())


def say_deleted(words: str, word: str) -> None:
    flash(f"{word} {words}", "undo")


@blueprint.post("/")
def put_back() -> Response:
    word = request.form.get("token", "")
    kept = undo_words.given_for(reader(), _vault(), actor().user_id, word, utcnow())
    if kept is None:
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
