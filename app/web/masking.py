"""Numbers and emails leave the panel masked for whoever may not see them whole: in one place, at the door.

Every page, fragment and CSV of the panel passes here, also those that are new tomorrow, so that nothing is forgotten.
Of who may see them, the audit trail is told each page about people that showed some.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flask import Flask, Response, g, request
from flask_login import current_user

from app.security.access import Permission
from app.services.audit import record
from app.services.masked import MASK
from app.web.database import writing
from app.web.viewer import actor, viewer_row
from common.masking import PERSONAL, mask_digits, mask_personal

#: Areas whose pages are about people; exports of all areas are audited where they are made.
_ABOUT_PEOPLE = frozenset({"contacts", "lists", "dnc", "consents", "privacy", "filters", "jobs"})
_TEXTS = ("text/html", "text/csv", "text/plain")


def install(app: Flask) -> None:
    app.jinja_env.globals["may_reveal"] = may_reveal
    app.jinja_env.globals["may_reveal_in"] = may_reveal_in
    app.jinja_env.filters["dialled_shown"] = dialled_shown
    app.after_request(_mask_response)
    app.after_request(_note_view)


def dialled_shown(text: str) -> str:
    """What was dialled for a number looks like no number that could be found at the door: masked here."""
    return mask_digits(text) if text and _is_to_be_masked() else text


def _mask_response(response: Response) -> Response:
    if response.mimetype not in _TEXTS or response.direct_passthrough or g.get("reveals") or not _is_to_be_masked():
        return response
    if response.is_streamed:
        response.response = _each(response.iter_encoded())
    else:
        response.set_data(mask_personal(response.get_data(as_text=True)))
    return response


def _note_view(response: Response) -> Response:
    """Fragments that a page asks for again and again belong to the view that was noted."""
    whole = response.mimetype == "text/html" and response.status_code == 200 and not response.is_streamed
    again = request.headers.get("HX-Request") == "true"
    if request.blueprint not in _ABOUT_PEOPLE or not whole or again or not _sees_numbers():
        return response
    if PERSONAL.search(response.get_data(as_text=True)):
        with writing() as session:
            record(session, actor(), "numbers.view", viewer_row(session), after={"page": request.path})
    return response


def _sees_numbers() -> bool:
    return bool(current_user) and current_user.is_authenticated and current_user.can(Permission.NUMBERS_VIEW)


def may_reveal() -> bool:
    """Sees them masked, and may look at one at a time."""
    return _is_to_be_masked() and bool(current_user.can(Permission.NUMBERS_REVEAL))


def may_reveal_in(value: object) -> bool:
    """Whether the viewer may have something shown that is hidden in a value of any kind, as a page is given it."""
    text = str(value)
    if MASK in text and current_user.can(Permission.ATTRIBUTES_REVEAL):
        return True
    return may_reveal() and mask_personal(text) != text


def _is_to_be_masked() -> bool:
    """Only people who have signed in are shown anything of others."""
    return bool(current_user) and current_user.is_authenticated and not current_user.can(Permission.NUMBERS_VIEW)


def _each(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The exports give whole lines, so no number lies across two pieces."""
    for piece in pieces:
        yield mask_personal(piece.decode()).encode()
