"""Work that is done in one turn: check an application, draw it, run its tests. JSON in, JSON out."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import yaml

from app.sandbox import drawing, wire
from app.sandbox.pages import BASE, serve
from common.errors import ConfigError
from vxml.check import Problem, Severity
from vxml.check_project import check_project
from vxml.coverage import Coverage
from vxml.graph import read_graph
from vxml.scripted import ScriptTests, TestResult, read_tests, run_test

#: Endings of files with unit tests.
TESTS: Final = ".vxmltest.yaml"
MAX_TESTS: Final = 500
_LONGEST_TRANSCRIPT: Final = 400


def check(request: Mapping[str, Any]) -> dict[str, Any]:
    files = wire.unpack(request["files"])
    problems = check_project(files)
    problems += [problem for path in sorted(files) if path.endswith(TESTS) for problem in _tests_problem(path, files)]
    return {"problems": [asdict(problem) for problem in problems]}


def draw(request: Mapping[str, Any]) -> dict[str, Any]:
    graph = read_graph(wire.unpack(request["files"]), request["entry"])
    return {"drawing": drawing.draw(graph, request.get("coverage") or {})}


def test(request: Mapping[str, Any]) -> dict[str, Any]:
    """Run all unit tests; each document's places with what ran."""
    files = wire.unpack(request["files"])
    coverage = Coverage()
    results: list[dict[str, Any]] = []
    for path in sorted(files):
        if path.endswith(TESTS):
            results += _run_file(path, files, coverage, MAX_TESTS - len(results))
    return {"results": results, "coverage": dict(_covered(files, coverage)) if results else {}}


@dataclass(frozen=True, slots=True)
class Job:
    """`seconds` of processor time are what it may take."""

    work: Callable[[Mapping[str, Any]], dict[str, Any]]
    seconds: float


JOBS: Final[Mapping[str, Job]] = {"check": Job(check, 5.0), "draw": Job(draw, 5.0), "test": Job(test, 20.0)}


def _tests_problem(path: str, files: Mapping[str, bytes]) -> Iterator[Problem]:
    """Warnings: tests that cannot be run keep no script from being published."""
    try:
        tests = _read(path, files)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        yield Problem(path, line, column, f"not readable as YAML: {error.problem}", Severity.WARNING)
    except (ConfigError, yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        yield Problem(path, 1, 1, str(error).removeprefix(f"{path}: "), Severity.WARNING)
    else:
        if "://" not in tests.script and _beside(path, tests.script) not in files:
            message = f"script: {tests.script}: there is no such file in the application"
            yield Problem(path, 1, 1, message, Severity.WARNING)


def _read(path: str, files: Mapping[str, bytes]) -> ScriptTests:
    return read_tests(yaml.safe_load(files[path].decode("utf-8")), path)


def _beside(path: str, script: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), script))


def _run_file(path: str, files: Mapping[str, bytes], coverage: Coverage, most: int) -> list[dict[str, Any]]:
    try:
        tests = _read(path, files)
    except (ConfigError, yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        return [_unreadable(path, str(error))]
    application = tests.script if "://" in tests.script else BASE + _beside(path, tests.script)
    fetch = coverage.fetcher(serve(files))
    results = []
    for one in tests.tests[:most]:
        result = run_test(tests, one, application, fetch)
        results.append(_result(path, result, coverage))
    return results


def _result(path: str, result: TestResult, coverage: Coverage) -> dict[str, Any]:
    lines = coverage.add(result.transcript.lines)
    shown = [] if result.passed else [[line.kind, line.text] for line in lines[:_LONGEST_TRANSCRIPT]]
    return {"file": path, "name": result.name, "problems": list(result.problems), "transcript": shown}


def _unreadable(path: str, error: str) -> dict[str, Any]:
    return {"file": path, "name": "the file itself", "problems": [error.removeprefix(f"{path}: ")], "transcript": []}


def _covered(files: Mapping[str, bytes], coverage: Coverage) -> Iterator[tuple[str, list[list[Any]]]]:
    for path, body in sorted(files.items()):
        if path.endswith((".vxml", ".xml")):
            places = coverage.of(BASE + path, body)
            if places:
                yield path, [[place.kind, place.line, place.dialog, ran] for place, ran in places]
