"""Twilio's status callbacks and inbound messages, each signed by Twilio with the account's token."""

from __future__ import annotations

from xml.sax.saxutils import escape

import structlog
from flask import Blueprint, Response, abort, current_app, request

from app.services import receipts
from app.web.database import writing
from channels.keywords import Keyword, keyword_of
from channels.sms_twilio.callbacks import outcome_from_callback, verify
from common.clock import utcnow
from common.settings import Settings

log = structlog.get_logger()
blueprint = Blueprint("twilio", __name__, url_prefix="/callbacks/twilio")

_HELP = "You get this because an organization you know uses Clarion to reach you. Reply STOP to get no more messages."


@blueprint.before_request
def _verify() -> None:
    settings: Settings = current_app.config["CLARION"]
    # The address as Twilio called it: what is seen here may have been changed by a proxy.
    url = settings.web.public_url + request.full_path.rstrip("?")
    signature = request.headers.get("X-Twilio-Signature", "")
    if not verify(settings.twilio.auth_token, url, request.form.to_dict(), signature):
        log.warning("twilio.bad_signature", path=request.path, remote_address=request.remote_addr)
        abort(403, "the signature is wrong: check CLARION_TWILIO_AUTH_TOKEN and CLARION_PUBLIC_URL")


@blueprint.post("/<attempt_id>")
def status(attempt_id: str) -> Response:
    outcome = outcome_from_callback(request.form)
    with writing() as session:
        receipts.record_receipt(session, attempt_id, outcome)
    return Response(status=204)


@blueprint.post("/inbound")
def inbound() -> Response:
    number, text = request.form.get("From", ""), request.form.get("Body", "")
    keyword = keyword_of(text, utcnow().date())
    if keyword is Keyword.STOP:
        with writing() as session:
            listed = receipts.stop(session, number, f"replied by SMS: {text}")
        log.info("twilio.stop", number=number, organizations=listed)
    elif keyword is Keyword.START:
        with writing() as session:
            receipts.start_again(session, number)
        log.info("twilio.start", number=number)
    return _twiml(_HELP if keyword is Keyword.HELP else "")


def _twiml(message: str) -> Response:
    body = f"<Message>{escape(message)}</Message>" if message else ""
    document = f'<?xml version="1.0" encoding="UTF-8"?><Response>{body}</Response>'
    return Response(document, content_type="application/xml; charset=utf-8")
