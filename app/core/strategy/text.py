"""Texts of SMS and email: `{first_name}` or `{first_name|customer}`; `{{` and `}}` are braces. No code runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from common.errors import Refused

_TOKEN = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)(?:\|([^{}]*))?\}|[{}]")


def render(template: str, values: Mapping[str, Any]) -> str:
    """Put the values in; an attribute that is missing or empty gives the words after the bar, else nothing.

    Raise Refused for a lone brace or a name that is no attribute name.
    """

    def replace(match: re.Match[str]) -> str:
        token = match.group()
        if token in ("{{", "}}"):
            return token[0]
        name = match.group(1)
        if name is None:
            raise _lone_brace(template, match.start())
        value = values.get(name)
        return match.group(2) or "" if value is None or value == "" else str(value)

    return _TOKEN.sub(replace, template)


def names_in(template: str) -> frozenset[str]:
    """The attributes a text uses. Raise Refused as `render` does."""
    names = set()
    for match in _TOKEN.finditer(template):
        if match.group(1):
            names.add(match.group(1))
        elif match.group() in ("{", "}"):
            raise _lone_brace(template, match.start())
    return frozenset(names)


def pick_language(texts: tuple[tuple[str, str], ...], language: str) -> str:
    """The text of the language ("es-MX", then "es"), else the first without language, else the first."""
    by_language = {key.lower(): text for key, text in texts}
    wanted = language.lower()
    for key in (wanted, wanted.partition("-")[0], ""):
        if key in by_language:
            return by_language[key]
    return texts[0][1] if texts else ""


def _lone_brace(template: str, at: int) -> Refused:
    around = template[max(0, at - 10) : at + 20]
    return Refused(f"text near {around!r}: write {{name}} for an attribute, {{{{ or }}}} for a brace")
