"""`clarion conformance calls`: the tests of scripts held twice, on the virtual clock and in a real call.

Each test has a web server of its own, which serves the folder of its file and the file's `pages`. The real call leaves
by SIP, with RTP both ways, from a media server with dialog workers to the simulated carrier, whose customer does what
the test's caller does. What both conversations said, heard, asked of the server and ended with must be the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

from aiohttp import web

from common.control import CallRequest, CallStatus, Disposition, Trunk
from common.errors import ConfigError, Refused
from common.ids import new_id
from vxml.caller import COMPARED, caller_script
from vxml.scripted import ScriptTest, ScriptTests, TestResult, run_test

if TYPE_CHECKING:
    from mediaserver.local import LocalServer

#: As many as the suffixes that choose a simulated customer.
MOST_AT_ONCE = 32
_SENDER = "+15550100000"
_NUMBER = "+15550199{:02d}"
#: As the media server cuts them.
_LINE_LENGTH = 300
_MOST_SECONDS = 180.0
#: Silence after talk that the customer takes for the end of a prompt.
_PAUSE = 0.7
_OCTETS = "application/octet-stream"
_TYPES = {".vxml": "application/voicexml+xml", ".wav": "audio/wav", ".js": "text/javascript", ".xml": "text/xml"}


@dataclass(frozen=True, slots=True)
class Case:
    """One test of a `*.vxmltest.yaml` file."""

    file: Path
    tests: ScriptTests
    test: ScriptTest

    @property
    def name(self) -> str:
        return f"{self.file}: {self.test.name}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`text` and `call` are the transcripts, line by line; `problems` is empty when they are the same."""

    case: str
    problems: tuple[str, ...]
    text: tuple[str, ...] = ()
    call: tuple[str, ...] = ()
    #: What the far end reported: prompts it heard, milliseconds of sound, keys it pressed.
    far_end: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}


def cases_of(files: Sequence[tuple[Path, ScriptTests]]) -> list[Case]:
    return [Case(file, tests, test) for file, tests in files for test in tests.tests]


def hold(cases: Sequence[Case], at_once: int) -> Iterator[Outcome]:
    """Hold the conversations, so many calls at once, in the order of `cases`."""
    for start in range(0, len(cases), at_once):
        yield from asyncio.run(_hold_together(cases[start : start + at_once]))


class FarEnd(Protocol):
    """What is used of the simulated carrier."""

    port: int

    @property
    def recent(self) -> Iterable[Mapping[str, Any]]: ...


async def _hold_together(cases: Sequence[Case]) -> list[Outcome]:
    from mediaserver.local import LocalServer
    from simulators.carrier.agent import Carrier, CarrierSettings
    from simulators.carrier.behaviour import Behaviour
    from simulators.carrier.population import Population

    sites = [Site(case) for case in cases]
    try:
        for site in sites:
            await site.start()
        texts = [await asyncio.to_thread(_hold_text, site) for site in sites]
        scripts = (caller_script(text.transcript.lines, text.acts) for text in texts)
        customers = {
            f"{number:02d}": Behaviour(f"case-{number}", delay=0.2, script=script, pause=_PAUSE)
            for number, script in enumerate(scripts)
        }
        origins = tuple(site.origin for site in sites)
        carrier = Carrier(CarrierSettings(port=0), Population(suffixes=customers))
        server = LocalServer(host="127.0.0.1", line="native", allow=origins, max_calls=len(cases))
        async with carrier, server:
            held = (_hold_call(server, carrier, site, number) for number, site in enumerate(sites))
            calls = await asyncio.gather(*held)
            return [_compare(site, text, call, carrier) for site, text, call in zip(sites, texts, calls, strict=True)]
    finally:
        for site in sites:
            await site.close()


# --- the application's server -----------------------------------------------------------------------------


