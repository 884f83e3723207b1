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
from vxml.grammar import Grammar, GrammarError, Matcher, ParsedGrammar, link, parse_grammar
from vxml.grammar.abnf import decode_abnf, looks_like_abnf
from vxml.grammar.tokens import words_of

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
    for path in sorted((*folder.rglob("*.grxml"), *folder.rglob("*.gram"))):
        yield from _run_file(folder.resolve(), path.resolve())


def _run_file(folder: Path, path: Path) -> Iterator[Verdict]:
    body = path.read_bytes()
    meta = _metas(body)
    name = str(path.relative_to(folder))
    cases = sorted((int(found[1]) for key in meta if (found := _CASE.fullmatch(key))), key=int)
    if not cases:
        yield Verdict(name, _accept(folder, path, meta.get("description", "")))
    for number in cases:
        expected = meta.get(f"out.{number}", "").strip()
        yield Verdict(f"{name} in.{number}", _parse(folder, path, meta[f"in.{number}"], expected))


def _accept(folder: Path, path: Path, description: str) -> str:
    illegal = bool(_ILLEGAL.search(description))
    try:
        parsed, externals = _load(folder, path, "")
        for rule in parsed.rules:
            link(parsed, externals, rule, path.as_uri())
    except GrammarError as error:
        return "" if illegal else f"refused: line {error.line}: {error}"
    return f"accepted, though its description says: {description}" if illegal else ""


def _parse(folder: Path, path: Path, said: str, expected: str) -> str:
    """Why the case fails, "" when it passes."""
    own = path.as_uri()
    wanted = [] if expected == _REJECT else read_structure(expected, own)
    try:
        parsed, externals = _load(folder, path, expected)
        found = _understand(_activated(parsed, externals, own, wanted), said)
    except GrammarError as error:
        return "" if expected == _REJECT else f"refused: line {error.line}: {error}"
    if expected == _REJECT:
        return f"accepted: {write_structure(found[0])}" if found else ""
    if not found:
        return f'"{said}" was not understood'
    if wanted not in found:
        return f"understood as {write_structure(found[0])}, expected {write_structure(wanted)}"
    return ""


def _activated(
    parsed: ParsedGrammar, externals: Mapping[str, ParsedGrammar], url: str, wanted: list[str]
) -> list[Grammar]:
    """The root rule and, at the same time, the rule that the expected structure begins with (section 5.5)."""
    if not parsed.root and not wanted:
        raise GrammarError("the grammar names no root rule")
    named = wanted[0].removeprefix("$") if wanted else ""
    rules = dict.fromkeys(rule for rule in (parsed.root, named) if rule)
    return [link(parsed, externals, rule, url) for rule in rules]


def _understand(grammars: list[Grammar], said: str) -> list[list[str]]:
    found = []
    for grammar in grammars:
        matcher = Matcher(grammar)
        for word in words_of(said):
            matcher.feed(word)
        if matcher.matched:
            found.append(structure_of(matcher))
    return found


# --- logical parse structures, as flat lists: "$rule", its content, "]" -----------------------------------


def structure_of(matcher: Matcher) -> list[str]:
    """The logical parse structure (SRGS 1.0 appendix H) of a match; references by absolute address."""
    made = []
    for step in matcher.steps():
        match step[0]:
            case "enter":
                made.append(step[2])
            case "token":
                made.append(f'"{step[1]}"')
            case "tag" | "literal":
                made.append("{!{" + _SPACES.sub(" ", step[2]) + "}!}")
            case "garbage":
                pass
            case _:
                made.append("]")
    return made


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


def write_structure(pieces: list[str]) -> str:
    text = ""
    for piece in pieces:
        text += piece if piece == "]" else ("" if not text or text.endswith("[") else ",") + piece
        text += "[" if piece.startswith("$") else ""
    return text


# --- files ------------------------------------------------------------------------------------------------


def _metas(body: bytes) -> dict[str, str]:
    """`meta` declarations, read without the product's parser, since many of these grammars must be refused."""
    if looks_like_abnf(body):
        try:
            return {found[2]: found[4] for found in _META.finditer(decode_abnf(body))}
        except GrammarError:
            return {}
    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True, recover=True))
    except etree.XMLSyntaxError:
        return {}
    if root is None:
        return {}
    return {str(one.get("name")): str(one.get("content")) for one in root.iter("{*}meta") if one.get("name")}


def _load(folder: Path, path: Path, expected: str) -> tuple[ParsedGrammar, dict[str, ParsedGrammar]]:
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


def _external(folder: Path, url: str, expected: str) -> ParsedGrammar:
    if url.startswith("http"):
        return _stand_in(url, expected)
    path = Path.from_uri(url) if hasattr(Path, "from_uri") else Path(url.removeprefix("file://"))
    if not path.is_file():
        # Of many grammars the set has both forms, and a part of the set may lack the one that is asked for.
        path = path.with_suffix(".gram" if path.suffix == ".grxml" else ".grxml")
    if not path.resolve().is_relative_to(folder) or not path.is_file():
        raise GrammarError(f"there is no file {path.name}")
    return parse_grammar(path.read_bytes())


def _stand_in(url: str, expected: str) -> ParsedGrammar:
    """The set asks its testers to put grammars of their own at foreign addresses: one that takes what is expected."""
    said = [
        found[1].replace('"', "").replace(",", " ")
        for found in re.finditer(re.escape(f"$<{url}>") + r"\[([^\]]*)\]", expected)
    ]
    if not said:
        raise GrammarError(f"{url} cannot be had here")
    rules = " | ".join(f"({words})" for words in said)
    return parse_grammar(f"#ABNF 1.0 UTF-8;\nlanguage en-US;\nroot $said;\n$said = {rules};\n".encode())
