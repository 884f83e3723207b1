"""In which encoding a text is: by its mark, by trying, by guessing, or because somebody says so."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from charset_normalizer import from_bytes

from common.errors import Refused

AUTO = "auto"
UTF_8 = "utf-8"
#: Offered to people; every other that Python knows may be typed.
USUAL = (
    UTF_8, "windows-1252", "iso-8859-15", "iso-8859-2", "windows-1250", "windows-1251", "koi8-r", "windows-1253",
    "windows-1254", "windows-1255", "windows-1256", "mac-roman", "cp437", "cp850", "utf-16", "utf-16-le", "utf-16-be",
    "shift_jis", "euc-jp", "gb18030", "big5", "euc-kr",
)  # fmt: skip
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Text encodings in Python's table that no file is in, and whose decoders run the file's text.
_NONE = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7", "mbcs", "oem"})
_GUESSED = (
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "koi8_r",
    "mac_roman",
    "cp850",
    "cp932",
    "gb18030",
    "euc_kr",
)
_BLOCK = 1 << 20
_SAMPLE = 64 * 1024
#: A file counts as UTF-8 with faults, which are listed, where at least so many good lines come on a bad one.
_GOOD_PER_BAD = 4
_SPECIMENS = 3


@dataclass(frozen=True, slots=True)
class Encoding:
    """`how` says in words how it was found out; by `specimens`, lines beyond ASCII, a person sees a wrong one."""

    name: str
    how: str
    #: Bytes that are not UTF-8 become U+FFFD, and their rows rejects.
    lenient: bool = False
    guessed: bool = False
    specimens: tuple[str, ...] = ()


@dataclass(slots=True)
class _Seen:
    good: int = 0
    bad: int = 0
    sample: bytearray = field(default_factory=bytearray)
    beyond: list[bytes] = field(default_factory=list)


def check_name(encoding: str) -> str:
    """Python's name of it. Raise Refused for what is no encoding of text."""
    if encoding == "latin-1":
        encoding = "cp1252"  # what people mean by it: browsers read it so too
    try:
        found = codecs.lookup(encoding)
    except (LookupError, ValueError):
        found = None
    if found is None or found.name in _NONE or not found._is_text_encoding:
        raise Refused(f"encoding: {encoding[:40]!r} is none that is known; use auto or such as {', '.join(USUAL[:6])}")
    return found.name


def find_out(file: IO[bytes], wanted: str = AUTO) -> Encoding:
    """Read all of the file. Raise Refused when nothing fits."""
    if wanted != AUTO:
        name = check_name(wanted)
        return Encoding(name, "as chosen", lenient=name in ("utf-8", "utf-8-sig"))
    head = file.read(_SAMPLE)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name, "by its mark", lenient=name == "utf-8-sig")
    wide = _without_mark(head)
    if wide:
        return Encoding(wide, "by its zero bytes; it has no mark")
    seen = _look(head, file)
    specimens = tuple(line.decode("utf-8", "replace").strip()[:120] for line in seen.beyond)
    if not seen.bad:
        return Encoding(UTF_8, "every byte fits" if seen.good else "plain ASCII", specimens=specimens)
    if seen.good >= _GOOD_PER_BAD * seen.bad:
        return Encoding(UTF_8, f"all but {seen.bad:,} lines fit, which will be rejected", True, specimens=specimens)
    return _guess(bytes(seen.sample))


def _without_mark(head: bytes) -> str:
    """UTF-16 shows by zero bytes on one side of its pairs: ASCII is in every file, if only as delimiters."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) * 50 < len(head) or min(even, odd) * 10 > max(even, odd):
        return ""
    name = "utf-16-be" if even > odd else "utf-16-le"
    try:
        text = codecs.getincrementaldecoder(name)().decode(head)
    except UnicodeDecodeError:
        return ""
    return name if "\n" in text or "\r" in text else ""


def _look(head: bytes, file: IO[bytes]) -> _Seen:
    seen = _Seen()
    for block in _whole_lines(head, file):
        if block.isascii():
            continue
        try:
            block.decode(UTF_8)
            seen.good += _GOOD_PER_BAD
            if len(seen.beyond) < _SPECIMENS:
                _note(seen, block)
        except UnicodeDecodeError:
            _note(seen, block)
    return seen


def _note(seen: _Seen, block: bytes) -> None:
    for line in block.splitlines(keepends=True):
        if line.isascii():
            continue
        try:
            line.decode(UTF_8)
            seen.good += 1
            if len(seen.beyond) < _SPECIMENS:
                seen.beyond.append(line[:400])
        except UnicodeDecodeError:
            seen.bad += 1
            if len(seen.sample) < _SAMPLE:
                seen.sample += line[:1000]


def _whole_lines(head: bytes, file: IO[bytes]) -> Iterator[bytes]:
    rest = head
    while block := file.read(_BLOCK):
        rest += block
        cut = rest.rfind(b"\n") + 1
        if cut or len(rest) > 4 * _BLOCK:
            yield rest[: cut or len(rest)]
            rest = rest[cut or len(rest) :]
    yield rest


def _guess(sample: bytes) -> Encoding:
    found = from_bytes(sample, cp_isolation=list(_GUESSED), threshold=0.5).best()
    text = sample.decode(found.encoding if found else "cp1252", "replace")
    # Encodings agree about many letters; then the more usual is the likelier one.
    name = next(name for name in (*_GUESSED, "latin-1") if sample.decode(name, "replace") == text)
    specimens = tuple(line.strip()[:120] for line in text.splitlines()[:_SPECIMENS])
    return Encoding(name, "guessed; look whether the names are right, or choose another", False, True, specimens)


def decoded(file: IO[bytes], encoding: Encoding, name: str) -> Iterator[str]:
    """The text in pieces, without its mark. Raise Refused naming the line that does not fit."""
    decoder = codecs.getincrementaldecoder(encoding.name)("replace" if encoding.lenient else "strict")
    line, first = 1, True
    while True:
        block = file.read(_BLOCK)
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].decode(encoding.name, "ignore").count("\n")
            raise Refused(
                f"{name}, about line {line}: is not {encoding.name}; "
                "choose the encoding it has, or save it as CSV UTF-8"
            ) from error
        line += text.count("\n")
        if first and text:
            text, first = text.removeprefix("\ufeff"), False
        if text:
            yield text
        if not block:
            return
