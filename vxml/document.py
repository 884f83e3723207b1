"""XML in: hostile bytes to a tree of nodes that know their lines.

Serves VoiceXML documents, SRGS grammars and data alike. Entities, external subsets, XInclude and the network are
never touched; size and depth are bounded (libxml2 refuses more than 256 levels).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from common.errors import ClarionError

VXML_NS: Final = "http://www.w3.org/2001/vxml"
SRGS_NS: Final = "http://www.w3.org/2001/06/grammar"
SSML_NS: Final = "http://www.w3.org/2001/10/synthesis"
XML_NS: Final = "http://www.w3.org/XML/1998/namespace"

MAX_BYTES: Final = 4 << 20
#: Tags and attributes of one document: each takes a hundred times the memory that it takes in the file.
MAX_MARKS: Final = 150_000

_ENTITY: Final = re.compile(rb"<!ENTITY", re.IGNORECASE)
_ENCODING: Final = re.compile(rb"""^[^<]{0,4}<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_ENCODINGS: Final = re.compile(
    r"utf-?8|utf-?16(le|be)?|us-ascii|ascii|iso-8859-\d{1,2}|windows-125\d|euc-.*|shift_jis|gb.*|big5", re.I
)

_CHARSET: Final = re.compile(r"""[;\s]charset\s*=\s*["']?([A-Za-z0-9._-]+)""", re.I)
_DECLARED: Final = re.compile(r"""^([^<]{0,4}<\?xml[^>]*?)\s+encoding\s*=\s*["'][^"']*["']""")
_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


class DocumentError(ClarionError):
    """A document was refused: not well formed, hostile, or not VoiceXML. `line` and `column` count from 1."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """An element: `tag` is its local name; `attrs` keys are local names, but "xml:lang" and "{namespace}name"."""

    tag: str
    ns: str
    line: int
    attrs: Mapping[str, str] = field(default_factory=dict)
    children: tuple[Node | str, ...] = ()

    def get(self, name: str, default: str = "") -> str:
        return self.attrs.get(name, default)

    def elements(self, *tags: str) -> Iterator[Node]:
        """Child elements, of these tags when any is given."""
        for child in self.children:
            if isinstance(child, Node) and (not tags or child.tag in tags):
                yield child

    def text(self) -> str:
        """All text directly inside, stripped."""
        return "".join(child for child in self.children if isinstance(child, str)).strip()

    def walk(self) -> Iterator[Node]:
        """This element and all below it, in document order."""
        yield self
        for child in self.elements():
            yield from child.walk()


def as_utf8(body: bytes, content_type: str) -> bytes:
    """XML as UTF-8 where its Content-Type names another charset, which goes before the document's own word (RFC 7303
    section 3.2); a byte order mark goes before both. What cannot be read so is left as it is.
    """
    charset = _CHARSET.search(content_type)
    if charset is None or body.startswith(_MARKS) or not _ENCODINGS.fullmatch(charset[1]):
        return body
    declared = _ENCODING.search(body)
    if charset[1].lower() in ("utf-8", "utf8") and declared is None:
        return body
    try:
        text = body.decode(charset[1])
    except (UnicodeDecodeError, LookupError):
        return body
    return _DECLARED.sub(r"\1", text, count=1).encode()


def parse_xml(body: bytes, *, max_bytes: int = MAX_BYTES) -> Node:
    """Raise DocumentError when `body` is not well-formed XML that is safe to read."""
    return to_node(parse_element(body, max_bytes=max_bytes))


def parse_element(body: bytes, *, max_bytes: int = MAX_BYTES, keep_all: bool = False) -> etree._Element:
    """The hardened parse, for the schema validator; `keep_all` with comments and processing instructions."""
    _refuse_hostile(body, max_bytes)
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        remove_comments=not keep_all,
        remove_pis=not keep_all,
        strip_cdata=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise DocumentError(_plain(error.msg or "not well-formed XML"), max(line, 1), max(column, 1)) from error
    except (ValueError, LookupError) as error:
        raise DocumentError(f"not readable as XML: {error}") from error
    for entity in root.iter(etree.Entity):
        name = getattr(entity, "name", "?")
        raise DocumentError(f"entity &{name}; is not known: write the character itself or its number", 1)
    return root


def _refuse_hostile(body: bytes, max_bytes: int) -> None:
    if not body.strip():
        raise DocumentError("the document is empty")
    if len(body) > max_bytes:
        raise DocumentError(f"the document has {len(body)} bytes; at most {max_bytes} are read")
    if marks(body) > MAX_MARKS:
        raise DocumentError(f"the document has more than {MAX_MARKS} tags and attributes")
    flat = body.replace(b"\0", b"")
    if match := _ENTITY.search(flat):
        line = flat.count(b"\n", 0, match.start()) + 1
        raise DocumentError("entity declarations are refused: remove <!ENTITY ...> and write the text itself", line)
    encoding = _ENCODING.search(flat)
    if encoding and not _ENCODINGS.fullmatch(encoding[1].decode("ascii")):
        raise DocumentError(f"encoding {encoding[1].decode('ascii')} is not read here: save the document as UTF-8")


def marks(body: bytes) -> int:
    """How many tags and attributes it may hold, at most."""
    return body.count(b"<") + body.count(b'="') + body.count(b"='")


def _plain(message: str) -> str:
    """libxml2's message without its trailing position."""
    return re.sub(r", line \d+, column \d+.*$", "", message)


def to_node(element: etree._Element) -> Node:
    """Copy an lxml tree to nodes, once, so that a cached document costs no libxml2 memory."""
    ns, tag = _split(element.tag)
    children: list[Node | str] = []
    if element.text:
        children.append(element.text)
    for child in element:
        children.append(to_node(child))
        if child.tail:
            children.append(child.tail)
    attrs = {_attribute_name(str(name)): str(value) for name, value in element.attrib.items()}
    return Node(tag, ns, element.sourceline if isinstance(element.sourceline, int) else 1, attrs, tuple(children))


def _split(tag: object) -> tuple[str, str]:
    name = str(tag)
    if name.startswith("{"):
        ns, _, local = name[1:].partition("}")
        return ns, local
    return "", name


def _attribute_name(name: str) -> str:
    prefix = f"{{{XML_NS}}}"
    return "xml:" + name[len(prefix) :] if name.startswith(prefix) else name
