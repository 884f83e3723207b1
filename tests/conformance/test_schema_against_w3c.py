"""Our VoiceXML schema against the W3C's: what one accepts or refuses, so does the other."""

from __future__ import annotations

import random
from functools import lru_cache
from pathlib import Path

from lxml import etree

from vxml.schema import violations

_NS = "http://www.w3.org/2001/vxml"
_ELEMENTS = [
    "assign", "audio", "block", "break", "catch", "choice", "clear", "data", "desc", "disconnect", "else",
    "elseif", "emphasis", "enumerate", "error", "exit", "field", "filled", "foreach", "form", "goto", "grammar",
    "help", "if", "initial", "item", "lexicon", "link", "log", "mark", "menu", "meta", "metadata", "noinput",
    "nomatch", "object", "one-of", "option", "p", "param", "phoneme", "prompt", "property", "prosody", "record",
    "reprompt", "return", "rule", "ruleref", "s", "say-as", "script", "sub", "subdialog", "submit", "tag",
    "throw", "token", "transfer", "value", "var", "voice", "vxml", "example",
]  # fmt: skip
_VALUES: dict[str, tuple[str, ...]] = {
    "aai": ("x",), "aaiexpr": ("x",), "accept": ("exact", "approximate", "no"), "age": ("3", "-1"), "alias": ("x",),
    "alphabet": ("ipa", "x-a", "no"), "application": ("a.vxml",), "array": ("a",), "bargein": ("true", "1"),
    "bargeintype": ("speech", "hotword", "no"), "beep": ("true", "no"), "bridge": ("false", "no"),
    "charset": ("utf-8",),
    "classid": ("x",), "cond": ("a == b",), "connecttimeout": ("3s", "3"), "content": ("x",),
    "contour": ("(0%,+20Hz) (10%,high)", "x"), "count": ("0", "2", "x"), "dest": ("tel:1",), "destexpr": ("a",),
    "dtmf": ("1", "1 2#", "true", "A"), "dtmfterm": ("true", "no"), "duration": ("1.5s", "s"), "enctype": ("a/b",),
    "event": ("a.b", "a b"), "eventexpr": ("a",), "expr": ("a b",), "expritem": ("a",), "fetchaudio": ("a",),
    "fetchhint": ("prefetch", "safe", "no"), "fetchtimeout": ("+.5s", "500ms", "5 s"), "finalsilence": ("3s", "x"),
    "format": ("x", "x y"), "gender": ("male", "no"), "id": ("a", "1"), "interpret-as": ("x", "x y"),
    "item": ("a", "_a"),
    "label": ("a",), "level": ("strong", "no"), "maxage": ("3", "-3"), "maxstale": ("0", "x"), "maxtime": ("3s", "3"),
    "message": ("a",), "messageexpr": ("a",), "method": ("get", "post", "put"), "modal": ("true", "yes"),
    "mode": ("any", "all", "voice", "dtmf", "x"), "name": ("a", "a.b", "$x", "_x", "1x", "a b", "x$"),
    "nameexpr": ("a",), "namelist": ("a b", "a.b", "_a", "", "a$"), "next": ("#a",), "nextitem": ("a", "a.b"),
    "ph": ("x",), "pitch": ("high", "+10%", "10Hz", "x"), "range": ("low", "+1st", "1st"),
    "rate": ("slow", "1.5", "90%", "x"),
    "repeat": ("1", "0-1", "2-", "-3", "x"), "repeat-prob": ("0.5", "2"), "root": ("a", "b"),
    "scope": ("dialog", "public", "x"),
    "slot": ("a", "a b"), "special": ("NULL", "x"), "src": ("a",), "srcexpr": ("a",), "strength": ("weak", "x"),
    "tag-format": ("semantics/1.0",), "time": ("3s", "x"), "timeout": ("3s", "3"), "transferaudio": ("a",),
    "type": ("a/b", "bridge", "a b"), "uri": ("#a",), "value": ("x",), "valuetype": ("ref", "x"),
    "variant": ("1", "0"),
    "version": ("1.0", "2.1", "2 1"), "volume": ("100", "101", "loud", "+3", "x"), "weight": ("1", "1.5", "x"),
    "xml:lang": ("en-US", "no such"), "xml:base": ("http://x/",), "codetype": ("x",), "detail": ("x",),
    "http-equiv": ("a",),
}  # fmt: skip
_FRAME = f'<vxml xmlns="{_NS}" version="2.1">{{}}</vxml>'
#: Places to put an element, so that content models below the top are reached too.
_PLACES = {
    "vxml": "{}", "form": "<form>{}</form>", "block": "<form><block>{}</block></form>",
    "field": "<form><field>{}</field></form>", "menu": "<menu>{}</menu>",
    "if": "<form><block><if cond='a'>{}</if></block></form>",
    "prompt": "<form><block><prompt>{}</prompt></block></form>", "record": "<form><record>{}</record></form>",
    "audio": "<form><block><audio>{}</audio></block></form>", "subdialog": "<form><subdialog>{}</subdialog></form>",
    "rule": "<form><grammar><rule id='r'>{}</rule></grammar></form>", "grammar": "<form><grammar>{}</grammar></form>",
    "one-of": "<form><grammar><rule id='r'><one-of>{}</one-of></rule></grammar></form>",
    "p": "<form><block><prompt><p>{}</p></prompt></block></form>",
    "s": "<form><block><prompt><s>{}</s></prompt></block></form>",
    "log": "<form><block><log>{}</log></block></form>", "link": "<link>{}</link>",
    "choice": "<menu><choice>{}</choice></menu>",
    "enumerate": "<menu><enumerate>{}</enumerate></menu>", "catch": "<catch>{}</catch>",
    "filled": "<form><filled>{}</filled></form>",
    "transfer": "<form><transfer>{}</transfer></form>", "object": "<form><object>{}</object></form>",
    "initial": "<form><initial>{}</initial></form>",
    "say-as": "<form><block><prompt><say-as interpret-as='x'>{}</say-as></prompt></block></form>",
    "foreach": "<form><block><prompt><foreach item='a' array='b'>{}</foreach></prompt></block></form>",
    "script": "<script>{}</script>", "option": "<form><field><option>{}</option></field></form>",
}  # fmt: skip


