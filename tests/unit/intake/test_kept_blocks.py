"""What an import has learnt about numbers serves the next one, and nothing but time hangs on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import phonenumbers
import pytest

from app.core.phone import NumberReader
from app.intake import kept_blocks
from app.intake.kept_blocks import going_on

#: Of as many blocks as are worth keeping.
NUMBERS = [f"{area}555{line:04}" for area in range(201, 299) for line in (1, 2)]


def read(folder: str) -> int:
    """The blocks that had to be learnt."""
    reader = NumberReader("US")
    with going_on(folder, reader):
        for number in NUMBERS:
            reader.find(number)
    return reader.fresh


@pytest.fixture(scope="module")
def learnt() -> int:
    return read("")


def test_the_next_import_learns_nothing_again(tmp_path: Path, learnt: int) -> None:
    folder = tmp_path / "number_blocks"
    assert learnt > 50
    assert read(str(folder)) == learnt
    assert read(str(folder)) == 0
    (kept,) = folder.iterdir()
    assert kept.name == "US.json"
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body[:-5],
        lambda body: body.replace(b"America/New_York", b"America/Nowhere_"),
        lambda _: b"",
        lambda _: b"\x00\xff\n{",
        lambda body: body + b" " * 9_000_000,
    ],
)
def test_a_damaged_file_is_learnt_and_written_anew(
    tmp_path: Path, learnt: int, damage: Callable[[bytes], bytes]
) -> None:
    read(str(tmp_path))
    kept = tmp_path / "US.json"
    good = kept.read_bytes()
    kept.write_bytes(damage(good))
    assert read(str(tmp_path)) == learnt
    assert kept.read_bytes() == good
    assert list(tmp_path.iterdir()) == [kept]


def test_another_version_of_phonenumbers_judges_anew(
    tmp_path: Path, learnt: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(str(tmp_path))
    monkeypatch.setattr(phonenumbers, "__version__", "99.0")
    kept_blocks._judge.cache_clear()
    try:
        assert read(str(tmp_path)) == learnt
        assert read(str(tmp_path)) == 0
    finally:
        kept_blocks._judge.cache_clear()


def test_where_nothing_can_be_kept_imports_learn_each_time(tmp_path: Path, learnt: int) -> None:
    (tmp_path / "file").touch()
    assert [read(str(tmp_path / "file")) for _ in range(2)] == [learnt, learnt]


def test_an_import_that_fails_keeps_nothing(tmp_path: Path) -> None:
    reader = NumberReader("US")
    with pytest.raises(ValueError, match="stopped"), going_on(str(tmp_path), reader):
        for number in NUMBERS:
            reader.find(number)
        raise ValueError("stopped")
    assert list(tmp_path.iterdir()) == []
