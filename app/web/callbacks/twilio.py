"""Twilio's status callbacks and inbound messages, each signed by Twilio with the account's token."""

from __future__ import annotations

from xml.sax.saxutils import escape

import structlog
from flask import Blueprint, Response, abort, current_app, request

from app.services import receipts
from app.web.database import writing
from channels.keywords import Asked, Keyword, asked_by
from channels.sms_replies import reply_to
from channels.sms_twilio.callbacks import outcome_from_callback, verify
from common.clock import utcnow
from common.settings import Settings

log = structlog.get_logger()
blueprint = Blueprint("twilio", __name__, url_prefix="/callbacks/twilio")


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
    """The person is listed before Twilio has its answer; what else people write back is taken and not answered."""
    number, text = request.form.get("From", ""), request.form.get("Body", "")
    # Where the account's messaging service understood the word itself (Advanced Opt-Out), Twilio says so and has
    # answered; its words may be ones that nobody here knows.
    told = request.form.get("OptOutType", "").lower()
    asked = Asked(Keyword(told), "en") if told in set(Keyword) else asked_by(text, utcnow().date())
    if asked is None:
        return _twiml("")
    with writing() as session:
        sender = receipts.sender_to(session, number)
        if asked.keyword is Keyword.STOP:
            listed = receipts.stop(session, number, f"replied by SMS: {text}")
            log.info("twilio.stop", number=number, organizations=listed)
        elif asked.keyword is Keyword.START:
            receipts.start_again(session, number)
            log.info("twilio.start", number=number)
    return _twiml("" if told else reply_to(asked, sender))


def _twiml(message: str) -> Response:
    body = f"<Message>{escape(message)}</Message>" if message else ""
    document = f'<?xml version="1.0" encoding="UTF-8"?><Response>{body}</Response>'
    return Response(document, content_type="application/xml; charset=utf-8")
