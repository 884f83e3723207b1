"""Running the W3C SRGS 1.0 test set: each grammar's own `in.N` and `out.N`, compared by logical parse structure.

An `out.N` is REJECT or a structure such as `$main["hello",$<a.gram#b>["world",{!{tag}!}]]`. A grammar without cases
is one that must be accepted, unless its description calls it illegal. No case is known here by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

from lxml import etree

from vxml.conformance import Verdict
from vxml.grammar import Grammar, GrammarError, Matcher, Mode, ParsedGrammar, link, parse_grammar
from vxml.grammar.abnf import decode_abnf, looks_like_abnf
from vxml.grammar.parses import is_a_parse, structure_of, write_structure
from vxml.grammar.tokens import split_keys, words_of

_REJECT: Final = "REJECT"
_META: Final = re.compile(r"""\bmeta\s+(["'])(.*?)\1\s+is\s+(["'])(.*?)\3""", re.DOTALL)
_CASE: Final = re.compile(r"in\.(\d+)")
_ILLEGAL: Final = re.compile(
    r"\b(illegal|invalid|not (?:be )?(?:legal|allowed)|bad|faulty|wrong|erroneous|reject|cannot|don't|must not)\b", re.I
)
_LPS: Final = re.compile(
    r"""\s*(?:(?P<tag>\{!\{.*?\}!\})|(?P<enter>\$(?:<[^>]*>|[^\s\[\],]+)\s*\[)|(?P<leave>\])|(?P<token>"[^"]*")|(?P<comma>,))""",
    re.DOTALL,
)
_SPACES: Final = re.compile(r"\s+")


def run_directory(folder: Path) -> Iterator[Verdict]:
    paths = sorted((*folder.rglob("*.grxml"), *folder.rglob("*.gram")))
    bodies = {path.resolve(): path.read_bytes() for path in paths}
    for path, body in bodies.items():
        parts = [other for other, text in bodies.items() if other != path and path.name.encode() in text]
        yield from _run_file(folder.resolve(), path, body, bool(parts))


def _run_file(folder: Path, path: Path, body: bytes, is_part: bool) -> Iterator[Verdict]:
    """`is_part`: another file of the set refers to this one, so that it must be readable whatever it says of itself."""
    meta = _metas(body)
    name = str(path.relative_to(folder))
    cases = sorted((int(found[1]) for key in meta if (found := _CASE.fullmatch(key))), key=int)
    if not cases:
        yield Verdict(name, _accept(folder, path, "" if is_part else meta.get("description", "")))
    for number in cases:
        expected = meta.get(f"out.{number}", "").strip()
        reason, remark = _parse(folder, path, meta[f"in.{number}"], expected)
        yield Verdict(f"{name} in.{number}", reason, remark)


def _accept(folder: Path, path: Path, description: str) -> str:
    illegal = bool(_ILLEGAL.search(description))
    try:
        parsed, externals = _load(folder, path, [])
        for rule in parsed.rules:
            link(parsed, externals, rule, path.as_uri())
    except GrammarError as error:
        return "" if illegal else f"refused: line {error.line}: {error}"
    return f"accepted, though its description says: {description}" if illegal else ""


def _parse(folder: Path, path: Path, said: str, expected: str) -> tuple[str, str]:
    """Why the case fails, "" when it passes; and what is to be remarked of a case that passes."""
    own = path.as_uri()
    wanted = [] if expected == _REJECT else read_structure(expected, own)
    try:
        parsed, externals = _load(folder, path, wanted)
        grammars = _activated(parsed, externals, own, wanted)
        words = split_keys(said) if parsed.mode is Mode.DTMF else words_of(said.replace('"', " "))
    except GrammarError as error:
        return ("" if expected == _REJECT else f"refused: line {error.line}: {error}"), ""
    found = _understand(grammars, words)
    if expected == _REJECT:
        return (f"accepted: {write_structure(found[0])}" if found else ""), ""
    if not found:
        return f'"{said}" was not understood', ""
    if not wanted or any(is_a_parse(grammar, words, wanted) for grammar in grammars):
        return "", ""
    difference = f"understood as {write_structure(found[0])}, expected {write_structure(wanted)}"
    if any(is_a_parse(grammar, words, wanted, by_words=True) for grammar in grammars):
        return "", f"the same words in the same rules, in other tokens: {difference}"
    return difference, ""


def _activated(
    parsed: ParsedGrammar, externals: Mapping[str, ParsedGrammar], url: str, wanted: list[str]
) -> list[Grammar]:
    """The root rule and, at the same time, the rule that the expected structure begins with (section 5.5)."""
    if not (parsed.root or wanted):
        raise GrammarError("the grammar names no root rule")
    named = wanted[0].removeprefix("$") if wanted else ""
    rules = dict.fromkeys(rule for rule in (parsed.root, named) if rule)
    return [link(parsed, externals, rule, url) for rule in rules]


def _understand(grammars: list[Grammar], words: list[str]) -> list[list[str]]:
    found = []
    for grammar in grammars:
        matcher = Matcher(grammar)
        for word in words:
            matcher.feed(word)
        if matcher.matched:
            found.append(structure_of(matcher))
    return found


def read_structure(text: str, base: str) -> list[str]:
    """The structure that `text` writes, its addresses made absolute; surplus closing brackets are forgiven."""
    made: list[str] = []
    depth, at = 0, 0
    while at < len(text.rstrip()):
        found = _LPS.match(text, at)
        if found is None:
            raise GrammarError(f"not a logical parse structure from here: {text[at : at + 40]}")
        at = found.end()
        piece = found[0].strip()
        if found["tag"]:
            made.append("{!{" + _SPACES.sub(" ", piece[3:-3].strip()) + "}!}")
        elif found["enter"]:
            depth += 1
            name = piece[:-1].strip()
            made.append(f"$<{urljoin(base, name[2:-1])}>" if name.startswith("$<") else name)
        elif found["leave"] and depth:
            depth -= 1
            made.append("]")
        elif found["token"]:
            made.append('"' + " ".join(piece[1:-1].split()) + '"')
    return made


# --- files ------------------------------------------------------------------------------------------------


def _metas(body: bytes) -> dict[str, str]:
    """`meta` declarations, read without the product's parser, since many of these grammars must be refused."""
    if looks_like_abnf(body):
        try:
            text = decode_abnf(body)
        except GrammarError:
            text = body.decode("latin-1")
        return {found[2]: found[4] for found in _META.finditer(text)}
    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True, recover=True))
    except etree.XMLSyntaxError:
        return {}
    if root is None:
        return {}
    return {str(one.get("name")): str(one.get("content")) for one in root.iter("{*}meta") if one.get("name")}


