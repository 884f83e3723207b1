from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import structlog

from app.cli import COMMANDS, build_parser, main

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CLARION_HOME", str(tmp_path))
    monkeypatch.delenv("CLARION_DATABASE_URL", raising=False)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield tmp_path
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def test_help_lists_every_command_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert all(f"    {name}" in said for name in COMMANDS)


def test_help_loads_neither_database_nor_web_framework() -> None:
    code = (
        "import sys; from app.cli import build_parser; build_parser(None);"
        "heavy = {'sqlalchemy', 'flask', 'phonenumbers', 'aiohttp', 'alembic'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_registered_with_its_help(name: str) -> None:
    if find_spec(COMMANDS[name].module) is None:
        pytest.skip(f"{COMMANDS[name].module} is not here yet")
    parser = build_parser(name)
    commands = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    assert set(commands.choices) == set(COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["db"], ["db", "sideways"], ["user", "add"], ["import", "x.csv"], ["config", "hide"]],
)
def test_wrong_use_ends_with_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: clarion" in capsys.readouterr().err


def test_a_refusal_is_one_line_with_the_mend(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["import", str(tmp_path / "gone.csv"), "--list", "A"]) == 2
    assert capsys.readouterr().err == "clarion: gone.csv: cannot be read: No such file or directory\n"


def test_a_number_is_explained_without_a_database(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["number", "(312) 555-0123"]) == 0
    said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if " zones" not in line)
    assert said["number"] == "+13125550123"
    assert (said["region"], said["carrier"], said["country"]) == ("Chicago, IL", "not known", "US")
    assert main(["number", "+19002345678", "--json"]) == 0
    assert "premium-rate" in json.loads(capsys.readouterr().out)["never_dialled"]
    assert main(["number", "123", "--country", "GB"]) == 2


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CLARION_SMTP_PORT", "mail")
    assert main(["config", "show"]) == 2
    assert "clarion: CLARION_SMTP_PORT: write a whole number" in capsys.readouterr().err


def test_shows_the_settings_with_secrets_masked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLARION_SECRET_KEY", "the-secret-key-itself")
    assert main(["config", "show"]) == 0
    said = capsys.readouterr().out
    assert "CLARION_WEB_BIND=127.0.0.1:8000" in said
    assert "the-secret" not in said


def test_a_fresh_installation_can_be_used_from_the_command_line(
    capsys: pytest.CaptureFixture[str], own_home: Path
) -> None:
    assert main(["db", "upgrade"]) == 0
    assert main(["user", "add", "anna", "--role", "supervisor", "--role", "nobody"]) == 2
    assert "there is no role nobody" in capsys.readouterr().err
    assert main(["user", "add", "anna"]) == 0
    assert "The password of anna is " in capsys.readouterr().out
    assert main(["user", "add", "Anna"]) == 2
    assert main(["user", "password", "anna"]) == 0
    assert main(["user", "password", "bob"]) == 1
