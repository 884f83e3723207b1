"""`clarion vxml` (check, run, test) and `clarion conformance`: the VoiceXML browser without a telephone."""

from __future__ import annotations

import argparse
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from common.errors import ConfigError

if TYPE_CHECKING:
    from vxml.conformance import Verdict
    from vxml.coverage import Coverage
    from vxml.scripted import ScriptTests, TestResult
    from vxml.text import Fetcher

DONE, FAILED = 0, 1
#: Unpacked bytes of a zip that are read, and files.
_MAX_ZIP = 64 << 20
_MAX_FILES = 5000
TESTS = "*.vxmltest.yaml"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    vxml = subparsers.add_parser("vxml", help="check, try and test VoiceXML scripts without a telephone")
    verbs = vxml.add_subparsers(title="what to do", metavar="VERB", required=True)

    check = verbs.add_parser(
        "check",
        help="say what is wrong with scripts, line by line",
        description="Check a VoiceXML file, grammar or script, a folder, or a zip: schema, ECMAScript, grammars, files"
        " and dialogs that are not there or never reached, undeclared variables. One problem a line, as"
        " file:line:column: severity: message. Exit status: 0 no errors, 1 errors.",
    )
    check.add_argument("path", type=Path, metavar="PATH", help="a file, a folder or a zip")
    check.add_argument("--strict", action="store_true", help="let warnings fail too")
    check.set_defaults(run=_check)

    run = verbs.add_parser(
        "run",
        help="hold a script's conversation in the terminal",
        description="Run a script here: prompts are printed, keys are typed (12#), words are spoken (yes please), n is"
        " silence, h hangs up. Exit status: 0 unless the script ended with an error.",
    )
    run.add_argument("script", metavar="FILE_OR_URL")
    run.add_argument("--value", action="append", default=[], metavar="N=V", help="a value of the call (repeatable)")
    run.add_argument("--dtmf", metavar="1,2#", help="type these keys (n: silence, h: hang up) and ask nobody")
    run.add_argument("--transcript", action="store_true", help="show every step: documents, items, events, logs")
    run.add_argument(
        "--allow", action="append", default=[], metavar="ORIGIN", help="a further http://host:port to fetch"
    )
    run.set_defaults(run=_run)

    test = verbs.add_parser(
        "test",
        help="run unit tests of scripts",
        description=f"Run the tests of {TESTS} files, or of all such files in folders. Exit status: 0 all passed.",
    )
    test.add_argument("paths", nargs="*", type=Path, default=[Path()], metavar="PATH", help="files or folders")
    test.add_argument("--transcript", action="store_true", help="show the conversation of each test that fails")
    test.add_argument("--coverage", action="store_true", help="list what no test ran: form items, handlers, branches")
    test.set_defaults(run=_test)

    conformance = subparsers.add_parser(
        "conformance",
        help="run the W3C's conformance cases, or tests of scripts in real calls",
        description="Run every case of a directory on a virtual clock, print each that fails with its reason, and last"
        " `N passed, M failed`. Exit status: 0 all passed. vxml and srgs: the W3C's cases. calls: each test of the"
        f" {TESTS} files, on the virtual clock and in a real call to the simulated carrier; both must go the same way.",
    )
    conformance.add_argument("suite", choices=("vxml", "srgs", "calls"))
    conformance.add_argument("folder", type=Path, metavar="DIR")
    conformance.add_argument("--json", action="store_true", help="print one JSON object with every case instead")
    conformance.add_argument(
        "--at-once", type=int, choices=range(1, 33), default=16, metavar="N", help="calls at once (%(default)s)"
    )
    conformance.set_defaults(run=_conformance)


# --- check ------------------------------------------------------------------------------------------------


