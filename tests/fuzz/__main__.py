"""`python -m tests.fuzz TARGET MINUTES`: random and mutated input until the time is over or something breaks.

What breaks (an exception that is not the part's own refusal, or more than HANG seconds of CPU for one input) is written
to var/fuzz/ and ends the run. The same SEED gives the same inputs.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from vxml import Limits, SessionConfig
from vxml.check import check
from vxml.check_project import check_project
from vxml.document import DocumentError
from vxml.ecmascript import Engine, ScriptError, ScriptLimit
from vxml.grammar import GrammarError, Matcher, link, parse_grammar, to_jsgf
from vxml.grammar.reach import can_match
from vxml.grammar.tokens import words_of
from vxml.interpreter.compile import compile_document
from vxml.messages import Input, KeyPressed, Play, SpeechItem, Spoken
from vxml.ssml.say_as import say_as
from vxml.text import Silence, from_mapping, run_text

CORPUS = Path(__file__).parent / "corpus"
FAILURES = Path("var/fuzz")
HANG = 10
START = "http://fuzz.invalid/start.vxml"
LIMITS = Limits(steps=2000, script_seconds=0.2, script_memory=8 << 20, fetches=20, queued_prompts=200)
TAGS = [
    "assign", "audio", "block", "break", "catch", "choice", "clear", "data", "disconnect",
    "else", "elseif", "emphasis", "enumerate", "error", "exit", "field", "filled", "foreach",
    "form", "goto", "grammar", "help", "if", "initial", "item", "link", "log",
    "mark", "menu", "meta", "noinput", "nomatch", "object", "one-of", "option", "p",
    "param", "phoneme", "prompt", "property", "prosody", "record", "reprompt", "return", "rule",
    "ruleref", "s", "say-as", "script", "sub", "subdialog", "submit", "tag", "throw",
    "token", "transfer", "value", "var", "voice", "vxml",
]  # fmt: skip
ATTRIBUTES = [
    "name", "expr", "cond", "next", "event", "src", "type", "id", "mode", "count", "namelist", "item", "array", "uri",
    "special", "repeat", "dtmf", "scope", "timeout", "time", "interpret-as", "xml:lang", "alias", "value", "root",
    "version", "nextitem", "slot", "modal",
]  # fmt: skip
VALUES = [
    "a",
    "f",
    "#f",
    "1",
    "true",
    "dtmf",
    "voice",
    "3s",
    "boolean",
    "digits?length=2",
    "x.vxml",
    "error",
    "noinput",
]
EXPRESSIONS = [
    "1",
    "a",
    "undefined",
    "'x'",
    "a.b",
    "f$",
    "[1,2]",
    "{x:1}",
    "application.lastresult$",
    "new Date()",
    "null",
]
TAG_SCRIPTS = ["out=1", "out.a=rules.latest()", "x", "out=meta.current().text", "}", "var n=2;out=n", "throw 1"]


# --- making inputs ----------------------------------------------------------------------------------------


def corpus(*suffixes: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(CORPUS.iterdir()) if path.suffix in suffixes]


def mutate(chance: random.Random, bodies: list[bytes]) -> bytes:
    """A corpus file with pieces cut, doubled, swapped, or overwritten."""
    body = bytearray(chance.choice(bodies))
    for _ in range(chance.randint(1, 8)):
        if not body:
            break
        first, second = sorted((chance.randrange(len(body) + 1), chance.randrange(len(body) + 1)))
        second = min(second, first + 200)
        match chance.randrange(5):
            case 0:
                del body[first:second]
            case 1:
                body[first:first] = body[first:second] * chance.randint(1, 3)
            case 2:
                other = chance.choice(bodies)
                at = chance.randrange(len(other) + 1)
                body[first:second] = other[at : at + chance.randint(1, 120)]
            case 3 if first < len(body):
                body[first] = chance.randrange(256)
            case _:
                body[first:first] = chance.choice(
                    [b"<", b"&", b'"', b"]]>", b"$", b"{", b"\0", b"\xff", b"99999999999"]
                )
    return bytes(body)


def element(chance: random.Random, depth: int) -> str:
    tag = chance.choice(TAGS)
    attributes = {}
    for _ in range(chance.randint(0, 3)):
        name = chance.choice(ATTRIBUTES)
        attributes[name] = chance.choice(EXPRESSIONS if name in ("expr", "cond", "array") else VALUES)
    written = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    inner = "".join(
        element(chance, depth - 1)
        if depth and chance.random() < 0.7
        else escape(chance.choice(["hello", " 1 ", "a < b"]))
        for _ in range(chance.randint(0, 4))
    )
    return f"<{tag}{written}>{inner}</{tag}>"


def document(content: str) -> bytes:
    return f'<vxml xmlns="http://www.w3.org/2001/vxml" version="2.1" xml:lang="en-US">{content}</vxml>'.encode()


def expression(chance: random.Random, depth: int = 3) -> str:
    if depth == 0 or chance.random() < 0.2:
        return chance.choice(
            [*EXPRESSIONS, "this", "document", "session", "dialog", "Math", "/a+/", "`x`", "()=>1", "eval"]
        )
    one, two = expression(chance, depth - 1), expression(chance, depth - 1)
    return chance.choice(
        [f"({one})", f"{one}+{two}", f"{one}.{two}", f"{one}[{two}]", f"{one}({two})", f"typeof {one}", f"{one}={two}",
         f"new {one}({two})", f"function(){{return {one}}}()", f"{one}?{two}:{one}", f"delete {one}", f"[{one},{two}]",
         f"for(;;){{{one}}}", f"({{get a(){{return {one}}}}})", f"'{'ab' * 50}'.match(/(a+b?)+$/)", f"{one};{two}",
         f"Object.defineProperty(this,'a',{{get(){{{one}}}}})", f"new Array(1e7).fill({one})", f"{one}`{two}`"]
    )  # fmt: skip


# --- targets ----------------------------------------------------------------------------------------------


def converse(chance: random.Random, body: bytes) -> None:
    words, pressed = chance.choices(["help", "a", "yes"], k=4), chance.choices("0123456789*#", k=8)
    acts: list[Input | Silence] = [*map(KeyPressed, pressed), *map(Spoken, words), Silence(), Silence()]
    inputs = chance.choices(acts, k=chance.randint(0, 12))
    config = SessionConfig(START, {"a": 1}, limits=LIMITS, recognizer=chance.random() < 0.5)
    transcript = run_text(config, from_mapping({START: body}), inputs)
    assert transcript.ended is not None, "the session did not end"
    for command in transcript.commands:
        for item in command.items if isinstance(command, Play) else ():
            if isinstance(item, SpeechItem) and item.ssml:
                etree.fromstring(item.text.encode())


def fuzz_document(chance: random.Random) -> Iterator[tuple[bytes, Callable[[], None]]]:
    bodies = corpus(".vxml")
    while True:
        wild = document("".join(element(chance, 4) for _ in range(chance.randint(1, 4))))
        body = mutate(chance, bodies) if chance.random() < 0.6 else wild

        def run(body: bytes = body) -> None:
            check("fuzz.vxml", body)
            check_project({"fuzz.vxml": body})
            with contextlib.suppress(DocumentError):
                compile_document(body)
            converse(chance, body)

        yield body, run


def fuzz_grammar(chance: random.Random) -> Iterator[tuple[bytes, Callable[[], None]]]:
    bodies = corpus(".grxml", ".gram")
    while True:
        body = mutate(chance, bodies)

        def run(body: bytes = body) -> None:
            with contextlib.suppress(GrammarError, ScriptError, ScriptLimit):
                parsed = parse_grammar(body)
                can_match(parsed, {})
                to_jsgf(parsed)
                grammar = link(parsed)
                matcher = Matcher(grammar)
                for word in words_of(" ".join(chance.choices(["a", "b", "yes", "1", "2", "#", "open", "file"], k=6))):
                    matcher.feed(word)
                    if matcher.matched:
                        matcher.value(Engine(time_limit=0.2))

        yield body, run


def fuzz_ssml(chance: random.Random) -> Iterator[tuple[bytes, Callable[[], None]]]:
    tags = [
        "p",
        "s",
        "emphasis",
        "prosody",
        "say-as",
        "sub",
        "voice",
        "phoneme",
        "break",
        "mark",
        "audio",
        "value",
        "lang",
    ]
    alphabet = "ab 1?:/.-$€<&\x00\x1f\ud800\U0001f600"

    def markup(depth: int) -> str:
        tag = chance.choice(tags)
        kind = chance.choice(
            ["date", "time", "digits", "currency", "telephone", "characters", "number", "ordinal", "x"]
        )
        text = "".join(chance.choices(alphabet, k=chance.randint(0, 8)))
        safe = escape("".join(letter for letter in text if letter.isprintable() and letter != "\ud800"))
        inner = "".join(markup(depth - 1) if depth and chance.random() < 0.6 else safe for _ in range(3))
        form, language = chance.choice(["mdy", "", "hms24"]), chance.choice(["en", "de"])
        attributes = f'interpret-as="{kind}" format="{form}" alias="a" xml:lang="{language}"'
        if tag == "value":
            return f"<value expr={quoteattr(expression(chance, 1))}/>"
        if tag == "audio":
            return f'<audio src="a.wav">{inner}</audio>'
        return f"<{tag} {attributes} name='m' time='{chance.choice(['1s', 'x', '9' * 12 + 's'])}'>{inner}</{tag}>"

    while True:
        body = document(f'<form><block><var name="a"/><prompt>{markup(4)}</prompt></block></form>')
        text = "".join(chance.choices(alphabet + "0123456789", k=chance.randint(0, 14)))

        def run(body: bytes = body, text: str = text) -> None:
            for kind in ("date", "time", "digits", "currency", "telephone", "characters", "number", "ordinal"):
                say_as(text, kind, chance.choice(["", "mdy", "ymd", "d", "zz"]))
            converse(chance, body)

        yield body, run


def fuzz_expression(chance: random.Random) -> Iterator[tuple[bytes, Callable[[], None]]]:
    while True:
        first, second, third = (expression(chance) for _ in range(3))
        body = document(
            f"<var name='a'/><script>{escape(third)}</script><form><field name='f' type='boolean'"
            f" cond={quoteattr(first)}><filled><assign name='a' expr={quoteattr(second)}/><log><value"
            f" expr={quoteattr(third)}/></log></filled></field><block><if cond={quoteattr(second)}><exit"
            f" expr={quoteattr(first)}/></if></block></form>"
        )
        yield body, lambda body=body: converse(chance, body)


TARGETS = {"document": fuzz_document, "grammar": fuzz_grammar, "ssml": fuzz_ssml, "expression": fuzz_expression}


# --- running ----------------------------------------------------------------------------------------------


def too_long(_: int, __: FrameType | None) -> None:
    raise TimeoutError(f"more than {HANG} s of CPU for one input")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("minutes", type=float)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 32)
    signal.signal(signal.SIGPROF, too_long)
    end, count, slowest = time.monotonic() + arguments.minutes * 60, 0, 0.0
    for body, run in TARGETS[arguments.target](random.Random(seed)):
        began = time.monotonic()
        if began > end:
            break
        signal.setitimer(signal.ITIMER_PROF, HANG)
        try:
            run()
        except Exception:
            FAILURES.mkdir(parents=True, exist_ok=True)
            kept = FAILURES / f"{arguments.target}-{seed}-{count}"
            kept.write_bytes(body)
            traceback.print_exc()
            sys.stdout.write(f"input {count} of seed {seed} broke it; it is in {kept}\n")
            return 1
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        count += 1
        slowest = max(slowest, time.monotonic() - began)
    said = f"{count} inputs in {arguments.minutes:g} minutes, slowest {slowest:.2f} s, seed {seed}"
    sys.stdout.write(f"{arguments.target}: {said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
