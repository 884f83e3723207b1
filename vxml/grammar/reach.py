"""Whether a grammar can ever match: VOID where words are needed, rules that only lead back to themselves."""

from __future__ import annotations

from collections.abc import Mapping

from vxml.grammar.model import Alternatives, Expansion, ParsedGrammar, Repeat, RuleRef, Sequence, Special

_Place = tuple[str, str]
_MAX_PASSES = 100


def can_match(grammar: ParsedGrammar, externals: Mapping[str, ParsedGrammar], rule: str = "", base: str = "") -> bool:
    """Whether any input at all satisfies `rule` (the root rule when "")."""
    start = rule or grammar.root or next(iter(grammar.rules), "")
    grammars = {**externals, "": grammar}
    rules = {(url, name): item for url, one in grammars.items() for name, item in one.rules.items()}
    possible: set[_Place] = set()
    places = list(rules.items())
    for _ in range(_MAX_PASSES):
        grew = False
        # Rules stand before or after those that they refer to: go through them both ways in turn.
        places.reverse()
        for place, item in places:
            if place not in possible and _possible(item, place[0], grammars, possible, base):
                possible.add(place)
                grew = True
        if not grew:
            return ("", start) in possible
    # Rules that lead through hundreds of others to and fro are given the benefit of the doubt.
    return True


def _possible(
    item: Expansion, url: str, grammars: Mapping[str, ParsedGrammar], possible: set[_Place], base: str
) -> bool:
    match item:
        case Sequence(items):
            return all(_possible(part, url, grammars, possible, base) for part in items)
        case Alternatives(options):
            return any(_possible(option, url, grammars, possible, base) for option in options)
        case Repeat(inner, low, _):
            return low == 0 or _possible(inner, url, grammars, possible, base)
        case RuleRef():
            target = grammars[url].resolve(url or base, item.url) if item.url else url
            other = grammars.get(target)
            # Whether a grammar that is not at hand can match is not known.
            return other is None or (target, item.rule or other.root) in possible
        case Special.VOID:
            return False
    return True
