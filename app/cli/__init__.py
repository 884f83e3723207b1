"""The `clarion` command. Each command's module is imported only when that command runs, so that `clarion call` never
pays for the database, nor `clarion --help` for anything.

A module has `register(subparsers)`, which adds its commands with `set_defaults(run=function)`; the function takes the
parsed arguments and answers the exit status.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import ClarionError, ConfigError, Refused

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130


@dataclass(frozen=True, slots=True)
class Command:
    module: str
    help: str


COMMANDS: Mapping[str, Command] = {
    "up": Command("app.cli.up", "start all of Clarion on this machine, with the example and a simulated carrier"),
    "web": Command("app.cli.web", "serve the panel, the VoiceXML pages and providers' callbacks"),
    "engine": Command("app.cli.engine", "run campaigns: lease contacts, pace, dial, decide what is next"),
    "mediaserver": Command("app.cli.calls", "place calls over SIP and run VoiceXML in them"),
    "carrier": Command("app.cli.simulators", "simulate a carrier and its customers on loopback"),
    "db": Command("app.cli.data", "bring the database to this version"),
    "user": Command("app.cli.data", "add users and reset their passwords"),
    "hosts": Command("app.cli.hosts", "list, allow and remove servers that scripts may fetch from"),
    "config": Command("app.cli.data", "show the settings in force, secrets masked"),
    "number": Command("app.cli.numbers", "show what the digits of a phone number tell"),
    "import": Command("app.cli.data", "import a CSV file into a contact list"),
    "dnc": Command("app.cli.dnc", "take files into do-not-call lists, and write lists out"),
    "consent": Command("app.cli.consents", "take files into the consent ledger, and write it out"),
    "campaign": Command("app.cli.campaigns", "start, pause, resume or stop a campaign"),
    "report": Command("app.cli.campaigns", "print the report of a job"),
    "call": Command("app.cli.calls", "place one call without a database and print its outcome"),
    "load": Command("app.cli.calls", "place many calls at once and print what became of them"),
    "vxml": Command("app.cli.vxml", "check, try and test VoiceXML scripts without a telephone"),
    "simulate": Command("app.cli.simulate", "try settings in a virtual call centre"),
    "conformance": Command("app.cli.vxml", "run the W3C's conformance cases"),
}


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        parser = build_parser(_command_of(arguments))
        parsed = parser.parse_args(arguments)
        run: Callable[[argparse.Namespace], int] | None = getattr(parsed, "run", None)
        if run is None:
            parser.print_usage(sys.stderr)
            print("clarion: say what to do; `clarion COMMAND --help` lists it", file=sys.stderr)
            return WRONG_USE
        return run(parsed)
    except ClarionError as error:
        for line in str(error).splitlines():
            print(f"clarion: {line}", file=sys.stderr)
        return WRONG_USE if isinstance(error, ConfigError | Refused) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has gone; what is left in the buffer must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def build_parser(chosen: str | None) -> argparse.ArgumentParser:
    """The parser with the chosen command's whole grammar; every other command is only its line in the help."""
    parser = argparse.ArgumentParser(
        prog="clarion",
        description="Reach people by voice, SMS and email, inside the law.",
        epilog="Settings come from CLARION_... variables: see docs/reference/settings.md or `clarion config show`.",
    )
    parser.add_argument("--version", action=_Version)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    known = COMMANDS.get(chosen or "")
    module = known.module if known else None
    if module is not None:
        importlib.import_module(module).register(subparsers)
    for name, command in COMMANDS.items():
        if command.module != module:
            subparsers.add_parser(name, help=command.help)
    return parser


def _command_of(arguments: Sequence[str]) -> str | None:
    return next((argument for argument in arguments if not argument.startswith("-")), None)


class _Version(argparse.Action):
    """Looks the version up only when asked: the package metadata is slow to read."""

    def __init__(self, option_strings: Sequence[str], dest: str, **_: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"clarion {version('clarion')}")
        parser.exit()
