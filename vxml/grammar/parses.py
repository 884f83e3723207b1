"""Logical parse structures (SRGS 1.0 appendix H): what a match looks like, and whether a given one is a match.

A structure is a flat list: "$rule" where a rule is entered, '"token"', "{!{tag}!}", and "]" where the rule is left.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from vxml.grammar.matcher import Frame, Matcher
from vxml.grammar.model import Grammar, Instruction, Op, Step

_SPACES: Final = re.compile(r"\s+")


def structure_of(matcher: Matcher) -> list[str]:
    """The structure of the match that was preferred; references by absolute address."""
    return [piece for step in matcher.steps() if (piece := _piece(step, ""))]


def is_a_parse(grammar: Grammar, said: Sequence[str], wanted: Sequence[str], *, by_words: bool = False) -> bool:
    """Whether `wanted` is one of the ways (a grammar may be ambiguous) to understand the words `said`.

    `by_words`: a token of several words is as good as the words one by one.
    """
    pieces = split_tokens(wanted) if by_words else list(wanted)
    work: list[_Place] = [(0, Frame(None, 0, 0), 0, 0)]
    seen: set[_Place] = set()
    while work:
        place = work.pop()
        if place in seen:
            continue
        seen.add(place)
        pc, frame, heard, told = place
        instruction = grammar.code[pc]
        op = instruction[0]
        if op == Op.MATCH and heard == len(said) and told == len(pieces):
            return True
        if op == Op.SPLIT:
            work += [(target, frame, heard, told) for target in instruction[1]]
        elif op == Op.JUMP:
            work.append((instruction[1], frame, heard, told))
        elif op in (Op.TOKEN, Op.DISPATCH, Op.ANY):
            if heard < len(said):
                for target, step in _eaten(instruction, pc, said[heard]):
                    if (now := _told(step, said[heard], pieces, told, by_words)) is not None:
                        work.append((target, frame, heard + 1, now))
        elif op in (Op.CALL, Op.RETURN, Op.TAG):
            step = instruction[2] if op == Op.CALL else instruction[1]
            if (now := _told(step, "", pieces, told, by_words)) is None:
                continue
            if op == Op.CALL:
                work.append((instruction[1], frame.enter(pc + 1), heard, now))
            elif op == Op.TAG:
                work.append((pc + 1, frame, heard, now))
            elif frame.outer is not None:
                work.append((frame.back, frame.outer, heard, now))
    return False


#: Instruction, frame, words heard, pieces of the structure told.
_Place = tuple[int, Frame, int, int]


def _eaten(instruction: Instruction, pc: int, word: str) -> list[tuple[int, Step | None]]:
    if instruction[0] == Op.DISPATCH:
        return list(instruction[1].get(word, ()))
    if instruction[0] == Op.ANY:
        return [(pc + 1, ("garbage", word))]
    return [(pc + 1, instruction[2])] if word in instruction[1] else []


def _told(step: Step | None, word: str, pieces: list[str], told: int, by_words: bool) -> int | None:
    """How many pieces are told after this step; None where it is not the next one."""
    piece = _piece(step, word) if step else ""
    if not piece:
        return told
    expected = split_tokens([piece]) if by_words else [piece]
    end = told + len(expected)
    return end if pieces[told:end] == expected else None


def _piece(step: Step, word: str) -> str:
    match step[0]:
        case "enter":
            return step[2]
        case "token":
            return f'"{step[1] if len(step) > 1 else word}"'
        case "tag" | "literal":
            return "{!{" + _SPACES.sub(" ", step[2]) + "}!}"
        case "garbage":
            return ""
    return "]"


def split_tokens(pieces: Sequence[str]) -> list[str]:
    """The structure with tokens of several words taken apart."""
    made = []
    for piece in pieces:
        made += [f'"{word}"' for word in piece[1:-1].split()] if piece.startswith('"') else [piece]
    return made


def write_structure(pieces: Sequence[str]) -> str:
    text = ""
    for piece in pieces:
        text += piece if piece == "]" else ("" if not text or text.endswith("[") else ",") + piece
        text += "[" if piece.startswith("$") else ""
    return text
