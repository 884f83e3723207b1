"""`<data>`: XML fetched without leaving the dialog, as a DOM that scripts read (VoiceXML 2.1 section 5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from lxml import etree

from vxml.document import XML_NS, DocumentError, Node, parse_element
from vxml.interpreter.control import Steps, Thrown
from vxml.interpreter.requests import submit_request

if TYPE_CHECKING:
    from vxml.interpreter.execution import Execution

_TARGET: Final = "access-control"
_ITEMS: Final = re.compile(r"""\b(allow|deny)\s*=\s*(?:"([^"]*)"|'([^']*)')""")


def fetch_data(execution: Execution, node: Node) -> Steps[None]:
    """Without a name what comes is of no interest, only that it came."""
    name = node.get("name")
    request = submit_request(execution, node, names="")
    reply = yield from execution.rt.fetch(request)
    if not name:
        return
    shown = reply.url.partition("?")[0]
    try:
        root = parse_element(reply.body, keep_all=True)
    except DocumentError as error:
        raise Thrown("error.badfetch", f"data {shown}: {error}", node.line) from error
    here = execution.context.leaf.url if execution.context.leaf else ""
    if not may_read(root, reply.url, here):
        raise Thrown("error.noauthorization", f"data {shown}: its access-control does not let this page in", node.line)
    execution.declare(name, None, node.line)
    execution.rt.engine.set_document(execution.scope, name, [*_before(root), *_plain(root), *_after(root)])


# --- who may read it ------------------------------------------------------------------------------------


def may_read(root: etree._Element, url: str, reader: str) -> bool:
    """Whether `<?access-control?>` lets the page at `reader` in (the W3C's note of 13 June 2005).

    Pages of the data's own host may always read it. Data without the instruction is read by whoever may fetch it.
    """
    instructions = [one.text or "" for one in root.itersiblings(etree.PI, preceding=True) if one.target == _TARGET]
    host = (urlsplit(reader).hostname or "").lower()
    if not instructions or host == (urlsplit(url).hostname or "").lower():
        return True
    lists: dict[str, list[str]] = {"allow": [], "deny": []}
    for text in instructions:
        for kind, double, single in _ITEMS.findall(text):
            lists[kind] += (double or single).lower().split()
    return _matches(host, lists["allow"]) and not _matches(host, lists["deny"])


def _matches(host: str, items: list[str]) -> bool:
    """`*` is everybody, `*.example.com` that domain and all below it."""
    return any(
        item in ("*", host) or (item.startswith("*.") and (host == item[2:] or host.endswith(item[1:])))
        for item in items
    )


# --- what dom.js builds the DOM from --------------------------------------------------------------------


def _before(root: etree._Element) -> Iterator[Any]:
    for sibling in reversed(list(root.itersiblings(preceding=True))):
        yield from _plain(sibling)


def _after(root: etree._Element) -> Iterator[Any]:
    for sibling in root.itersiblings():
        yield from _plain(sibling)


def _plain(element: etree._Element) -> Iterator[Any]:
    """An element is [prefix, name, namespace, attributes, children], text a string, others objects by their kind."""
    if isinstance(element, etree._Comment):
        yield {"comment": element.text or ""}
    elif isinstance(element, etree._ProcessingInstruction):
        yield {"target": element.target, "data": element.text or ""}
    else:
        children: list[Any] = [element.text] if element.text else []
        for child in element:
            children += _plain(child)
            if child.tail:
                children.append(child.tail)
        attributes = [[*_named(element, str(name)), str(value)] for name, value in element.attrib.items()]
        name = etree.QName(element)
        yield [element.prefix, name.localname, name.namespace, attributes, children]


def _named(element: etree._Element, name: str) -> tuple[str | None, str, str | None]:
    """Prefix, local name and namespace of an attribute; lxml keeps no prefix of its own for one."""
    parts = etree.QName(name)
    if parts.namespace is None:
        return None, parts.localname, None
    if parts.namespace == XML_NS:
        return "xml", parts.localname, XML_NS
    prefixes = (prefix for prefix, uri in element.nsmap.items() if prefix and uri == parts.namespace)
    return next(prefixes, None), parts.localname, parts.namespace
