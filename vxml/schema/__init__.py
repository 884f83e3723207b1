"""Clarion's own schema of VoiceXML 2.1, and its complaints in words that say what to mend."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from lxml import etree

_SCHEMA: Final = Path(__file__).parent / "voicexml.xsd"
_NAMESPACE: Final = re.compile(r"\{[a-z]+:[^}]*\}")
_ATTRIBUTE: Final = re.compile(r"Element '([^']+)', attribute '([^']+)': (.*)", re.S)
_ELEMENT: Final = re.compile(r"Element '([^']+)': (.*)", re.S)
_EXPECTED: Final = re.compile(r"Expected is (?:one of )?\( (.*?) \)")
_VALUE: Final = re.compile(r"(?:The value )?'([^']*)' is not")
_SET: Final = re.compile(r"set \{(.*?)\}")


def violations(root: etree._Element) -> Iterator[tuple[int, str]]:
    """(line, message) of each place where the document is not VoiceXML 2.1."""
    schema = _schema()
    if schema.validate(root):
        return
    seen: set[tuple[int, str]] = set()
    for entry in schema.error_log:
        found = (max(int(entry.line), 1), _plain(entry.message))
        # One fault is often reported twice: for the value and for the type it breaks.
        if found[1] and found not in seen:
            seen.add(found)
            yield found


@lru_cache(maxsize=1)
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(_SCHEMA)))


def _plain(message: str) -> str:
    text = _NAMESPACE.sub("", message)
    if match := _ATTRIBUTE.match(text):
        return _attribute(*match.groups())
    if match := _ELEMENT.match(text):
        return _element(*match.groups())
    return text


def _attribute(element: str, name: str, rest: str) -> str:
    if "is not allowed" in rest:
        return f"<{element}> has no attribute {name}"
    value = _VALUE.search(rest)
    shown = f'{name}="{value[1]}"' if value else name
    if options := _SET.search(rest):
        return f"<{element}> {shown}: write {options[1].replace(chr(39), '')}"
    if "is not a valid value" in rest or "[facet" in rest:
        return f"<{element}> {shown} is not allowed: {_hint(name)}"
    return f"<{element}> {shown}: {rest.strip()}"


def _hint(name: str) -> str:
    if name in ("timeout", "fetchtimeout", "maxtime", "finalsilence", "connecttimeout", "time", "duration"):
        return "write a time such as 3s or 500ms"
    if name in ("name", "item", "nextitem", "namelist"):
        return "write variable names: letters, digits and _, not starting with a digit or _"
    if name == "dtmf":
        return "write keys: 0 to 9, * and #"
    if name in ("count", "maxage", "maxstale", "age", "variant"):
        return "write a whole number"
    if name == "id":
        return "write a name that no other element of the document has"
    return "see the reference of the element"


def _element(element: str, rest: str) -> str:
    expected = _EXPECTED.search(rest)
    allowed = ""
    if expected:
        names = [name.strip() for name in expected[1].split(",") if "##" not in name]
        allowed = "; what may stand there: " + ", ".join(f"<{name}>" for name in names)
    if "No matching global declaration" in rest:
        return f'expected <vxml xmlns="http://www.w3.org/2001/vxml">, found <{element}>'
    if "This element is not expected" in rest:
        return f"<{element}> is not allowed here{allowed}"
    if "Missing child element" in rest:
        return f"<{element}> has nothing in it{allowed}"
    if "Character content" in rest:
        return f"<{element}> must not have text directly in it"
    if "is required but missing" in rest:
        name = re.search(r"The attribute '([^']+)'", rest)
        return f"<{element}> needs the attribute {name[1] if name else '?'}"
    if "atomic type" in rest or "list type" in rest:
        return ""
    return f"<{element}>: {rest.strip()}"
