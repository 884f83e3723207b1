"""Running the W3C SRGS 1.0 test set: each grammar's own `in.N` and `out.N`, compared by logical parse structure.

An `out.N` is REJECT or a structure such as `$main["hello",$<a.gram#b>["world",{!{tag}!}]]`. A grammar without cases
is one that must be accepted, unless its description calls it illegal. No case is known here by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

from lxml import etree

from vxml.conformance import Verdict
from vxml.grammar import Grammar, GrammarError, Matcher, Mode, ParsedGrammar, link, parse_grammar
from vxml.grammar.abnf import decode_abnf, looks_like_abnf
from vxml.grammar.model import Form, Special
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
_ROOT: Final = "stand_in"
_STAND_IN: Final = "stand-in"


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
        return "", _made_up(externals)
    difference = f"understood as {write_structure(found[0])}, expected {write_structure(wanted)}"
    if any(is_a_parse(grammar, words, wanted, by_words=True) for grammar in grammars):
        return "", f"the same words in the same rules, in other tokens: {difference}"
    return difference, ""


def _made_up(externals: Mapping[str, ParsedGrammar]) -> str:
    """The remark that files which should be in the set were made up."""
    missing = [url for url, one in externals.items() if _STAND_IN in one.meta and not url.startswith("http")]
    names = ", ".join(url.rpartition("/")[2] for url in missing)
    return f"{names} is not there and was made up from what is expected" if missing else ""


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
            externals[url] = _external(folder, url, parsed.mode, expected)
            wanted += [externals[url].resolve(url, inner) for inner in externals[url].externals]
    return parsed, externals


def _external(folder: Path, url: str, mode: Mode, expected: list[str]) -> ParsedGrammar:
    """The grammar at `url`, or another in its place that is taken for the form its name tells."""
    if url.startswith("http"):
        return _stand_in(url, mode, expected)
    form = Form.XML if url.endswith(".grxml") else Form.ABNF
    path = Path.from_uri(url) if hasattr(Path, "from_uri") else Path(url.removeprefix("file://"))
    if not path.is_file():
        # Of many grammars the set has both forms, and a part of the set may lack the one that is asked for.
        path = path.with_suffix(".gram" if path.suffix == ".grxml" else ".grxml")
    if not path.resolve().is_relative_to(folder) or not path.is_file():
        return replace(_stand_in(url, mode, expected), form=form)
    return replace(parse_grammar(path.read_bytes()), form=form)


def _stand_in(url: str, mode: Mode, expected: list[str]) -> ParsedGrammar:
    """A grammar that takes what is expected of it: the set asks its testers for some, part of a set may lack others."""
    rules: dict[str, list[str]] = {}
    for at, piece in enumerate(expected):
        if piece.startswith("$<") and piece[2:-1].partition("#")[0] == url:
            _write_rule(piece[2:-1].partition("#")[2] or _ROOT, expected, at + 1, rules)
    if not expected:
        raise GrammarError(f"{url} cannot be had here")
    if not rules:
        rules[_ROOT] = [f"${Special.VOID}"]
    head = f'#ABNF 1.0 UTF-8;\nlanguage en-US;\nmode {mode};\nmeta "{_STAND_IN}" is "yes";\n'
    head += f"root ${_ROOT};\n" if _ROOT in rules else ""
    body = "".join(f"public ${name} = {' | '.join(ways)};\n" for name, ways in rules.items())
    return parse_grammar((head + body).encode())


def _write_rule(name: str, expected: list[str], at: int, rules: dict[str, list[str]]) -> int:
    """Add what stands in `expected` from `at` on as a way to say rule `name`; answers where it ends."""
    parts = []
    while at < len(expected) and expected[at] != "]":
        piece = expected[at]
        parts.append(piece)
        at += 1
        if piece.startswith("$"):
            at = _write_rule(piece[1:], expected, at, {} if piece.startswith("$<") else rules)
    rules.setdefault(name, []).append(" ".join(parts) or "()")
    return at + 1
