"""Who may import whom. The rules are the design's; a new one is one line in a table below."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.support.sources import ROOT, statements_of

PACKAGES = ("app", "channels", "common", "engine", "mediaserver", "pacing", "simulators", "vxml")

#: part -> the only parts of ours it may import, besides itself.
MAY_IMPORT = {
    "common": (),
    "app.core": ("common",),
    "pacing": ("common",),
    "vxml": ("common",),
    "simulators": ("common",),
    "mediaserver": ("common", "vxml"),
    "channels": ("common", "app.core"),
    "app.models": ("common", "app.core"),
    "app.intake": ("common", "app.core"),
    "app.sandbox": ("common", "vxml"),
}
#: part -> parts it must never import, for those that may use most others.
NEVER_IMPORT = {
    "engine": ("app.web", "app.cli", "mediaserver", "simulators"),
    "app.services": ("app.web", "app.cli", "engine", "mediaserver", "simulators"),
    "app.security": ("app.web", "app.cli", "engine", "mediaserver", "simulators"),
    "app.web": ("app.cli", "engine", "mediaserver", "simulators"),
}


@dataclass(frozen=True, slots=True)
class Import:
    module: str
    imported: str
    line: int
    at_top: bool


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _targets(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, base] if base else above)
        # `from app import web` imports app.web; `from app.web import x` imports app.web.x at the most.
        yield from (f"{base}.{alias.name}" for alias in node.names)


def imports_of(path: Path) -> Iterator[Import]:
    module = module_name(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node, in_function in statements_of(path):
        for target in _targets(node, package):
            if target.partition(".")[0] in PACKAGES:
                yield Import(module, target, node.lineno, not in_function)


@cache
def all_imports() -> tuple[Import, ...]:
    return tuple(
        found for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")) for found in imports_of(path)
    )


def within(name: str, part: str) -> bool:
    return name == part or name.startswith(part + ".")


def complaint(found: Import, rule: str) -> str:
    return f"{found.module.replace('.', '/')}:{found.line} imports {found.imported}: {rule}"


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_imports_only_what_it_may(part: str) -> None:
    allowed = (part, *MAY_IMPORT[part])
    broken = [
        complaint(found, f"{part} may import only {', '.join(allowed)}")
        for found in all_imports()
        if within(found.module, part) and not any(within(found.imported, name) for name in allowed)
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("part", NEVER_IMPORT)
def test_a_part_never_imports_what_lies_above_it(part: str) -> None:
    broken = [
        complaint(found, f"{part} must never import {forbidden}")
        for found in all_imports()
        for forbidden in NEVER_IMPORT[part]
        if within(found.module, part) and within(found.imported, forbidden)
    ]
    assert not broken, "\n".join(broken)


def test_only_commands_import_the_simulators_and_only_when_run() -> None:
    broken = [
        complaint(found, "only app.cli may import simulators, inside the command that starts them")
        for found in all_imports()
        if within(found.imported, "simulators")
        and not within(found.module, "simulators")
        and (found.at_top or not within(found.module, "app.cli"))
    ]
    assert not broken, "\n".join(broken)


def test_nothing_imports_the_tests() -> None:
    broken = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for node, _ in statements_of(path)
        for target in _targets(node, "")
        if within(target, "tests")
    ]
    assert not broken, "\n".join(broken)


def _loaded_after(code: str) -> set[str]:
    """Top-level packages in sys.modules after running `code` in a fresh interpreter."""
    script = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=150)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.splitlines()[-1].split())


def test_the_media_server_process_holds_neither_database_nor_web_framework() -> None:
    loaded = _loaded_after("import mediaserver.main")
    assert not loaded & {"sqlalchemy", "flask", "app", "simulators"}


def test_the_process_that_reads_a_file_holds_no_database() -> None:
    assert not _loaded_after("import app.intake.__main__") & {"sqlalchemy", "psycopg", "flask", "structlog", "asyncio"}


def test_the_bench_commands_load_neither_database_nor_web_framework() -> None:
    code = """
from app.cli import main
sys.argv = ['clarion', 'call', '--help']
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    assert not _loaded_after(code) & {"sqlalchemy", "flask", "simulators"}
    refused = """
from app.cli import main
assert main(['call', '+15550101001', '--trunk', '192.0.2.1:5060', '--script', 'pyproject.toml']) == 2
import app.cli.load
"""
    assert not _loaded_after(refused) & {"sqlalchemy", "flask", "simulators"}