@lru_cache(maxsize=1)
def _oracle(folder: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(folder / "vxml.xsd")))


def _differences(folder: Path, bodies: list[str]) -> list[str]:
    found = []
    accepted = 0
    for body in dict.fromkeys(bodies):
        document = etree.fromstring(_FRAME.format(body).encode())
        theirs = _oracle(folder).validate(document)
        ours = not list(violations(document))
        accepted += theirs
        if theirs != ours:
            found.append(f"{'they accept' if theirs else 'they refuse'}: {body}")
    assert 0 < accepted < len(bodies), "the oracle has no opinion"
    return found


def test_every_element_in_every_place(suites: Path) -> None:
    bodies = [place.format(f"<{tag} {_required(tag)}/>") for place in _PLACES.values() for tag in _ELEMENTS]
    bodies += [place.format("some text") for place in _PLACES.values()]
    assert _differences(suites / "xsd21", bodies) == []


def test_every_attribute_with_good_and_bad_values_on_every_element(suites: Path) -> None:
    bodies = []
    for tag in _ELEMENTS:
        place = next((place for place in _PLACES.values() if _fits(suites, place, tag)), None)
        if place is None:
            continue
        required = _required(tag)
        bodies.append(place.format(f"<{tag}/>"))
        for name, values in _VALUES.items():
            rest = " ".join(part for part in required.split(" ") if not part.startswith(name + "="))
            bodies += [place.format(f'<{tag} {rest} {name}="{value}"/>') for value in values]
    assert _differences(suites / "xsd21", bodies) == []


def test_random_documents(suites: Path) -> None:
    chance = random.Random(20261123)

    def element(depth: int) -> str:
        tag = chance.choice(_ELEMENTS)
        inside = (
            "".join(element(depth - 1) for _ in range(chance.randrange(3))) if depth else chance.choice(("", "text"))
        )
        return f"<{tag} {_required(tag)}>{inside}</{tag}>"

    bodies = [chance.choice(list(_PLACES.values())).format(element(2)) for _ in range(1500)]
    assert _differences(suites / "xsd21", bodies) == []


def _fits(suites: Path, place: str, tag: str) -> bool:
    body = place.format(f"<{tag} {_required(tag)}/>")
    return bool(_oracle(suites / "xsd21").validate(etree.fromstring(_FRAME.format(body).encode())))


def _required(tag: str) -> str:
    return {
        "assign": 'name="a" expr="b"', "elseif": 'cond="a"', "foreach": 'item="a" array="b"', "if": 'cond="a"',
        "lexicon": 'uri="a"', "meta": 'content="a"', "param": 'name="a"', "phoneme": 'ph="a"',
        "property": 'name="a" value="b"', "rule": 'id="a"', "say-as": 'interpret-as="a"', "sub": 'alias="a"',
        "value": 'expr="a"', "var": 'name="a"', "vxml": 'version="2.1"',
    }.get(tag, "")  # fmt: skip
