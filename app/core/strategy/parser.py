"""Strategy XML to the model. Everything wrong is reported at once, each with its line and how to mend it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import time
from importlib import resources
from types import MappingProxyType
from typing import Final

from lxml import etree

from app.core.strategy import schema, text
from app.core.strategy.model import (
    DONE,
    NEXT_ADDRESS,
    RESERVED,
    Action,
    AddressRef,
    Channel,
    Counting,
    Handler,
    Restriction,
    Result,
    Retry,
    Strategy,
)
from common.errors import Refused

MAX_BYTES: Final = 256 * 1024
_CHANNELS = {"Call": Channel.VOICE, "Sms": Channel.SMS, "Email": Channel.EMAIL}


@dataclass(frozen=True, slots=True)
class Problem:
    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


class StrategyError(Refused):
    """The strategy is not valid. `problems` has every fault, by line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


def parse(xml: str | bytes, known_codes: Collection[str] | None = None) -> Strategy:
    """Raise StrategyError. `known_codes` (system and custom names) are checked where given."""
    root = _root(xml)
    problems = [Problem(line, message) for line, message in schema.check(root)]
    if problems:
        raise StrategyError(tuple(sorted(problems, key=lambda problem: problem.line)))
    strategy = _strategy(root)
    problems = sorted(_check_references(root, strategy, known_codes), key=lambda problem: problem.line)
    if problems:
        raise StrategyError(tuple(problems))
    return strategy


def check(xml: str | bytes, known_codes: Collection[str] | None = None) -> tuple[Problem, ...]:
    """What `parse` would refuse; empty for a valid strategy."""
    try:
        parse(xml, known_codes)
    except StrategyError as error:
        return error.problems
    return ()


def shipped_names() -> tuple[str, ...]:
    """The strategies that come with Clarion."""
    folder = resources.files("app.core.strategy") / "shipped"
    return tuple(sorted(item.name.removesuffix(".xml") for item in folder.iterdir() if item.name.endswith(".xml")))


def shipped(name: str) -> str:
    """The XML of a shipped strategy. Raise Refused where there is none of that name."""
    if name not in shipped_names():
        raise Refused(f"strategy {name}: the shipped ones are {', '.join(shipped_names())}")
    return (resources.files("app.core.strategy") / "shipped" / f"{name}.xml").read_text(encoding="utf-8")


def _root(xml: str | bytes) -> etree._Element:
    body = xml.encode() if isinstance(xml, str) else xml
    if len(body) > MAX_BYTES:
        raise StrategyError((Problem(1, f"the strategy is larger than {MAX_BYTES // 1024} KB; split it"),))
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(_without_declaration(body) if isinstance(xml, str) else body, parser)
    except etree.XMLSyntaxError as error:
        raise StrategyError((Problem(error.lineno or 1, f"not well-formed XML: {error.msg}"),)) from error
    if getattr(root.getroottree().docinfo, "doctype", ""):
        raise StrategyError((Problem(1, "remove the DOCTYPE; a strategy has none"),))
    return root


def _without_declaration(body: bytes) -> bytes:
    """Text was decoded already: what its declaration says of bytes no longer holds. Lines keep their numbers."""
    head, end, rest = body.partition(b"?>")
    return b"\n" * head.count(b"\n") + rest if end and body.startswith(b"<?xml") else body


def _strategy(root: etree._Element) -> Strategy:
    handlers = [_handler(element) for element in _children(root, "Handler")]
    by_name = {handler.name: handler for handler in reversed(handlers)}
    return Strategy(
        name=root.get("name", ""),
        initial=root.get("initial") or handlers[0].name,
        handlers=MappingProxyType({handler.name: by_name[handler.name] for handler in handlers}),
        counting=Counting(root.get("retryCounting", Counting.ACTION)),
        max_attempts=int(root.get("maxAttempts", "20")),
        version=int(root.get("version", "1")),
        description="".join(_text(element) for element in _children(root, "Description")),
    )


def _handler(element: etree._Element) -> Handler:
    action = next(child for child in element if schema.local(child) in _CHANNELS)
    return Handler(element.get("name", ""), _action(action), schema.line_of(element))