class Site:
    """The web server of one case; `asked` are the requests that carried something to it."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.origin = ""
        self.asked: list[str] = []
        self._root = case.file.parent.resolve()
        self._runner: web.AppRunner | None = None

    @property
    def application(self) -> str:
        return f"{self.origin}/{self.case.tests.script}"

    async def start(self) -> None:
        application = web.Application(client_max_size=8 << 20)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        if request.method != "GET" or request.query_string:
            self.asked.append(await _described(request))
        page = self._page(request)
        if page is not None:
            return web.Response(body=page.encode(), content_type="application/voicexml+xml")
        path = (self._root / unquote(request.path).lstrip("/")).resolve()
        if not path.is_relative_to(self._root) or not path.is_file():
            return web.Response(status=404)
        return web.Response(body=path.read_bytes(), content_type=_TYPES.get(path.suffix, _OCTETS))

    def _page(self, request: web.Request) -> str | None:
        pages = self.case.tests.pages
        return pages.get(request.path_qs.lstrip("/"), pages.get(request.path.lstrip("/")))


async def _described(request: web.Request) -> str:
    """What was sent, without what differs from one recording or encoding to another."""
    described = f"{request.method} {request.path_qs}"
    if not request.can_read_body:
        return described
    posted = await request.post()
    parts = [f"{name}={value if isinstance(value, str) else '[file]'}" for name, value in posted.items()]
    return f"{described} {' '.join(parts)}".rstrip()


# --- the two conversations --------------------------------------------------------------------------------


def _hold_text(site: Site) -> TestResult:
    from app.cli.vxml import TextFetcher

    case = site.case
    with TextFetcher((site.origin,)) as fetch:
        return run_test(case.tests, case.test, site.application, fetch, recognizer=False)


async def _hold_call(server: LocalServer, carrier: FarEnd, site: Site, number: int) -> CallStatus:
    site.asked.append("")
    return await server.call(
        CallRequest(
            attempt_id=new_id(),
            to=_NUMBER.format(number),
            sender=_SENDER,
            trunk=Trunk("127.0.0.1", carrier.port),
            application=site.application,
            values=dict(site.case.test.values),
            max_duration=_MOST_SECONDS,
            organization="conformance",
            revision="conformance",
        )
    )


def _compare(site: Site, held: TestResult, call: CallStatus, carrier: FarEnd) -> Outcome:
    asked_then, asked_now = _halves(site.asked)
    ended = held.transcript.ended
    text = (
        *(f"{line.kind}: {line.text}"[:_LINE_LENGTH] for line in held.transcript.lines if line.kind in COMPARED),
        *(f"server: {asked}" for asked in asked_then),
        *_exit(ended.values if ended else {}, ended.private if ended else frozenset()),
    )
    steps = (step["text"] for step in call.trace if step["kind"] == "vxml")
    real = (
        *(step for step in steps if step.partition(":")[0] in COMPARED),
        *(f"server: {asked}" for asked in asked_now),
        *_exit(call.exit, frozenset()),
    )
    far_end = next((one for one in carrier.recent if one["attempt"] == call.attempt_id), {})
    problems = [*held.problems, *_unanswered(call), *_differences(text, real), *_unheard(text, far_end)]
    return Outcome(site.case.name, tuple(problems), text, real, far_end)


def _halves(asked: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Before and after the real call began."""
    border = asked.index("")
    return asked[:border], asked[border + 1 :]


def _exit(values: Mapping[str, Any], private: frozenset[str]) -> Iterator[str]:
    for name in sorted(values):
        yield f"exit: {name} = {'•' if name in private else values[name]!r}"


def _unanswered(call: CallStatus) -> Iterator[str]:
    if call.disposition is not Disposition.ANSWERED:
        yield f"the call was not answered: {call.disposition} {call.reason}"


def _differences(text: Sequence[str], real: Sequence[str]) -> Iterator[str]:
    """The first line that differs."""
    for number in range(max(len(text), len(real))):
        expected = text[number] if number < len(text) else "(nothing more)"
        found = real[number] if number < len(real) else "(nothing more)"
        if expected != found:
            yield f"line {number + 1}: in text {expected!r}, in the call {found!r}"
            return


def _unheard(text: Sequence[str], far_end: Mapping[str, Any]) -> Iterator[str]:
    """That prompts were queued says nothing of what reached the far end."""
    if not any(line.startswith("prompt:") for line in text):
        return
    missed = far_end.get("prompts", {}).get("missed", 0)
    if missed:
        yield f"the far end waited in vain for {missed} prompts"
    if not far_end.get("rtp", {}).get("loud_ms"):
        yield "no sound reached the far end"


def read(folder: Path) -> list[Case]:
    """The cases of a folder. Raise ConfigError."""
    from app.cli.vxml import TESTS, read_file

    cases = cases_of([(file, read_file(file)) for file in sorted(folder.rglob(TESTS))])
    if not cases:
        raise ConfigError(f"{folder}: no {TESTS} here")
    for case in cases:
        if case.tests.properties:
            raise Refused(f"{case.file}: properties: a media server takes none; write <property> in the script")
        foreign = [page for page in case.tests.pages if "://" in page]
        if foreign or "://" in case.tests.script:
            where = foreign[0] if foreign else case.tests.script
            raise Refused(f"{case.file}: {where}: a real call reaches the test's own server only; write a path")
    return cases
