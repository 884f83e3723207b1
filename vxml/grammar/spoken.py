"""The builtin grammars of VoiceXML 2.1 (appendix P) for English speech, written in SRGS with SISR."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from vxml.grammar.abnf import parse_abnf
from vxml.grammar.model import Grammar, GrammarError, Mode
from vxml.grammar.program import link

_UNITS: Final = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS: Final = (
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()  # noqa: SIM905
)
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905
_ORDINALS: Final = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
]
_MONTHS: Final = (
    "january february march april may june july august september october november december".split()  # noqa: SIM905
)

_HEADER: Final = (
    "#ABNF 1.0 UTF-8;\nlanguage en-US;\nmode voice;\nroot $root;\ntag-format <semantics/1.0>;\n"
    "{!{ function two(n) { return (n < 10 ? '0' : '') + n } }!};\n"
)


def _words(name: str, words: list[str], first: int, step: int = 1) -> str:
    options = " | ".join(f"{word} {{out={first + index * step}}}" for index, word in enumerate(words))
    return f"${name} = {options};\n"


_DIGIT: Final = (
    "$digit = "
    + " | ".join(
        f"({word}) {{out='{digit}'}}"
        for digit, word in enumerate(["zero | oh | o | 0", *(f"{w} | {i}" for i, w in enumerate(_UNITS, 1))])
    )
    + ";\n"
)
_SMALL: Final = (
    _words("unit", _UNITS, 1)
    + _words("teen", _TEENS, 10)
    + _words("ten", _TENS, 20, 10)
    + "$below100 = $unit {out=rules.unit} | $teen {out=rules.teen} | $ten {out=rules.ten} [$unit {out+=rules.unit}];\n"
)
_WHOLE: Final = _SMALL + (
    "$below1000 = $below100 {out=rules.below100}"
    " | (a {out=100} | $unit {out=rules.unit*100} | $teen {out=rules.teen*100}) hundred"
    " [[and] $below100 {out+=rules.below100}];\n"
    "$whole = zero {out=0} | $below1000 {out=rules.below1000}"
    " | $thousands {out=rules.thousands} [[and] $below1000 {out+=rules.below1000}]"
    " | $millions {out=rules.millions} [[and] $thousands {out+=rules.thousands}]"
    " [[and] $below1000 {out+=rules.below1000}];\n"
    "$thousands = (a {out=1000} | $below1000 {out=rules.below1000*1000}) thousand;\n"
    "$millions = (a {out=1000000} | $below1000 {out=rules.below1000*1000000}) million;\n"
)


@lru_cache(maxsize=256)
def spoken_grammar(spec: str, language: str) -> Grammar:
    """The spoken twin of `builtin_grammar`; GrammarError where there is none in that language."""
    name, parameters = read_spec(spec)
    if not language.lower().startswith("en"):
        raise GrammarError(f"{name} for speech is there in English only, not in {language}")
    maker = _MAKERS.get(name)
    if maker is None:
        raise GrammarError(f'there is no builtin grammar "{name}": use one of {", ".join(sorted(_MAKERS))}')
    compiled = link(parse_abnf(_HEADER + maker(parameters)))
    return Grammar(Mode.VOICE, compiled.code, language, scripts=compiled.scripts)


def read_spec(spec: str) -> tuple[str, Mapping[str, str]]:
    """`digits?minlength=2;maxlength=4` as name and parameters."""
    name, _, query = spec.partition("?")
    pairs = (pair.partition("=") for pair in query.replace("&", ";").split(";") if pair.strip())
    return name, {key.strip(): value.strip() for key, _, value in pairs}


def _boolean(_: Mapping[str, str]) -> str:
    return (
        "$root = (yes [please] | yeah | yep | yup | sure | okay | ok | right | correct | [that is | that's] true"
        " | [that is | that's] (right | correct)) {out=true}"
        " | (no [thanks | thank you] | nope | nah | incorrect | false | [that is | that's] (wrong | not right))"
        " {out=false};\n"
    )


def _digits(parameters: Mapping[str, str]) -> str:
    low, high = digit_range(parameters)
    times = f"<{low}-{high if high is not None else ''}>"
    return f"$root = {{out=''}} ($digit {{out+=rules.digit}}){times};\n" + _DIGIT


def digit_range(parameters: Mapping[str, str]) -> tuple[int, int | None]:
    """minlength and maxlength, None for no end; GrammarError where they contradict each other."""
    length, low, high = (_length(parameters, name) for name in ("length", "minlength", "maxlength"))
    if length is not None:
        if (low is not None and low > length) or (high is not None and high < length):
            raise GrammarError("digits: length contradicts minlength or maxlength")
        return length, length
    if low is not None and high is not None and low > high:
        raise GrammarError("digits: minlength is larger than maxlength")
    return low or 1, high


_MAX_LENGTH: Final = 200


def _length(parameters: Mapping[str, str], name: str) -> int | None:
    if name not in parameters:
        return None
    text = parameters[name]
    value = int(text) if text.isdecimal() and len(text) < 9 else 0
    if not 0 < value <= _MAX_LENGTH:
        raise GrammarError(f"digits: {name}={text} must be a number from 1 to {_MAX_LENGTH}")
    return value


def _number(_: Mapping[str, str]) -> str:
    return (
        "$root = {var sign=''} [(plus {sign='+'}) | ((minus | negative) {sign='-'})]"
        " ($whole {out=sign+rules.whole} [$fraction {out+=rules.fraction}]"
        " | $fraction {out=sign+'0'+rules.fraction});\n"
        "$fraction = point {out='.'} ($digit {out+=rules.digit})<1->;\n" + _WHOLE + _DIGIT
    )


def _currency(_: Mapping[str, str]) -> str:
    return (
        "$root = {var code='USD', whole=0, cents=0} (($whole {whole=rules.whole} $unitname {code=rules.unitname}"
        " [[and] $cents {cents=rules.cents}]) | ($cents {cents=rules.cents})"
        " | ($whole {whole=rules.whole; code=''})) {out=code+whole+'.'+two(cents)};\n"
        "$unitname = (dollar | dollars) {out='USD'} | (euro | euros) {out='EUR'} | (pound | pounds) {out='GBP'};\n"
        "$cents = $below100 {out=rules.below100} [cent | cents | pence | penny];\n" + _WHOLE
    )


def _date(_: Mapping[str, str]) -> str:
    days = _words("ordinal", _ORDINALS, 1) + (
        "$day = $ordinal {out=rules.ordinal} | twenty $ordinal {out=20+rules.ordinal} | thirtieth {out=30}"
        " | thirty first {out=31} | $below100 {out=rules.below100};\n"
    )
    return (
        "$root = {var year='????'} ($month [the] $day | [the] $day [of] $month) [[of] $year {year=''+rules.year}]"
        " {out=year+two(rules.month)+two(rules.day)};\n"
        "$year = $century {out=rules.century*100} ($below100 {out+=rules.below100} | hundred)"
        " | $century {out=rules.century*100} oh $unit {out+=rules.unit}"
        " | two thousand {out=2000} [[and] $below100 {out+=rules.below100}];\n"
        "$century = eighteen {out=18} | nineteen {out=19} | twenty {out=20};\n"
        + _words("month", _MONTHS, 1)
        + days
        + _SMALL
    )


def _time(_: Mapping[str, str]) -> str:
    return (
        "$root = (noon | midday) {out='1200p'} | midnight {out='1200a'}"
        " | {var m=0, half='?'} $below100 [oclock | o'clock | \"o clock\" | $minute {m=rules.minute}]"
        " [$half {half=rules.half}]"
        " {out=two(rules.below100)+two(m)+(half=='?'&&(rules.below100>12||rules.below100==0)?'h':half)};\n"
        "$minute = $below100 {out=rules.below100} | oh $unit {out=rules.unit} | hundred [hours] {out=0};\n"
        "$half = (a m | am | a.m. | [in] the morning) {out='a'}"
        " | (p m | pm | p.m. | [in] the (afternoon | evening) | at night) {out='p'};\n" + _SMALL
    )


def _phone(_: Mapping[str, str]) -> str:
    return (
        "$root = {out=''} $digits {out=rules.digits} [(extension | ext) $digits {out+='x'+rules.digits}];\n"
        "$digits = {out=''} ($digit {out+=rules.digit} | $ten $unit {out+=''+(rules.ten+rules.unit)}"
        " | double $digit {out+=rules.digit+rules.digit})<1->;\n"
        + _words("unit", _UNITS, 1)
        + _words("ten", _TENS, 20, 10)
        + _DIGIT
    )


_MAKERS: Final[Mapping[str, Callable[[Mapping[str, str]], str]]] = {
    "boolean": _boolean,
    "currency": _currency,
    "date": _date,
    "digits": _digits,
    "number": _number,
    "phone": _phone,
    "time": _time,
}
