"""SRGS grammars compiled once to an automaton that takes DTMF keys or words one at a time."""

from vxml.grammar.builtin import builtin_grammar
from vxml.grammar.jsgf import to_jsgf
from vxml.grammar.matcher import Matcher
from vxml.grammar.model import Grammar, GrammarError, Mode, ParsedGrammar
from vxml.grammar.program import link
from vxml.grammar.srgs import parse_grammar, parse_grammar_node
from vxml.grammar.wordlist import WordGrammar, for_recognizer

__all__ = [
    "Grammar",
    "GrammarError",
    "Matcher",
    "Mode",
    "ParsedGrammar",
    "WordGrammar",
    "builtin_grammar",
    "for_recognizer",
    "link",
    "parse_grammar",
    "parse_grammar_node",
    "to_jsgf",
]