def _action(element: etree._Element) -> Action:
    results = next(_children(element, "Results"), None)
    return Action(
        channel=_CHANNELS[schema.local(element)],
        addresses=tuple(_address(child) for child in _children(element, "Address")),
        results=tuple(_result(child) for child in _children(results, "Result")) if results is not None else (),
        default_next=(results.get("default") if results is not None else None) or DONE,
        timeout=schema.seconds(element.get("timeout", "45")),
        wait=schema.seconds(element.get("wait", "1d")),
        sender=element.get("sender", ""),
        texts=tuple((child.get("language", ""), _text(child)) for child in _children(element, "Text")),
        subjects=tuple((child.get("language", ""), _text(child)) for child in _children(element, "Subject")),
        restrictions=tuple(
            Restriction(child.get("attribute", ""), child.get("operator", ""), child.get("value", ""))
            for group in _children(element, "Restrictions")
            for child in _children(group, "Restriction")
        ),
    )


def _address(element: etree._Element) -> AddressRef:
    earliest, latest = element.get("earliest"), element.get("latest")
    return AddressRef(
        element.get("attribute", ""),
        time.fromisoformat(earliest) if earliest else None,
        time.fromisoformat(latest) if latest else None,
    )


def _result(element: etree._Element) -> Result:
    retry = next(_children(element, "Retry"), None)
    return Result(
        codes=frozenset(element.get("code", "").split()),
        next_state=element.get("next") or DONE,
        retry=None if retry is None else _retry(retry),
    )


def _retry(element: etree._Element) -> Retry:
    return Retry(
        count=int(element.get("count", "0")),
        intervals=tuple(schema.seconds(part) for part in element.get("intervals", "").split(",")),
        fail_state=element.get("failState") or DONE,
        addresses=tuple(_address(child) for child in _children(element, "Address")),
        looping=element.get("looping") == "true",
    )


def _check_references(
    root: etree._Element, strategy: Strategy, known_codes: Collection[str] | None
) -> Iterator[Problem]:
    """What a schema cannot say: names that must exist, be single, and be reached."""
    seen: dict[str, int] = {}
    for element in _children(root, "Handler"):
        name, line = element.get("name", ""), schema.line_of(element)
        if name in seen:
            yield Problem(line, f'Handler "{name}": line {seen[name]} has this name already; give it another')
        if name in RESERVED:
            yield Problem(line, f'Handler "{name}": done, wait and next-address are reserved; give it another name')
        seen.setdefault(name, line)
        yield from _check_codes(element, known_codes)
        yield from _check_texts(element)
    if strategy.initial not in strategy.handlers:
        yield Problem(schema.line_of(root), f'initial="{strategy.initial}": there is no Handler of that name')
    reached = {strategy.initial}
    for element, attribute in _targets(root):
        target = element.get(attribute, "")
        reached.add(target)
        if target not in RESERVED and target not in strategy.handlers:
            names = ", ".join([*strategy.handlers, *sorted(RESERVED)])
            yield Problem(
                schema.line_of(element),
                f'{attribute}="{target}": there is no Handler of that name; the next states are {names}',
            )
    for name, line in seen.items():
        if name not in reached:
            yield Problem(line, f'Handler "{name}": nothing leads here; name it as a next state or remove it')


def _targets(root: etree._Element) -> Iterator[tuple[etree._Element, str]]:
    for tag, attribute in (("Result", "next"), ("Retry", "failState"), ("Results", "default")):
        for element in root.iter(f"{{{schema.NAMESPACE}}}{tag}"):
            if element.get(attribute):
                yield element, attribute


def _check_codes(handler: etree._Element, known_codes: Collection[str] | None) -> Iterator[Problem]:
    seen: set[str] = set()
    for element in handler.iter(f"{{{schema.NAMESPACE}}}Result"):
        line = schema.line_of(element)
        for code in element.get("code", "").split():
            if code in seen:
                yield Problem(line, f"Result: {code} has a Result in this handler already; name it once")
            if known_codes is not None and code not in known_codes:
                yield Problem(line, f"Result: {code} is no completion code; make it a custom code or correct it")
            if code == "NO_CALLABLE_ADDRESS" and element.get("next") == NEXT_ADDRESS:
                yield Problem(line, f"Result: {code} cannot lead to next-address; name another state")
            seen.add(code)


def _check_texts(handler: etree._Element) -> Iterator[Problem]:
    for tag in ("Text", "Subject"):
        for element in handler.iter(f"{{{schema.NAMESPACE}}}{tag}"):
            try:
                text.names_in(_text(element))
            except Refused as error:
                yield Problem(schema.line_of(element), f"{tag}: {error}")


def _children(element: etree._Element, tag: str) -> Iterator[etree._Element]:
    yield from element.iterchildren(f"{{{schema.NAMESPACE}}}{tag}")


def _text(element: etree._Element) -> str:
    """The words without the indentation of the file."""
    lines = [line.strip() for line in (element.text or "").strip().splitlines()]
    return "\n".join(lines)
