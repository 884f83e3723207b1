"""Editing a script: changes put together with the revision they were made to, and kept as a draft."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from app.services.drafts import Changes, is_text, read_changes
from common.errors import Refused


def test_reads_texts_bytes_deletions_renames_and_the_first_document() -> None:
    audio = base64.b64encode(b"RIFF\xff").decode()
    files = {"main.vxml": {"text": "<vxml/>é"}, "a/hi.wav": {"base64": audio}, "old.js": None}
    changes = read_changes({"files": files, "moved": {"new.vxml": "was.vxml"}, "entry": "new.vxml"})
    assert changes == Changes(
        {"main.vxml": "<vxml/>é".encode(), "a/hi.wav": b"RIFF\xff", "old.js": None},
        {"new.vxml": "was.vxml"},
        "new.vxml",
    )
    assert changes.paths == {"main.vxml", "a/hi.wav", "old.js", "new.vxml", "was.vxml"}
    assert read_changes({}).paths == set()


@pytest.mark.parametrize(
    ("loaded", "message"),
    [
        ([], "cannot be read"),
        ({"files": [1]}, "cannot be read"),
        ({"files": {"../main.vxml": {"text": ""}}}, "plain relative paths"),
        ({"files": {"run.exe": {"text": ""}}}, "files only"),
        ({"files": {"main.vxml": {"text": 3}}}, "cannot be read"),
        ({"files": {"a.wav": {"base64": "?"}}}, "did not arrive whole"),
        ({"files": {"a.txt": {"text": "x" * (10 << 20) + "x"}}}, "larger than 10 MiB"),
        ({"moved": {"/etc/a.vxml": "a.vxml"}}, "plain relative paths"),
    ],
)
def test_refuses_changes_that_make_no_script(loaded: Any, message: str) -> None:
    with pytest.raises(Refused, match=message):
        read_changes(loaded)


def test_knows_what_can_be_edited() -> None:
    assert is_text("grammars/Days.GRXML")
    assert is_text("main.vxmltest.yaml")
    assert not is_text("hello.wav")
