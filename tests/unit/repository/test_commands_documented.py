from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli import COMMANDS, build_parser

REFERENCE = Path(__file__).resolve().parents[3] / "docs/reference/cli.md"


def options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from options(inner)
        else:
            yield from (name for name in action.option_strings if name.startswith("--") and name != "--help")


def parser_of(command: str) -> argparse.ArgumentParser:
    for action in build_parser(command)._actions:
        if isinstance(action, argparse._SubParsersAction):
            parser = action.choices[command]
            assert isinstance(parser, argparse.ArgumentParser)
            return parser
    raise AssertionError(f"{command} is not in the parser")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_and_option_is_documented(command: str) -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    assert re.search(rf"^### .*clarion {command}\b", text, flags=re.M)
    missing = [option for option in options(parser_of(command)) if not re.search(rf"{option}\b", text)]
    assert not missing, f"{REFERENCE.name} says nothing of {', '.join(missing)} of clarion {command}"
