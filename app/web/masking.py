"""Numbers and emails leave the panel masked for whoever may not see them whole: in one place, at the door.

Every page, fragment and CSV of the panel passes here, also those that are new tomorrow, so that nothing is forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from flask import Flask, Response
from flask_login import current_user

from app.security.access import Permission
from common.masking import mask_email, mask_number

#: E.164, the numbers of North America as people write them, and emails; not inside longer words or addresses of pages.
_PERSONAL = re.compile(
    r"(?P<number>(?:\+|&#43;)\d{7,15}(?!\d))"
    r"|(?P<written>(?<![\w.+-])(?:\+?1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]?\d{4}(?![\w-]))"
    r"|(?P<bare>(?<![\w.:#/+=\"'-])\d{10,15}(?![\w-]))"
    r"|(?P<email>(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,})"
)
_TEXTS = ("text/html", "text/csv", "text/plain")


def install(app: Flask) -> None:
    app.after_request(_mask_response)


def masked(text: str) -> str:
    return _PERSONAL.sub(_one, text)


def _one(match: re.Match[str]) -> str:
    if match["email"]:
        return mask_email(match["email"])
    if match["written"]:
        return "".join("*" if sign.isdigit() else sign for sign in match["written"][:-2]) + match["written"][-2:]
    return mask_number(match[0].replace("&#43;", "+"))


def _mask_response(response: Response) -> Response:
    if response.mimetype not in _TEXTS or response.direct_passthrough or not _is_to_be_masked():
        return response
    if response.is_streamed:
        response.response = _each(response.iter_encoded())
    else:
        response.set_data(masked(response.get_data(as_text=True)))
    return response


def _is_to_be_masked() -> bool:
    """Only people who have signed in are shown anything of others."""
    return bool(current_user) and current_user.is_authenticated and not current_user.can(Permission.NUMBERS_VIEW)


def _each(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The exports give whole lines, so no number lies across two pieces."""
    for piece in pieces:
        yield masked(piece.decode()).encode()
