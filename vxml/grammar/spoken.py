"""The builtin grammars of VoiceXML 2.0 (appendix P) for English speech, written in SRGS with SISR."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final

from vxml.grammar.abnf import parse_abnf
from vxml.grammar.model import Grammar, GrammarError
from vxml.grammar.program import link

_UNITS: Final = tuple("one two three four five six seven eight nine".split())
_TEENS: Final = tuple("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split())
_TENS: Final = tuple("twenty thirty forty fifty sixty seventy eighty ninety".split())
_ORDINAL: Final[Mapping[str, str]] = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth", "twenty": "twentieth", "thirty": "thirtieth",
}  # fmt: skip
_MONTHS: Final = "january february march april may june july august september october november december".split()
#: The dollar of a region; elsewhere "dollars" does not tell which (appendix P asks for no code then).
_DOLLARS: Final[Mapping[str, str]] = {"us": "USD", "ca": "CAD", "au": "AUD", "nz": "NZD", "sg": "SGD", "hk": "HKD"}
_CURRENCIES: Final[Mapping[str, str]] = {
    "USD": "(u s | us | american) (dollar | dollars)",
    "CAD": "canadian (dollar | dollars)",
    "AUD": "australian (dollar | dollars)",
    "NZD": "new zealand (dollar | dollars)",
    "EUR": "euro | euros",
    "GBP": "(pound | pounds) [sterling]",
    "JPY": "yen",
    "INR": "indian (rupee | rupees)",
    "CHF": "swiss (franc | francs)",
    "MXN": "mexican (peso | pesos)",
    "": "rupee | rupees | franc | francs | peso | pesos",
}

_HEADER: Final = (
    "#ABNF 1.0 UTF-8;\nlanguage en-US;\nmode voice;\nroot $root;\ntag-format <semantics/1.0>;\n"
    "{!{ function two(n) { return (n < 10 ? '0' : '') + n } }!};\n"
)


def _said(number: int) -> str:
    """Any of the ways to say a number from 1 to 99."""
    if number < 20:
        return (*_UNITS, *_TEENS)[number - 1]
    tens = _TENS[number // 10 - 2]
    unit = _UNITS[number % 10 - 1] if number % 10 else ""
    return f"({tens} {unit} | {tens}-{unit})" if unit else tens


def _ordinal(number: int) -> str:
    """1 to 31."""
    if number > 20 and number % 10:
        tens = _TENS[number // 10 - 2]
        return f"({tens} {_ordinal(number % 10)} | {tens}-{_ordinal(number % 10)})"
    said = _said(number)
    return _ORDINAL.get(said, said + "th")


def _rule(name: str, options: Iterable[tuple[str, object]]) -> str:
    """A rule whose value is a number or string by what was said."""
    return f"${name} = {' | '.join(f'{words} {{out={value!r}}}' for words, value in options)};\n"


_DIGIT: Final = _rule(
    "digit", [("(zero | oh | o | 0)", "0"), *((f"({word} | {i})", str(i)) for i, word in enumerate(_UNITS, 1))]
)
_UNIT: Final = _rule("unit", ((_said(number), number) for number in range(1, 10)))
_BELOW_100: Final = _rule("below100", ((_said(number), number) for number in range(1, 100)))
_WHOLE: Final = (
    _UNIT
    + _BELOW_100
    + _rule("below20", ((_said(number), number) for number in range(1, 20)))
    + "$below1000 = $below100 {out=rules.below100}"
    " | (a {out=100} | $below20 {out=rules.below20*100}) hundred [[and] $below100 {out+=rules.below100}];\n"
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
    return replace(link(parse_abnf(_HEADER + maker(parameters, language))), language=language)


def read_spec(spec: str) -> tuple[str, Mapping[str, str]]:
    """`digits?minlength=2;maxlength=4` as name and parameters."""
    name, _, query = spec.partition("?")
    pairs = (pair.partition("=") for pair in query.replace("&", ";").split(";") if pair.strip())
    return name, {key.strip(): value.strip() for key, _, value in pairs}


def _boolean(_: Mapping[str, str], __: str) -> str:
    return (
        "$root = (yes [please] | yeah | yep | yup | sure | okay | ok | affirmative | positive | of course | certainly"
        " | absolutely | [that is | that's] (true | right | correct)) {out=true}"
        " | (no [thanks | thank you] | nope | nah | negative | not | incorrect | false"
        " | [that is | that's] (wrong | not right)) {out=false};\n"
    )


def _digits(parameters: Mapping[str, str], _: str) -> str:
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


def _number(_: Mapping[str, str], __: str) -> str:
    return (
        "$root = {var sign=''} [(plus {sign='+'}) | ((minus | negative) {sign='-'})]"
        " ($whole {out=sign+rules.whole} [$fraction {out+=rules.fraction}]"
        " | $fraction {out=sign+'0'+rules.fraction});\n"
        "$fraction = point {out='.'} ($digit {out+=rules.digit})<1->;\n" + _WHOLE + _DIGIT
    )


def _currency(_: Mapping[str, str], language: str) -> str:
    local = _DOLLARS.get(language.lower().rpartition("-")[2], "")
    units = [("(dollar | dollars | buck | bucks)", local), *((f"({said})", code) for code, said in _CURRENCIES.items())]
    return (
        "$root = {var code='', whole=0, cents=0}"
        " ((a {whole=1} | $whole {whole=rules.whole}) $unitname {code=rules.unitname}"
        " [[and] $below100 {cents=rules.below100} [cent | cents | pence | penny]]"
        " | $whole {whole=rules.whole} $fraction {cents=rules.fraction} [$unitname {code=rules.unitname}]"
        f" | $below100 {{cents=rules.below100}} ((cent | cents) {{code='{local}'}} | (pence | penny) {{code='GBP'}})"
        " | $whole {whole=rules.whole}"
        " | $below100 {whole=rules.below100} $change {cents=rules.change})"
        " {out=code+whole+'.'+two(cents)};\n"
        "$fraction = point $digit {out=rules.digit*10} [$digit {out+=+rules.digit}];\n"
        + _rule("change", ((_said(number), number) for number in range(10, 100)))
        + _rule("unitname", units)
        + _WHOLE
        + _DIGIT
    )


def _date(_: Mapping[str, str], __: str) -> str:
    days = ((f"({_ordinal(number)} | {_said(number)})", number) for number in range(1, 32))
    return (
        "$root = {var year='????', month='??', day='??'}"
        " ($month {month=two(rules.month)} [[the] $day {day=two(rules.day)}] [[of] $year {year=rules.year}]"
        " | [the] $day {day=two(rules.day)} [of] $month {month=two(rules.month)} [[of] $year {year=rules.year}]"
        " | the $day {day=two(rules.day)}"
        " | $year {year=rules.year}) {out=''+year+month+day};\n"
        "$year = $century {out=rules.century*100} ($tens {out+=rules.tens} | hundred)"
        " | $century {out=rules.century*100} (oh | o) $unit {out+=rules.unit}"
        " | two thousand {out=2000} [[and] $below100 {out+=rules.below100}];\n"
        "$century = eighteen {out=18} | nineteen {out=19} | twenty {out=20};\n"
        + _rule("month", ((name, number) for number, name in enumerate(_MONTHS, 1)))
        + _rule("day", days)
        + _rule("tens", ((_said(number), number) for number in range(10, 100)))
        + _UNIT
        + _BELOW_100
    )


def _time(_: Mapping[str, str], __: str) -> str:
    hours = [("zero", 0), *((_said(number), number) for number in range(1, 24))]
    minutes = [*((f"(oh | zero) {word}", i) for i, word in enumerate(_UNITS, 1))]
    minutes += [(_said(number), number) for number in range(10, 60)]
    return (
        # On the 24-hour clock where nothing else can be meant; a half of the day makes no sense there.
        "{!{ function clock(h, m, half) {"
        " return two(h) + two(m) + (h == 0 || h > 12 ? 'h' : half) } }!};\n"
        "$root = (noon | midday | twelve noon) {out='1200p'} | (midnight | twelve midnight) {out='1200a'}"
        " | {var h=0, m=0, half='?'} ($hour {h=rules.hour} [oclock | o'clock | o clock | $minute {m=rules.minute}]"
        " | [(oh | zero)] $hour {h=rules.hour} hundred [hours] {half='h'}"
        " | (oh | zero) $unit {h=rules.unit; half='h'} $minute {m=rules.minute} [hours]"
        " | half past $twelve {h=rules.twelve; m=30}"
        " | $part {m=rules.part} (past | after) $twelve {h=rules.twelve}"
        " | $part {m=60-rules.part} (to | before | of | till) $twelve {h=rules.twelve==1?12:rules.twelve-1})"
        " [$half {half=rules.half}] {out=clock(h,m,half)};\n"
        "$half = (a m | am | a.m. | [in] the morning) {out='a'}"
        " | (p m | pm | p.m. | [in] the (afternoon | evening) | at night) {out='p'};\n"
        "$part = [a] quarter {out=15} | $minutes {out=rules.minutes} [minute | minutes];\n"
        + _rule("hour", hours)
        + _rule("minute", minutes)
        + _rule("minutes", ((_said(number), number) for number in range(1, 30)))
        + _rule("twelve", ((_said(number), number) for number in range(1, 13)))
        + _UNIT
    )


def _phone(_: Mapping[str, str], __: str) -> str:
    return (
        "$root = {out=''} $digits {out=rules.digits} [(extension | ext) $digits {out+='x'+rules.digits}];\n"
        "$digits = {out=''} ($digit {out+=rules.digit} | $pair {out+=rules.pair}"
        " | $unit hundred {out+=rules.unit+'00'}"
        " | double $digit {out+=rules.digit+rules.digit} | triple $digit {out+=rules.digit+rules.digit+rules.digit}"
        ")<1->;\n" + _rule("pair", ((_said(number), str(number)) for number in range(99, 9, -1))) + _UNIT + _DIGIT
    )


_MAKERS: Final[Mapping[str, Callable[[Mapping[str, str], str], str]]] = {
    "boolean": _boolean,
    "currency": _currency,
    "date": _date,
    "digits": _digits,
    "number": _number,
    "phone": _phone,
    "time": _time,
}
