"""One-click unsubscribe (RFC 8058): mail programs POST, people open the page and press its button.

Opening alone changes nothing, since scanners of mail open every link.
"""

from __future__ import annotations

from flask import Blueprint, Response, current_app, make_response, render_template, request

from app.security.tokens import BadToken, Tokens, Unsubscribe
from app.services import receipts
from app.web.database import writing
from common.masking import mask_email, mask_number

blueprint = Blueprint("unsubscribe", __name__, template_folder="templates")


@blueprint.get("/u/<token>")
def ask(token: str) -> Response:
    subject = _subject(token)
    if subject is None:
        return make_response(render_template("callbacks/unsubscribe.html", step="unknown"), 404)
    return make_response(render_template("callbacks/unsubscribe.html", step="ask", who=_masked(subject)))


@blueprint.post("/u/<token>")
def unsubscribe(token: str) -> Response:
    subject = _subject(token)
    if subject is None:
        return make_response(render_template("callbacks/unsubscribe.html", step="unknown"), 404)
    with writing() as session:
        receipts.unsubscribe(session, subject)
    if request.form.get("List-Unsubscribe") == "One-Click":
        return Response("unsubscribed\n", content_type="text/plain; charset=utf-8")
    return make_response(render_template("callbacks/unsubscribe.html", step="done", who=_masked(subject)))


def _subject(token: str) -> Unsubscribe | None:
    tokens: Tokens = current_app.config["CLARION_TOKENS"]
    try:
        return tokens.read_unsubscribe_token(token)
    except BadToken:
        return None


def _masked(subject: Unsubscribe) -> str:
    return mask_email(subject.value) if "@" in subject.value else mask_number(subject.value)
