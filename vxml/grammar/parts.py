"""What both forms of SRGS have in common: names, languages, repeats, weights, tags."""

from __future__ import annotations

import re
from typing import Final

from vxml.grammar.model import Expansion, GrammarError, Repeat, Special, Tag

#: Section 3.1: an XML name without full stops, colons and hyphens.
_RULE_NAME: Final = re.compile(r"(?:[A-Za-z_]|[^\x00-\x7f\s])(?:\w|[^\x00-\x7f\s])*")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_REPEAT: Final = re.compile(r"([0-9]+)(?:\s*(-)\s*([0-9]+)?)?")
_DECIMAL: Final = re.compile(r"[0-9]+\.?|[0-9]*\.[0-9]+")
_SCRIPT_TAG: Final = re.compile(r"\bout\b|\brules\b|\bmeta\b|[=;$]")
_LITERALS: Final = "semantics/1.0-literals"
_SCRIPT: Final = re.compile(r"semantics/1\.0(\.\d+)?")
MAX_REPEAT: Final = 1000
#: Rule expansions within each other.
MAX_DEPTH: Final = 100


def check_rule_name(name: str, line: int) -> None:
    if not _RULE_NAME.fullmatch(name):
        raise GrammarError(f'rule "{name}": a rule needs a name of letters, digits and _', line)
    if name in set(Special):
        raise GrammarError(f'rule "{name}": NULL, VOID and GARBAGE are defined already', line)


def check_language(language: str, line: int) -> None:
    if not _LANGUAGE.fullmatch(language):
        raise GrammarError(f'language "{language}": write a language tag such as en-US', line)


def make_repeat(item: Expansion, times: str, probability: str | None, line: int) -> Repeat:
    """`times` is n, n-m or n- (section 2.5)."""
    match = _REPEAT.fullmatch(times.strip())
    if not match:
        raise GrammarError(f'repeat "{times}": write n, n-m or n-', line)
    if probability is not None and not (_DECIMAL.fullmatch(probability) and float(probability) <= 1):
        raise GrammarError(f'repeat probability "{probability}": write a number from 0.0 to 1.0', line)
    low = int(match[1][-9:])
    high = low if not match[2] else int(match[3][-9:]) if match[3] else None
    if low > MAX_REPEAT or (high is not None and high < low):
        raise GrammarError(f'repeat "{times}": the range is empty or larger than {MAX_REPEAT}', line)
    return Repeat(item, low, None if high is not None and high > MAX_REPEAT else high)


def read_weight(text: str, line: int) -> float:
    """Section 2.4.1: a decimal number without sign or exponent."""
    if not _DECIMAL.fullmatch(text):
        raise GrammarError(f'weight "{text}": write a number such as 2 or 0.5', line)
    return float(text)


def make_tag(text: str, tag_format: str) -> Tag:
    """A tag by the grammar's tag-format. Without one, what looks like a script is one and the rest is a literal."""
    if tag_format == _LITERALS:
        return Tag(text, True)
    if _SCRIPT.fullmatch(tag_format):
        return Tag(text, False)
    if _SCRIPT_TAG.search(text):
        return Tag(text if tag_format else text.replace("$.", "out.").replace("$=", "out="), False)
    # Grammars that predate SISR: a bare word or quoted string is the value.
    return Tag(text.strip("'\""), True, text)