def _check(arguments: argparse.Namespace) -> int:
    from vxml.check import Severity, check
    from vxml.check_project import check_project

    path: Path = arguments.path
    if path.is_dir() or zipfile.is_zipfile(path):
        problems = check_project(dict(_files(path)))
    elif path.is_file():
        problems = check(str(path), path.read_bytes())
    else:
        raise ConfigError(f"{path}: there is no such file or folder")
    for problem in problems:
        print(problem)
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    print(f"{_count(errors, 'error')}, {_count(len(problems) - errors, 'warning')}")
    return FAILED if errors or (arguments.strict and problems) else DONE


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for found in sorted(path.rglob("*")):
            relative = found.relative_to(path)
            if found.is_file() and not any(part.startswith(".") for part in relative.parts):
                yield relative.as_posix(), found.read_bytes()
        return
    with zipfile.ZipFile(path) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        if len(entries) > _MAX_FILES or sum(entry.file_size for entry in entries) > _MAX_ZIP:
            raise ConfigError(f"{path}: a zip may hold {_MAX_FILES} files and {_MAX_ZIP >> 20} MB unpacked")
        for entry in entries:
            yield entry.filename, archive.read(entry)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


# --- run --------------------------------------------------------------------------------------------------


def _run(arguments: argparse.Namespace) -> int:
    from vxml.messages import EndReason
    from vxml.session import SessionConfig
    from vxml.text import Line, keys, run_text

    def show(line: Line) -> None:
        if arguments.transcript:
            print(f"{line.kind:>9}  {line.text}", flush=True)
        elif line.kind == "prompt":
            print(line.text, flush=True)
        elif line.kind in ("ended", "log", "record"):
            print(f"[{line.kind}: {line.text}]", flush=True)

    application, allow = _address(arguments.script)
    config = SessionConfig(application, values=_values(arguments.value), recognizer=True)
    scripted = keys(arguments.dtmf) if arguments.dtmf is not None else []
    with TextFetcher((*allow, *arguments.allow)) as fetch:
        ask = _ask if arguments.dtmf is None else None
        transcript = run_text(config, fetch, scripted, observe=show, ask=ask)
    ended = transcript.ended
    return FAILED if ended is None or ended.reason is EndReason.ERROR else DONE


def _ask() -> list[Any]:
    """One line from the caller at the terminal."""
    from vxml.messages import Hangup, Spoken
    from vxml.text import Silence, keys

    try:
        line = input("> ").strip()
    except EOFError:
        return [Hangup()]
    if not line:
        return [Silence()]
    if all(letter in "0123456789*#ABCDnh, " for letter in line):
        return keys(line)
    return [Spoken(line)]


def _values(given: list[str]) -> dict[str, str]:
    values = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise ConfigError(f"--value {one}: write NAME=VALUE")
        values[name] = value
    return values


def _address(script: str) -> tuple[str, tuple[str, ...]]:
    """The absolute address, and what may be fetched: the script's own folder, or its own host and port."""
    parts = urlsplit(script)
    if parts.scheme in ("http", "https") and parts.netloc:
        return script, (f"{parts.scheme}://{parts.netloc}",)
    path = Path(script).resolve()
    if not path.is_file():
        raise ConfigError(f"{script}: there is no such file")
    return path.as_uri(), (path.parent.as_uri() + "/",)


class TextFetcher:
    """A fetcher for text mode over the media server's own, with its cache and its rules of what may be fetched."""

    def __init__(self, allow: tuple[str, ...]) -> None:
        import asyncio

        from mediaserver.dialog.fetch import HttpFetcher, Visitor
        from mediaserver.dialog.policy import Policy

        self._visitor = Visitor(Policy(allow), "text")
        self._http = HttpFetcher()
        self._runner = asyncio.Runner()

    def __enter__(self) -> Fetcher:
        return lambda request: self._runner.run(self._http.fetch(request, self._visitor))

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._http.close())
        self._runner.close()


# --- test -------------------------------------------------------------------------------------------------


def _test(arguments: argparse.Namespace) -> int:
    from vxml.coverage import Coverage

    files = [file for path in arguments.paths for file in (sorted(path.rglob(TESTS)) if path.is_dir() else [path])]
    if not files:
        raise ConfigError(f"no {TESTS} here")
    passed = failed = 0
    for file in files:
        coverage = Coverage() if arguments.coverage else None
        results = _test_file(file, coverage)
        for result in results:
            passed, failed = passed + result.passed, failed + (not result.passed)
            print(f"{'pass' if result.passed else 'FAIL'}  {file}: {result.name}")
            for problem in result.problems:
                print(f"      {problem}")
            if arguments.transcript and not result.passed:
                print(result.transcript)
        if coverage:
            _print_coverage(file, coverage)
    print(f"{passed} passed, {failed} failed")
    return FAILED if failed else DONE


