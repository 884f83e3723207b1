"""The grammar of strategy XML as one table, and the check of a document against it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import time

from lxml import etree

NAMESPACE = "urn:clarion:strategy:1"
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|m|h|d)?\s*")
_UNITS = {None: 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_YEAR = 366 * 86400.0


def seconds(value: str) -> float:
    """`90`, `90s`, `5m`, `2h`, `1d` in seconds. Raise ValueError."""
    match = _DURATION.fullmatch(value)
    if match is None:
        raise ValueError("write seconds, or a number with s, m, h or d")
    return float(match.group(1)) * _UNITS[match.group(2)]


def local(element: etree._Element) -> str:
    return str(etree.QName(element).localname)


def line_of(element: etree._Element) -> int:
    return int(getattr(element, "sourceline", None) or 0)


def _matches(pattern: str, hint: str) -> Callable[[str], str]:
    compiled = re.compile(pattern)
    return lambda value: "" if compiled.fullmatch(value) else hint


def _whole(least: int, most: int) -> Callable[[str], str]:
    def verify(value: str) -> str:
        fits = value.isascii() and value.isdigit() and least <= int(value) <= most
        return "" if fits else f"write a whole number from {least} to {most}"

    return verify


def _duration(least: float, most: float) -> Callable[[str], str]:
    def verify(value: str) -> str:
        try:
            length = seconds(value)
        except ValueError as error:
            return str(error)
        return "" if least <= length <= most else f"it must be from {least:g} to {most:g} seconds"

    return verify


def _intervals(value: str) -> str:
    single = _duration(0, _YEAR)
    return next((hint for part in value.split(",") if (hint := single(part))), "")


def _clock(value: str) -> str:
    try:
        time.fromisoformat(value)
    except ValueError:
        return "write a time of day such as 09:00"
    return "" if re.fullmatch(r"\d\d:\d\d(:\d\d)?", value) else "write a time of day such as 09:00"


_STATE = _matches(r"[A-Za-z][A-Za-z0-9_.-]{0,59}", "use a letter, then letters, digits, dots, dashes or underscores")
_NAME = _matches(r"[A-Za-z_][A-Za-z0-9_]{0,31}", "use letters, digits and underscores, 32 at most")
_CODES = _matches(r"\s*[A-Z][A-Z0-9_]*(\s+[A-Z][A-Z0-9_]*)*\s*", "write completion codes such as CALL_BUSY, by spaces")
_BOOLEAN = _matches("true|false", "write true or false")
_ANY = _matches(r"[^\x00-\x1f]*", "remove the control characters")
_SENDER = _matches(r"\+\d{3,15}|[A-Za-z0-9 ]{1,11}|[^@\s<>]+@[^@\s<>]+", "write a number with +, a name or an email")
_LANGUAGE = _matches(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", "write a language such as es or es-MX")
_OPERATOR = _matches("equal|not-equal|less|greater|in|empty", "use equal, not-equal, less, greater, in or empty")


@dataclass(frozen=True, slots=True)
class Shape:
    """Attributes with their checks, and children with how many there may be (None is any number)."""

    required: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    optional: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    children: Mapping[str, tuple[int, int | None]] = field(default_factory=dict)
    #: Exactly one of these children.
    choice: tuple[str, ...] = ()
    text: bool = False


_MESSAGE_CHILDREN = {"Restrictions": (0, 1), "Address": (1, None), "Text": (1, None), "Results": (0, 1)}
_CONTACT_TIME = {"earliest": _clock, "latest": _clock}

GRAMMAR: Mapping[str, Shape] = {
    "Strategy": Shape(
        required={"name": _ANY},
        optional={
            "version": _matches("1", "this Clarion reads version 1"),
            "initial": _STATE,
            "retryCounting": _matches("action|code", "write action or code"),
            "maxAttempts": _whole(1, 1000),
        },
        children={"Description": (0, 1), "Handler": (1, None)},
    ),
    "Description": Shape(text=True),
    "Handler": Shape(required={"name": _STATE}, choice=("Call", "Sms", "Email")),
    "Call": Shape(
        optional={"timeout": _duration(5, 300), "sender": _SENDER, "wait": _duration(1, _YEAR)},
        children={"Restrictions": (0, 1), "Address": (1, None), "Results": (1, 1)},
    ),
    "Sms": Shape(optional={"sender": _SENDER, "wait": _duration(1, _YEAR)}, children=_MESSAGE_CHILDREN),
    "Email": Shape(
        optional={"sender": _SENDER, "wait": _duration(1, _YEAR)},
        children={**_MESSAGE_CHILDREN, "Subject": (1, None)},
    ),
    "Address": Shape(required={"attribute": _NAME}, optional=_CONTACT_TIME),
    "Text": Shape(optional={"language": _LANGUAGE}, text=True),
    "Subject": Shape(optional={"language": _LANGUAGE}, text=True),
    "Restrictions": Shape(children={"Restriction": (1, None)}),
    "Restriction": Shape(required={"attribute": _NAME, "operator": _OPERATOR}, optional={"value": _ANY}),
    "Results": Shape(optional={"default": _STATE}, children={"Result": (0, None)}),
    "Result": Shape(required={"code": _CODES}, optional={"next": _STATE}, children={"Retry": (0, 1)}),
    "Retry": Shape(
        required={"count": _whole(1, 100), "intervals": _intervals},
        optional={"failState": _STATE, "looping": _BOOLEAN},
        children={"Address": (0, None)},
    ),
}


def check(root: etree._Element) -> Iterator[tuple[int, str]]:
    """Every departure from the grammar: (line, what is wrong and how to mend it)."""
    if root.tag != f"{{{NAMESPACE}}}Strategy":
        yield line_of(root), f'the root must be <Strategy xmlns="{NAMESPACE}" name="...">'
        return
    yield from _check_element(root)


def _check_element(element: etree._Element) -> Iterator[tuple[int, str]]:
    name, line = local(element), line_of(element)
    shape = GRAMMAR[name]
    yield from ((line, f"{name}: {problem}") for problem in _attribute_problems(element, shape))
    yield from ((line, f"{name}: {problem}") for problem in _count_problems(element, shape))
    if name == "Result" and (element.get("next") is None) == (len(element) == 0):
        yield line, "Result: give it either a next state or a Retry"
    if shape.text:
        if not (element.text or "").strip():
            yield line, f"{name}: write its text between the tags"
    elif (element.text or "").strip() or any((child.tail or "").strip() for child in element):
        yield line, f"{name}: remove the text between its elements"
    allowed = {*shape.children, *shape.choice}
    for child in element:
        if local(child) in allowed and etree.QName(child).namespace == NAMESPACE:
            yield from _check_element(child)
        else:
            expected = ", ".join(sorted(allowed)) or "nothing"
            yield line_of(child), f"{local(child)}: not allowed in {name}; {expected} may stand here"


def _attribute_problems(element: etree._Element, shape: Shape) -> Iterator[str]:
    checks = {**shape.required, **shape.optional}
    for name in shape.required:
        if not element.get(name, "").strip():
            yield f"the attribute {name} is missing"
    for raw, given in element.attrib.items():
        name, value = str(raw), str(given)
        if name not in checks:
            yield f"unknown attribute {name}; it may have {', '.join(checks) or 'none'}"
        elif value.strip() and (hint := checks[name](value)):
            yield f'{name}="{value}": {hint}'


def _count_problems(element: etree._Element, shape: Shape) -> Iterator[str]:
    found: dict[str, int] = {}
    for child in element:
        found[local(child)] = found.get(local(child), 0) + 1
    for name, (least, most) in shape.children.items():
        count = found.get(name, 0)
        if count < least:
            yield f"it needs a {name}"
        elif most is not None and count > most:
            yield f"it has {count} {name}, one is allowed"
    if shape.choice and sum(found.get(name, 0) for name in shape.choice) != 1:
        yield f"it needs exactly one of {', '.join(shape.choice)}"
