"""What else the digits of a number tell about it: its kind, and the network that its range was given to."""

from __future__ import annotations

from dataclasses import dataclass

import phonenumbers

from app.core.phone.numbers import BadNumber, NumberRefused, parse_number


@dataclass(frozen=True, slots=True)
class Origin:
    """`type` is a `NumberType`; `carrier` had the range first, and people take their numbers along: a hint, no more."""

    type: str = ""
    carrier: str = ""


def origin_of(e164: str) -> Origin:
    """What is known; nothing for what is no number."""
    # Seven megabytes of names, for those who look at people alone.
    from phonenumbers import carrier

    try:
        number = parse_number(e164, "")
    except NumberRefused as error:
        number = error.number
    except BadNumber:
        return Origin()
    return Origin(number.type, carrier.name_for_number(phonenumbers.parse(number.e164), "en"))
