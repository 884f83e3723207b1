"""`<grammar>`, field types, options and choices to grammar uses.

A grammar that cannot be used does not spoil its document: the problem is kept and thrown when it is activated, as
the specification asks (section 3.1.1: error.semantic, error.unsupported.* or error.badfetch at that time).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from vxml.document import DocumentError, Node
from vxml.grammar import Grammar, GrammarError, Mode, ParsedGrammar, builtin_grammar, link, parse_grammar_node
from vxml.grammar.abnf import parse_abnf
from vxml.grammar.model import Alternatives, Expansion, Sequence, Token
from vxml.grammar.spoken import spoken_grammar
from vxml.grammar.tokens import split_keys
from vxml.interpreter.model import GrammarUse

_SRGS_TYPES: Final = frozenset(("", "application/srgs+xml", "application/grammar+xml", "text/xml", "application/xml"))
_ABNF_TYPES: Final = frozenset(("application/srgs", "application/x-abnf", "application/grammar"))
BUILTIN: Final = "builtin:"
#: Spoken commands of the platform (section 6.3.6), which are also the events they throw.
UNIVERSALS: Final = ("help", "cancel", "exit")


def compile_grammar_use(node: Node, language: str) -> GrammarUse:
    src, srcexpr = node.get("src"), node.get("srcexpr") or node.get("expr")
    inline = any(True for _ in node.elements()) or bool(node.text())
    if sum((bool(src), bool(srcexpr), inline)) != 1:
        raise DocumentError("<grammar> needs exactly one of src, srcexpr and rules inside it", node.line)
    mode = node.get("mode")
    scope = node.get("scope")
    if src.startswith(BUILTIN):
        return builtin_use(src, node.line, scope, node.get("xml:lang") or language)
    if src or srcexpr:
        return GrammarUse(node.line, mode, src=src, srcexpr=srcexpr, scope=scope, base=node.get("xml:base"), node=node)
    kind = node.get("type").partition(";")[0].strip().lower()
    mode = mode or "voice"
    if kind in _ABNF_TYPES or node.text().startswith("#ABNF"):
        return _inline_abnf(node, mode, scope)
    if kind not in _SRGS_TYPES:
        return GrammarUse(node.line, mode, scope=scope, problem=f"error.unsupported.format: grammar type {kind}")
    try:
        parsed = parse_grammar_node(node, language=language)
        compiled = None if parsed.externals else link(parsed)
    except GrammarError as error:
        return GrammarUse(node.line, mode, scope=scope, problem=f"error.badfetch: line {error.line}: {error}")
    return GrammarUse(node.line, mode, parsed, compiled, scope=scope, base=node.get("xml:base"), node=node)


def _inline_abnf(node: Node, mode: str, scope: str) -> GrammarUse:
    try:
        parsed = parse_abnf(node.text(), inline=True)
        compiled = None if parsed.externals else link(parsed)
    except GrammarError as error:
        line = node.line + error.line - 1
        return GrammarUse(line, mode, scope=scope, problem=f"error.badfetch: line {line}: {error}")
    return GrammarUse(node.line, parsed.mode, parsed, compiled, scope=scope, base=node.get("xml:base"), node=node)


def builtin_use(src: str, line: int, scope: str, language: str) -> GrammarUse:
    """`builtin:dtmf/digits?length=4` and `builtin:grammar/...` (the spoken twin)."""
    kind, _, spec = src.removeprefix(BUILTIN).partition("/")
    if kind not in ("dtmf", "grammar"):
        return GrammarUse(line, "voice", scope=scope, problem=f"error.unsupported.builtin: {src}")
    mode = "dtmf" if kind == "dtmf" else "voice"
    try:
        compiled = builtin_grammar(spec) if mode == "dtmf" else spoken_grammar(spec, language)
    except GrammarError as error:
        return GrammarUse(line, mode, scope=scope, problem=f"error.unsupported.builtin: {error}")
    return GrammarUse(line, mode, builtin=spec, compiled=compiled, scope=scope)


def type_grammar(node: Node, language: str) -> tuple[GrammarUse, ...]:
    """A field's `type`: the builtin grammar in both modes, for speech where it is there in the language."""
    spec = node.get("type").removeprefix(BUILTIN)
    spec = spec.removeprefix("dtmf/").removeprefix("grammar/")
    keys = builtin_use(f"builtin:dtmf/{spec}", node.line, "", language)
    spoken = builtin_use(f"builtin:grammar/{spec}", node.line, "", language)
    return (keys,) if spoken.problem else (keys, spoken)


def choice_grammars(dtmf: str, text: str, node: Node, language: str, accept: str) -> tuple[GrammarUse, ...]:
    """The keys and the words of an option, a choice or a link."""
    uses = []
    if dtmf:
        try:
            keys = split_keys(dtmf, node.line)
        except GrammarError as error:
            raise DocumentError(f'dtmf="{dtmf}": {error}', node.line) from error
        uses.append(GrammarUse(node.line, "dtmf", compiled=_sequence(Mode.DTMF, keys, language)))
    words = text.lower().split()
    if words:
        uses.append(GrammarUse(node.line, "voice", compiled=_phrase(words, accept == "approximate", language)))
    return tuple(uses)


@lru_cache(maxsize=8)
def universal_use(event: str) -> GrammarUse:
    """The grammar of the spoken command `event`."""
    return GrammarUse(0, "voice", compiled=_phrase(event.split(), False, "en-US"))


def _sequence(mode: Mode, words: list[str], language: str) -> Grammar:
    item = Sequence(tuple(Token(frozenset((word,))) for word in words))
    return link(ParsedGrammar(mode, "root", {"root": item}, frozenset(), language))


def _phrase(words: list[str], approximate: bool, language: str) -> Grammar:
    words = [word.strip(".,;:!?\"'") for word in words]
    if not approximate:
        return _sequence(Mode.VOICE, words, language)
    # accept="approximate": any run of words of the phrase, in order (section 2.2.5).
    options: list[Expansion] = []
    for subset in range(1, 1 << min(len(words), 8)):
        chosen = [word for index, word in enumerate(words[:8]) if subset >> index & 1]
        options.append(Sequence(tuple(Token(frozenset((word,))) for word in chosen)))
    grammar = ParsedGrammar(Mode.VOICE, "root", {"root": Alternatives(tuple(options))}, frozenset(), language)
    return link(grammar)
