"""The schema as an editor wants it: which elements and attributes may stand where, for completion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from lxml import etree

_SCHEMA: Final = Path(__file__).parent / "voicexml.xsd"
_XS: Final = "{http://www.w3.org/2001/XMLSchema}"
_TRUTH: Final = ("true", "false")


@dataclass(frozen=True, slots=True)
class ElementOutline:
    """`attributes` maps names to the values that can be listed, () where anything may stand."""

    name: str
    children: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]]


@lru_cache(maxsize=1)
def outline() -> tuple[ElementOutline, ...]:
    """Every element of VoiceXML 2.1 with the SRGS and SSML inside it, by name; the document element first."""
    reader = _Reader(etree.parse(str(_SCHEMA)).getroot())
    made = sorted(reader.elements(), key=lambda element: (element.name != "vxml", element.name))
    return tuple(made)


class _Reader:
    def __init__(self, schema: etree._Element) -> None:
        self._schema = schema
        self._named = {
            (_kind(node), node.get("name", "")): node
            for node in schema
            if isinstance(node.tag, str) and "name" in node.attrib
        }

    def elements(self) -> Iterator[ElementOutline]:
        merged: dict[str, tuple[dict[str, None], dict[str, tuple[str, ...]]]] = {}
        for node in self._schema.iter(f"{_XS}element"):
            name = node.get("name")
            if name is None:
                continue
            children, attributes = merged.setdefault(name, ({}, {}))
            body = self._type_of(node)
            if body is not None:
                children.update(dict.fromkeys(self._children(body)))
                attributes.update(self._attributes(body))
        for name, (children, attributes) in merged.items():
            yield ElementOutline(name, tuple(sorted(children)), dict(sorted(attributes.items())))

    def _type_of(self, element: etree._Element) -> etree._Element | None:
        inner = element.find(f"{_XS}complexType")
        return inner if inner is not None else self._named.get(("complexType", element.get("type", "")))

    def _children(self, node: etree._Element) -> Iterator[str]:
        for part in self._parts(node):
            if _kind(part) == "element":
                yield part.get("name") or part.get("ref", "")

    def _attributes(self, node: etree._Element) -> Iterator[tuple[str, tuple[str, ...]]]:
        for part in self._parts(node):
            if _kind(part) == "attribute":
                yield part.get("name") or part.get("ref", ""), self._values(part)

    def _parts(self, node: etree._Element) -> Iterator[etree._Element]:
        """The element and attribute declarations of a type, those of its groups and base types among them."""
        for part in node:
            kind = _kind(part)
            if kind in ("element", "attribute"):
                yield part
                continue
            if kind in ("group", "attributeGroup") and "ref" in part.attrib:
                yield from self._parts(self._named[kind, part.get("ref", "")])
            elif kind in ("extension", "restriction"):
                base = self._named.get(("complexType", part.get("base", "")))
                if base is not None:
                    yield from self._parts(base)
            yield from self._parts(part)

    def _values(self, attribute: etree._Element) -> tuple[str, ...]:
        named = self._named.get(("simpleType", attribute.get("type", "")))
        if attribute.get("type") == "xs:boolean":
            return _TRUTH
        source = named if named is not None else attribute
        return tuple(node.get("value", "") for node in source.iter(f"{_XS}enumeration"))


def _kind(node: etree._Element) -> str:
    return str(node.tag).removeprefix(_XS)
