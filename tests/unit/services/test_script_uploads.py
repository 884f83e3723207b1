"""What an uploaded script may hold, before anything of it is looked into."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.scripts import (
    MAX_CHECKED_FILE_BYTES,
    MAX_FILE_BYTES,
    choose_entry,
    digest_of,
    prepare,
    unpack,
)
from common.errors import Refused
from tests.support.zips import zipped

PAGE = b'<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><block>Hello</block></form></vxml>'


def test_takes_a_single_document() -> None:
    assert unpack("hello.vxml", PAGE) == {"hello.vxml": PAGE}


def test_takes_the_name_without_a_folder_of_the_senders_machine() -> None:
    assert list(unpack("C:\\scripts\\hello.vxml", PAGE)) == ["hello.vxml"]


def test_takes_a_zip_of_a_folder_as_the_folders_contents() -> None:
    files = unpack("app.zip", zipped({"app/main.vxml": PAGE, "app/audio/hi.wav": b"RIFF"}))
    assert sorted(files) == ["audio/hi.wav", "main.vxml"]


def test_leaves_out_what_desktops_add_to_zips() -> None:
    files = unpack("app.zip", zipped({"main.vxml": PAGE, "__MACOSX/main.vxml": b"x", ".DS_Store": b"x"}))
    assert sorted(files) == ["main.vxml"]


@pytest.mark.parametrize("path", ["../main.vxml", "/etc/main.vxml", "a/../../main.vxml", "C:/main.vxml"])
def test_refuses_a_path_that_leaves_the_zip(path: str) -> None:
    with pytest.raises(Refused, match="plain relative paths"):
        unpack("app.zip", zipped({path: PAGE, "other.vxml": PAGE}))


def test_refuses_a_kind_of_file_no_script_needs() -> None:
    with pytest.raises(Refused, match=r"run\.exe"):
        unpack("app.zip", zipped({"main.vxml": PAGE, "run.exe": b"MZ"}))


def test_refuses_a_file_that_unpacks_to_more_than_the_limit() -> None:
    with pytest.raises(Refused, match="unpacked"):
        unpack("bomb.zip", zipped({"main.vxml": PAGE, "big.wav": bytes(MAX_FILE_BYTES + 1)}))


def test_refuses_an_empty_file_and_a_broken_zip() -> None:
    with pytest.raises(Refused, match="empty"):
        unpack("main.vxml", b"")
    broken = bytearray(zipped({"main.vxml": PAGE * 50}))
    broken[60:120] = bytes(60)
    with pytest.raises(Refused):
        unpack("app.zip", bytes(broken))


@given(st.binary(max_size=300))
def test_any_bytes_are_taken_or_refused(content: bytes) -> None:
    try:
        files = unpack("upload.vxml", content)
    except Refused:
        return
    assert all(isinstance(body, bytes) for body in files.values())


def test_starts_with_the_named_entry_or_main_or_the_only_document() -> None:
    assert choose_entry({"a.vxml": PAGE, "b.vxml": PAGE}, "b.vxml") == "b.vxml"
    assert choose_entry({"a.vxml": PAGE, "main.vxml": PAGE}, "") == "main.vxml"
    assert choose_entry({"only.vxml": PAGE, "sub/other.vxml": PAGE}, "") == "only.vxml"


def test_asks_for_the_entry_when_it_cannot_tell() -> None:
    with pytest.raises(Refused, match=r"a\.vxml, b\.vxml"):
        choose_entry({"a.vxml": PAGE, "b.vxml": PAGE}, "")
    with pytest.raises(Refused, match="not in the upload"):
        choose_entry({"a.vxml": PAGE}, "gone.vxml")
    with pytest.raises(Refused, match=r"no \.vxml document"):
        choose_entry({"a.wav": b"RIFF"}, "")


def test_equal_uploads_have_equal_digests_and_any_change_another() -> None:
    files = {"main.vxml": PAGE, "hi.wav": b"RIFF"}
    assert digest_of(files, "main.vxml") == digest_of(dict(reversed(files.items())), "main.vxml")
    assert digest_of(files, "main.vxml") != digest_of({**files, "hi.wav": b"RIFX"}, "main.vxml")
    assert digest_of({"ab": b"c"}, "ab") != digest_of({"a": b"bc"}, "ab")


def test_refuses_a_document_too_large_to_be_checked_in_a_moment() -> None:
    large = PAGE + b" " * MAX_CHECKED_FILE_BYTES
    with pytest.raises(Refused, match=r"large\.vxml: larger than 2 MiB"):
        prepare("app.zip", zipped({"main.vxml": PAGE, "large.vxml": large}))


def test_refuses_more_documents_than_can_be_checked_in_a_moment() -> None:
    many = {f"program{number}.js": b" " * MAX_CHECKED_FILE_BYTES for number in range(4)}
    with pytest.raises(Refused, match=r"program3\.js: .* more than 8 MiB"):
        prepare("app.zip", zipped({"main.vxml": PAGE, **many}))


def test_audio_may_be_larger_than_what_is_checked() -> None:
    prepared = prepare("app.zip", zipped({"main.vxml": PAGE, "hold.wav": bytes(MAX_CHECKED_FILE_BYTES + 1)}))
    assert prepared.entry == "main.vxml"
    assert prepared.problems == []
