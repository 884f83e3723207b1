"""What the repository as a whole must hold: honest links, working scripts, no traces of one machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = ("setup", "up", "test", "lint", "bench", "soak")
#: Home directories, temporary folders and this project's own build hosts have no place in a committed file.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|farm|home/\w+|Users/\w+|tmp/bash_jobs)(?:/|\b)(?!\w)")
BINARY = {".png", ".wav", ".ico", ".woff", ".woff2", ".zip", ".jpg", ".gif", ".gz", ".ulaw", ".pcap"}
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)|!\[[^\]]*\]\(([^)\s]+)\)")


#: Where git is missing, as in a container with a bare copy, everything but what setting up and running made counts.
MADE = {".git", ".venv", "var", "node_modules", "__pycache__", "clarion.egg-info"}


def tracked() -> list[Path]:
    if shutil.which("git") is None:
        return [path for path in ROOT.rglob("*") if path.is_file() and not MADE & set(path.relative_to(ROOT).parts)]
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def documents() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def prose(text: str) -> str:
    """Markdown without code, where brackets mean something else."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))


def anchors(text: str) -> set[str]:
    """The fragment names GitHub gives to headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*$", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), flags=re.M):
        plain = unicodedata.normalize("NFC", heading.replace("`", "")).lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.add(name if name not in found else f"{name}-1")
    return found


def broken_links(document: Path) -> Iterator[str]:
    for match in LINK.finditer(prose(document.read_text(encoding="utf-8"))):
        target = match.group(1) or match.group(2)
        if re.match(r"[a-z]+:", target):
            continue
        name, _, fragment = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        if not path.exists():
            yield f"{document.relative_to(ROOT)}: {target} does not exist"
        elif fragment and path.suffix == ".md" and fragment not in anchors(path.read_text(encoding="utf-8")):
            yield f"{document.relative_to(ROOT)}: {target} names no heading"


def test_every_link_in_the_documents_resolves() -> None:
    broken = [fault for document in documents() for fault in broken_links(document)]
    assert not broken, "\n".join(broken)


def test_no_file_names_a_path_of_one_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in tracked()
        if path.suffix not in BINARY and "vendor" not in path.parts and path.name != Path(__file__).name
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_script_is_executable_and_parses(name: str) -> None:
    path = ROOT / "script" / name
    assert path.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", path], check=True)


def test_ci_runs_the_readme_test_command_and_nothing_else() -> None:
    lines = [line for line in (ROOT / ".ci/run").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[-1] == "exec script/test"
    assert "script/test" in (ROOT / "README.md").read_text()


def test_the_changelog_has_the_section_for_the_next_release() -> None:
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text()


def test_the_licence_is_the_gpl() -> None:
    assert "GNU GENERAL PUBLIC LICENSE" in (ROOT / "LICENSE").read_text()[:200]


def test_every_locked_package_carries_a_hash() -> None:
    entries = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / "requirements.txt").read_text())
    unhashed = [entry.splitlines()[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry]
    assert not unhashed


def test_the_requirement_files_name_no_registry() -> None:
    for name in ("requirements.in", "requirements-dev.in", "requirements.txt"):
        assert not re.search(r"^\s*(--|-i|-f)(?!-hash)\S*(url|index|links)", (ROOT / name).read_text(), flags=re.M)


#: Files that are read again by the import itself, never by a spreadsheet.
NO_EXPORTS = {"app/services/importing/spooling.py", "app/services/sources/queries.py"}


def test_tables_leave_by_the_one_concept_that_escapes_formulas() -> None:
    packages = ("app", "channels", "common", "engine", "mediaserver")
    writers = {
        str(path.relative_to(ROOT))
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"csv\.(?:Dict)?[wW]riter|from csv import", path.read_text("utf-8"))
    }
    assert writers == {"app/services/csv_text.py"} | NO_EXPORTS
