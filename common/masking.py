"""Personal data is masked before it reaches a log or a screen that need not show it."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"(?<![\w.:-])\+?\d{7,15}(?![\w:-])")
_ALL_BUT_THE_LAST = re.compile(r"\d(?=(?:\D*\d){2})")
#: Numbers with + and country code, those of North America as people write them, and emails; not inside longer words or
#: addresses of pages.
PERSONAL = re.compile(
    r"(?P<number>(?:\+|&#43;)\d(?:[ ().-]{0,2}\d){6,14}(?!\d))"
    r"|(?P<written>(?<![\w.+-])(?:\+?1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]?\d{4}(?![\w-]))"
    r"|(?P<bare>(?<![\w.:#/+=\"'-])\d{10,15}(?![\w-]))"
    r"|(?P<email>(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,})"
)


def mask_number(number: str) -> str:
    """`+15550101234` becomes `+1555*****34`: enough to tell calls apart, too little to call back."""
    keep_head = 5 if number.startswith("+") else 4
    if len(number) <= keep_head + 2:
        return "*" * len(number)
    return number[:keep_head] + "*" * (len(number) - keep_head - 2) + number[-2:]


def mask_digits(text: str) -> str:
    """All digits but the last two, whatever stands between them: `020 7946 0018` becomes `*** **** **18`."""
    return _ALL_BUT_THE_LAST.sub("*", text)


def mask_email(address: str) -> str:
    """`anna.smith@example.org` becomes `a***@example.org`."""
    local, at, domain = address.partition("@")
    return f"{local[:1]}***{at}{domain}"


def mask_text(text: str) -> str:
    """Mask every phone-number-like run of digits inside free text."""
    return _DIGITS.sub(lambda match: mask_number(match.group()), text)


def mask_personal(text: str) -> str:
    """Mask each number and email inside a page or a text of people's data (`PERSONAL`)."""
    return PERSONAL.sub(_one, text)


def _one(match: re.Match[str]) -> str:
    if match["email"]:
        return mask_email(match["email"])
    found = match[0].replace("&#43;", "+")
    return mask_digits(found) if not found.removeprefix("+").isdigit() else mask_number(found)
