"""How the words of a grammar sound, in the 39 phones of the American English model."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from functools import lru_cache

#: A word's ways to be said, each a line of phones; None where the dictionary has not got it.
Dictionary = Callable[[str], tuple[str, ...]]
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_ESPEAK_SECONDS = 5.0
_MAX_WORD = 60

# espeak-ng's American English phonemes in its own letters, and the model's phones; "" for what is not heard.
_PHONES = {
    **{consonant: consonant.upper() for consonant in "b d f g k l m n p r s t v w z".split()},
    "h": "HH",
    "j": "Y",
    "tS": "CH",
    "dZ": "JH",
    "S": "SH",
    "Z": "ZH",
    "T": "TH",
    "D": "DH",
    "N": "NG",
    "t#": "T",
    "?": "T",
    "n-": "AH N",
    "l-": "AH L",
    "@L": "AH L",
    "m-": "AH M",
    "x": "K",
    "C": "HH",
    "R": "R",
    "a": "AE",
    "aa": "AE",
    "A": "AA",
    "A:": "AA",
    "0": "AA",
    "O": "AO",
    "O:": "AO",
    "V": "AH",
    "@": "AH",
    "a#": "AH",
    "@2": "AH",
    "@5": "UH",
    "I#": "IH",
    "I2": "IH",
    "I": "IH",
    "i": "IY",
    "i:": "IY",
    "E": "EH",
    "E2": "EH",
    "e": "EH",
    "u": "UW",
    "u:": "UW",
    "U": "UH",
    "3": "ER",
    "3:": "ER",
    "IR": "ER",
    "VR": "ER",
    "eI": "EY",
    "aI": "AY",
    "aI@": "AY AH",
    "aI3": "AY ER",
    "aU": "AW",
    "oU": "OW",
    "OI": "OY",
    "o": "OW",
    "A@": "AA R",
    "e@": "EH R",
    "i@3": "IH R",
    "i@": "IY AH",
    "O@": "AO R",
    "o@": "AO R",
    "U@": "UH R",
    "y": "Y UW",
    "y:": "Y UW",
    "W": "W",
    "_": "",
    "": "",
}
_MARKS = str.maketrans("", "", "',%=|;")


def pronounce(word: str, known: Dictionary) -> tuple[str, ...]:
    """All ways `word` may be said, likelier first; () where nobody knows.

    What no dictionary has (names, mostly) is pronounced as espeak-ng would.
    """
    if len(word) > _MAX_WORD:
        return ()
    bare = word.lower().strip('.,;:!?"')
    ways = known(bare)
    if ways:
        return ways
    parts = _parts(bare)
    if parts and parts != [bare]:
        first = [next(iter(pronounce(part, known)), "") for part in parts]
        return (" ".join(first),) if all(first) else ()
    if bare.endswith("'s") and (whole := known(bare[:-2])):
        return (f"{whole[0]} Z",)
    guess = _guess(bare)
    return (guess,) if guess else ()


def _parts(word: str) -> list[str]:
    """Digits one by one, letters with full stops ("a.m"), and what hyphens join."""
    if word.isdecimal() and word.isascii():
        return [DIGITS[int(digit)] for digit in word]
    return [part for part in re.split(r"[-./_]", word) if part]


@lru_cache(maxsize=4096)
def _guess(word: str) -> str:
    program = shutil.which("espeak-ng")
    if program is None or not any(character.isalpha() for character in word):
        return ""
    try:
        said = subprocess.run(
            [program, "-q", "-x", "--sep=_", "-v", "en-us", "--stdin"],
            input=word.encode(),
            capture_output=True,
            timeout=_ESPEAK_SECONDS,
            check=True,
        ).stdout.decode(errors="replace")
    except (OSError, subprocess.SubprocessError):
        return ""
    phones = []
    for sound in said.translate(_MARKS).split("_"):
        phone = _PHONES.get(sound.strip())
        if phone is None:
            return ""
        phones.append(phone)
    return " ".join(filter(None, phones))
