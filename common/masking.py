"""Personal data is masked before it reaches a log or a screen that need not show it."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"(?<![\w.:-])\+?\d{7,15}(?![\w:-])")


def mask_number(number: str) -> str:
    """`+15550101234` becomes `+1555*****34`: enough to tell calls apart, too little to call back."""
    keep_head = 5 if number.startswith("+") else 4
    if len(number) <= keep_head + 2:
        return "*" * len(number)
    return number[:keep_head] + "*" * (len(number) - keep_head - 2) + number[-2:]


def mask_email(address: str) -> str:
    """`anna.smith@example.org` becomes `a***@example.org`."""
    local, at, domain = address.partition("@")
    return f"{local[:1]}***{at}{domain}"


def mask_text(text: str) -> str:
    """Mask every phone-number-like run of digits inside free text."""
    return _DIGITS.sub(lambda match: mask_number(match.group()), text)