def _test_file(file: Path, coverage: Coverage | None) -> list[TestResult]:
    from vxml.scripted import run_test

    tests = read_file(file)
    script = tests.script if "://" in tests.script else str(file.parent / tests.script)
    application, allow = _address(script)
    results = []
    for test in tests.tests:
        # A caller of its own: no test has another's cookies or private pages.
        with TextFetcher(allow) as fetch:
            marked = coverage.fetcher(fetch) if coverage else fetch
            results.append(run_test(tests, test, application, marked))
    if coverage:
        for result in results:
            result.transcript.lines[:] = coverage.add(result.transcript.lines)
    return results


def read_file(file: Path) -> ScriptTests:
    """Raise ConfigError naming the file."""
    import yaml

    from vxml.scripted import read_tests

    try:
        loaded = yaml.safe_load(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not readable as YAML: {error}") from error
    return read_tests(loaded, str(file))


def _print_coverage(file: Path, coverage: Coverage) -> None:
    """What of each document beside those that ran did not run, and the share that did."""
    folders = {Path(unquote(urlsplit(url).path)).parent for url in coverage.urls if url.startswith("file:")}
    ran = total = 0
    for page in sorted(page for folder in folders for page in folder.glob("*.vxml")):
        places = coverage.of(page.as_uri(), page.read_bytes())
        for place, done in places:
            ran, total = ran + done, total + 1
            if not done:
                print(f"      {page}:{place.line}: no test ran this {place.kind}")
    share = f"{100 * ran // total} % " if total else ""
    print(f"      {file}: {share}({ran} of {_count(total, 'form item')}, handlers and branches ran)")


# --- conformance ------------------------------------------------------------------------------------------


def _conformance(arguments: argparse.Namespace) -> int:
    if not arguments.folder.is_dir():
        raise ConfigError(f"{arguments.folder}: there is no such folder")
    if arguments.suite == "calls":
        return _conformance_calls(arguments)
    from vxml import conformance, conformance_srgs

    suites: Mapping[str, Callable[[Path], Iterator[Verdict]]] = {
        "vxml": conformance.run_directory,
        "srgs": conformance_srgs.run_directory,
    }
    verdicts = []
    for verdict in suites[arguments.suite](arguments.folder):
        verdicts.append(verdict)
        if (said := verdict.reason or verdict.remark) and not arguments.json:
            print(f"{verdict.case}: {'passed: ' if verdict.passed else ''}{said}", flush=True)
    failed = sum(not verdict.passed for verdict in verdicts)
    if arguments.json:
        cases = [{**asdict(verdict), "passed": verdict.passed} for verdict in verdicts]
        print(json.dumps({"passed": len(verdicts) - failed, "failed": failed, "cases": cases}, ensure_ascii=False))
    else:
        print(f"{len(verdicts) - failed} passed, {failed} failed")
    return FAILED if failed or not verdicts else DONE


def _conformance_calls(arguments: argparse.Namespace) -> int:
    from app.cli.conformance_calls import hold, read
    from common.logging import configure
    from common.settings import LogFormat, LogSettings

    # Scripts that fail on purpose are no news, and standard output is for the outcome.
    configure(LogSettings("ERROR", LogFormat.TEXT))
    outcomes = []
    for outcome in hold(read(arguments.folder), arguments.at_once):
        outcomes.append(outcome)
        if not outcome.passed and not arguments.json:
            print(f"{outcome.case}: {'; '.join(outcome.problems)}", flush=True)
    failed = sum(not outcome.passed for outcome in outcomes)
    if arguments.json:
        cases = [outcome.to_json() for outcome in outcomes]
        print(json.dumps({"passed": len(outcomes) - failed, "failed": failed, "cases": cases}, ensure_ascii=False))
    else:
        print(f"{len(outcomes) - failed} passed, {failed} failed")
    return FAILED if failed else DONE