def _load(folder: Path, path: Path, expected: list[str]) -> tuple[ParsedGrammar, dict[str, ParsedGrammar]]:
    """The grammar and those that it refers to, by absolute address."""
    parsed = parse_grammar(path.read_bytes())
    externals: dict[str, ParsedGrammar] = {}
    wanted = [parsed.resolve(path.as_uri(), url) for url in parsed.externals]
    while wanted:
        url = wanted.pop()
        if url not in externals:
            externals[url] = _external(folder, url, expected)
            wanted += [externals[url].resolve(url, inner) for inner in externals[url].externals]
    return parsed, externals


def _external(folder: Path, url: str, expected: list[str]) -> ParsedGrammar:
    if url.startswith("http"):
        return _stand_in(url, expected)
    path = Path.from_uri(url) if hasattr(Path, "from_uri") else Path(url.removeprefix("file://"))
    if not path.is_file():
        # Of many grammars the set has both forms, and a part of the set may lack the one that is asked for.
        path = path.with_suffix(".gram" if path.suffix == ".grxml" else ".grxml")
    if not path.resolve().is_relative_to(folder) or not path.is_file():
        raise GrammarError(f"there is no file {path.name}")
    return parse_grammar(path.read_bytes())


def _stand_in(url: str, expected: list[str]) -> ParsedGrammar:
    """The set asks its testers to put grammars of their own at foreign addresses: one that takes what is expected."""
    said = []
    for at, piece in enumerate(expected):
        if piece == f"$<{url}>":
            words = expected[at + 1 : expected.index("]", at)]
            said.append(" ".join(f'"{word[1:-1]}"' for word in words if word.startswith('"')))
    if not any(said):
        raise GrammarError(f"{url} cannot be had here")
    rules = " | ".join(said)
    return parse_grammar(f"#ABNF 1.0 UTF-8;\nlanguage en-US;\nroot $said;\n$said = {rules};\n".encode())
