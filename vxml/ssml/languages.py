"""`<say-as>` in languages other than English: in the words of the language, numbers left for its voice to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from vxml.ssml.values import read_date, read_money, read_number, read_time, telephone_groups


@dataclass(frozen=True, slots=True)
class Words:
    """What one language says. In the patterns d, m and y are day, month and year, h and n hours and minutes."""

    months: str
    date: str
    day_month: str
    month_year: str
    time: str
    hours: str
    #: First to tenth.
    ordinals: str
    yes: str
    no: str
    #: For * # + and the extension of a telephone.
    keys: str
    #: One and several of the unit and of its hundredth, by code.
    money: Mapping[str, str]
    conjunction: str
    #: Days of the month that are said as words, from the first on.
    days: str = ""


_LANGUAGES: Final[Mapping[str, Words]] = {
    "de": Words(
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "{d} {m} {y}", "{d} {m}", "{m} {y}", "{h} Uhr {n}", "{h} Uhr",
        "erste zweite dritte vierte fünfte sechste siebte achte neunte zehnte", "ja", "nein",
        "Stern Raute plus Durchwahl",
        {"EUR": "Euro Euro Cent Cent", "USD": "Dollar Dollar Cent Cent", "GBP": "Pfund Pfund Penny Pence",
         "CHF": "Franken Franken Rappen Rappen"}, "und",
        # A voice that reads "31." ends its sentence there.
        "erster zweiter dritter vierter fünfter sechster siebter achter neunter zehnter elfter zwölfter dreizehnter"
        " vierzehnter fünfzehnter sechzehnter siebzehnter achtzehnter neunzehnter zwanzigster einundzwanzigster"
        " zweiundzwanzigster dreiundzwanzigster vierundzwanzigster fünfundzwanzigster sechsundzwanzigster"
        " siebenundzwanzigster achtundzwanzigster neunundzwanzigster dreißigster einunddreißigster",
    ),
    "es": Words(
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "{d} de {m} de {y}", "{d} de {m}", "{m} de {y}", "{h} horas y {n} minutos", "{h} horas",
        "primero segundo tercero cuarto quinto sexto séptimo octavo noveno décimo", "sí", "no",
        "asterisco almohadilla más extensión",
        {"EUR": "euro euros céntimo céntimos", "USD": "dólar dólares centavo centavos",
         "GBP": "libra libras penique peniques", "MXN": "peso pesos centavo centavos"}, "con", "primero",
    ),
    "fr": Words(
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "{d} {m} {y}", "{d} {m}", "{m} {y}", "{h} heures {n}", "{h} heures",
        "premier deuxième troisième quatrième cinquième sixième septième huitième neuvième dixième", "oui", "non",
        "étoile dièse plus poste",
        {"EUR": "euro euros centime centimes", "USD": "dollar dollars cent cents",
         "GBP": "livre livres penny pence", "CHF": "franc francs centime centimes"}, "et", "premier",
    ),
    "it": Words(
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        "{d} {m} {y}", "{d} {m}", "{m} {y}", "ore {h} e {n}", "ore {h}",
        "primo secondo terzo quarto quinto sesto settimo ottavo nono decimo", "sì", "no",
        "asterisco cancelletto più interno",
        {"EUR": "euro euro centesimo centesimi", "USD": "dollaro dollari centesimo centesimi",
         "GBP": "sterlina sterline penny penny"}, "e", "primo",
    ),
    "nl": Words(
        "januari februari maart april mei juni juli augustus september oktober november december",
        "{d} {m} {y}", "{d} {m}", "{m} {y}", "{h} uur {n}", "{h} uur",
        "eerste tweede derde vierde vijfde zesde zevende achtste negende tiende", "ja", "nee",
        "sterretje hekje plus toestel",
        {"EUR": "euro euro cent cent", "USD": "dollar dollar cent cent", "GBP": "pond pond penny pence"}, "en",
    ),
    "pt": Words(
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
        "{d} de {m} de {y}", "{d} de {m}", "{m} de {y}", "{h} horas e {n} minutos", "{h} horas",
        "primeiro segundo terceiro quarto quinto sexto sétimo oitavo nono décimo", "sim", "não",
        "asterisco cardinal mais ramal",
        {"EUR": "euro euros cêntimo cêntimos", "USD": "dólar dólares centavo centavos",
         "BRL": "real reais centavo centavos", "GBP": "libra libras péni pence"}, "e", "primeiro",
    ),
}  # fmt: skip
_SIGNS: Final = {"$": "USD", "€": "EUR", "£": "GBP", "R$": "BRL"}


def words_of(language: str) -> Words | None:
    return _LANGUAGES.get(language.lower().partition("-")[0])


def _boolean(text: str, _: str, words: Words) -> str | None:
    return {"true": words.yes, "false": words.no}.get(text.lower())


def _cardinal(text: str, _: str, __: Words) -> str | None:
    whole, point, fraction = text.partition(".")
    value = read_number(whole)
    if value is None or (point and not fraction.isdecimal()):
        return None
    sign = "-" if whole.startswith("-") and value == 0 else ""
    return f"{sign}{value}" + (f",{fraction}" if point else "")


def _ordinal(text: str, _: str, words: Words) -> str | None:
    value = read_number(text)
    if value is None or value < 0:
        return None
    names = words.ordinals.split()
    return names[value - 1] if 1 <= value <= len(names) else str(value)


def _date(text: str, form: str, words: Words) -> str | None:
    date = read_date(text, form)
    if date is None:
        return None
    month = words.months.split()[date.month - 1] if date.month else ""
    days = words.days.split()
    day = days[date.day - 1] if date.day and date.day <= len(days) else str(date.day or "")
    if month and day:
        pattern = words.date if date.year is not None else words.day_month
    elif month:
        pattern = words.month_year if date.year is not None else "{m}"
    else:
        pattern = "{d} {y}"
    return pattern.format(d=day, m=month, y=date.year or "").strip()


def _time(text: str, form: str, words: Words) -> str | None:
    time = read_time(text, form)
    if time is None:
        return None
    hour = time.hour % 12 + (12 if time.half == "p" else 0) if time.half in ("a", "p") else time.hour
    return (words.time if time.minute else words.hours).format(h=hour, n=time.minute)


def _currency(text: str, _: str, words: Words) -> str | None:
    money = read_money(text)
    if money is None:
        return None
    names = words.money.get(_SIGNS.get(money.sign, money.sign or next(iter(words.money))))
    if names is None:
        return f"{money.whole},{money.part:02} {money.sign}" if money.part else f"{money.whole} {money.sign}"
    one, more, small_one, small_more = names.split()
    said = [f"{money.whole} {one if abs(money.whole) == 1 else more}"] if money.whole or not money.part else []
    if money.part:
        said.append(f"{money.part} {small_one if money.part == 1 else small_more}")
    return f" {words.conjunction} ".join(said)


def _telephone(text: str, _: str, words: Words) -> str:
    groups, inner = telephone_groups(text)
    said = ", ".join(_characters(group, "", words) for group in groups)
    return said + (f", {words.keys.split()[3]} {' '.join(inner)}" if inner else "")


def _characters(text: str, _: str, words: Words) -> str:
    keys = dict(zip("*#+", words.keys.split(), strict=False))
    return " ".join(keys.get(character, character) for character in text if not character.isspace())


Maker = Callable[[str, str, Words], str | None]
MAKERS: Final[Mapping[str, Maker]] = {
    "boolean": _boolean,
    "cardinal": _cardinal,
    "characters": _characters,
    "currency": _currency,
    "date": _date,
    "number": _cardinal,
    "ordinal": _ordinal,
    "phone": _telephone,
    "telephone": _telephone,
    "time": _time,
}
