"""Which parts of a script ran: form items, handlers (`<filled>`, `<catch>` and its shorthands) and branches of `<if>`.

Documents are marked before the interpreter reads them: a `<log>` at the beginning of every handler, block and branch
says that it ran. So the interpreter knows nothing of coverage, and a call without it pays nothing. Nothing is inserted
but on the line of the element it belongs to: line numbers stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from xml.parsers import expat

from vxml.document import DocumentError
from vxml.interpreter.compile import compile_document
from vxml.messages import Fetch, Fetched, FetchFailed
from vxml.text import Fetcher, Line

_LABEL: Final = "clarion.coverage"
_ITEMS: Final = frozenset(("block", "field", "initial", "menu", "object", "record", "subdialog", "transfer"))
_HANDLERS: Final = frozenset(("filled", "catch", "error", "help", "noinput", "nomatch"))
_BRANCHES: Final = frozenset(("if", "elseif", "else"))


@dataclass(frozen=True, slots=True)
class Place:
    """Something that can run. `line` is where its element begins, `dialog` where the form or menu around does, or 0."""

    kind: str
    line: int
    dialog: int


@dataclass(frozen=True, slots=True)
class Marked:
    """A document ready for a covered call. `items` finds the place of a visited item by (dialog, item) name."""

    body: bytes
    places: tuple[Place, ...]
    items: Mapping[tuple[str, str], int]


def mark(body: bytes, name: str) -> Marked:
    """The marks in it say `name` and a number. Raise DocumentError where the interpreter could not read it either."""
    document = compile_document(body)
    marker = _Marker(body, name)
    names = [(dialog.id, item.name) for dialog in document.dialogs for item in dialog.items]
    items = dict(zip(names, marker.items, strict=False))
    return Marked(marker.marked(), tuple(marker.places), items)


class _Marker:
    """Finds the elements by expat, which knows where in the bytes each begins."""

    def __init__(self, body: bytes, name: str) -> None:
        self._body = body
        self._name = name
        if b"\0" in body[:4] or body[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise DocumentError("documents in UTF-16 are not marked for coverage: save them as UTF-8")
        #: (from, to, what to put there) in bytes, in the document's order.
        self._edits: list[tuple[int, int, bytes]] = []
        self._path: list[str] = []
        self._dialog = 0
        self.places: list[Place] = []
        #: Numbers of the places that are form items, in the document's order.
        self.items: list[int] = []
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        try:
            self._parser.Parse(body, True)
        except (expat.ExpatError, LookupError, ValueError) as error:
            raise DocumentError(f"not readable for coverage: {error}") from error

    def _start(self, name: str, _attributes: Mapping[str, str]) -> None:
        prefix, _, tag = name.rpartition(":")
        self._path.append(tag)
        line = self._parser.CurrentLineNumber
        if tag in ("form", "menu") and len(self._path) == 2:
            self._dialog = line
        if tag in _ITEMS and len(self._path) == (2 if tag == "menu" else 3):
            self.items.append(len(self.places))
            self._place("item", line, prefix, name if tag == "block" else "")
        elif tag in _HANDLERS:
            self._place("handler", line, prefix, name)
        elif tag in _BRANCHES:
            self._place("branch", line, prefix, name)

    def _end(self, name: str) -> None:
        self._path.pop()
        if len(self._path) == 1:
            self._dialog = 0

    def _place(self, kind: str, line: int, prefix: str, name: str) -> None:
        """`name` is the element to be marked inside, or behind where it divides an `<if>`; "" for none."""
        number = len(self.places)
        self.places.append(Place(kind, line, self._dialog))
        if not name:
            return
        log = f"{prefix}:log" if prefix else "log"
        text = f'<{log} label="{_LABEL}">{self._name}.{number}</{log}>'
        start = self._parser.CurrentByteIndex
        end = _tag_end(self._body, start)
        tag = name.rpartition(":")[2]
        if self._body[end - 1 : end] == b"/" and tag not in ("elseif", "else"):
            self._edits.append((end - 1, end + 1, f">{text}</{name}>".encode()))
            return
        at = end + 1
        closing = f"</{name}>".encode()
        if tag in ("elseif", "else") and self._body[at:].lstrip().startswith(closing):
            at = self._body.index(closing, at) + len(closing)
        self._edits.append((at, at, text.encode()))

    def marked(self) -> bytes:
        out, at = bytearray(), 0
        for start, end, text in self._edits:
            out += self._body[at:start] + text
            at = end
        return bytes(out + self._body[at:])


def _tag_end(body: bytes, start: int) -> int:
    """Where the `>` of the tag that begins at `start` is; quoted ones do not count."""
    quote = 0
    for index in range(start, len(body)):
        byte = body[index]
        if quote:
            quote = 0 if byte == quote else quote
        elif byte in b"\"'":
            quote = byte
        elif byte == 0x3E:
            return index
    return len(body)


class Coverage:
    """What ran in the calls of a test run. Let the calls fetch by `fetcher`, then give it their transcripts."""

    def __init__(self) -> None:
        self._marked: dict[str, Marked] = {}
        #: Addresses by the name that the marks in the document have.
        self._urls: list[str] = []
        self._ran: dict[str, set[int]] = {}

    def fetcher(self, fetch: Fetcher) -> Fetcher:
        def fetch_marked(request: Fetch) -> Fetched | FetchFailed:
            reply = fetch(request)
            if not isinstance(reply, Fetched) or b"vxml" not in reply.body:
                return reply
            try:
                marked = self._mark(reply.url, reply.body)
            except DocumentError:
                return reply
            return Fetched(reply.id, reply.url, reply.status, marked.body, reply.content_type, reply.headers)

        return fetch_marked

    def _mark(self, url: str, body: bytes) -> Marked:
        key = url.partition("?")[0]
        if key not in self._marked:
            self._marked[key] = mark(body, str(len(self._marked)))
            self._urls.append(key)
        return self._marked[key]

    @property
    def urls(self) -> tuple[str, ...]:
        """The documents that calls fetched."""
        return tuple(self._urls)

    def add(self, lines: Iterable[Line]) -> list[Line]:
        """Take one call's transcript; answers it without the marks."""
        document = dialog = ""
        kept = []
        for line in lines:
            if line.kind == "log" and line.text.startswith(_LABEL + ": "):
                self._hit(line.text.removeprefix(_LABEL + ": "))
                continue
            kept.append(line)
            if line.kind == "document":
                document = line.text
            elif line.kind == "dialog":
                dialog = line.text
            elif line.kind == "item" and document in self._marked:
                number = self._marked[document].items.get((dialog, line.text.partition(" ")[2]))
                if number is not None:
                    self._ran.setdefault(document, set()).add(number)
        return kept

    def _hit(self, mark: str) -> None:
        """A script could log such a thing itself: what names no place is passed over."""
        name, _, number = mark.partition(".")
        if name.isdecimal() and number.isdecimal() and int(name) < len(self._urls):
            url = self._urls[int(name)]
            if int(number) < len(self._marked[url].places):
                self._ran.setdefault(url, set()).add(int(number))

    def of(self, url: str, body: bytes) -> list[tuple[Place, bool]]:
        """The places of a document and whether each ran; of one that no call fetched, none did."""
        try:
            places = self._mark(url, body).places
        except DocumentError:
            return []
        ran = self._ran.get(url, set())
        return [(place, number in ran) for number, place in enumerate(places)]
