"""Recordings: the time line, the files, and when a call is recorded."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import Refused
from common.recording import RecordMode, RecordRules
from mediaserver import wire
from mediaserver.lines import base
from mediaserver.scribe import wav
from mediaserver.scribe.desk import MENDED, Desk
from mediaserver.switch import recordings
from mediaserver.switch.bridges import Conflict
from mediaserver.switch.live import LiveCall
from mediaserver.switch.sidecar import Helper
from mediaserver.switch.tracks import Tracks
from tests.support.switchboard import Bench

HEARD, SAID, SILENCE = b"\x20" * 160, b"\xa0" * 160, b"\xff" * 160


def halves(audio: bytes) -> tuple[bytes, bytes]:
    return audio[: len(audio) // 2], audio[len(audio) // 2 :]


def test_both_directions_lie_side_by_side() -> None:
    tracks = Tracks()
    tracks.spoken(SAID)
    tracks.heard(HEARD)
    tracks.spoken(SAID)

    assert halves(tracks.take(all_of_it=True)) == (SILENCE + HEARD, SAID + SAID)
    assert tracks.take(all_of_it=True) == b""
    assert tracks.seconds == 0.04


def test_what_is_heard_goes_on_where_nothing_is_sent() -> None:
    tracks = Tracks()
    for _ in range(50):
        tracks.heard(HEARD)
    heard, spoken = halves(tracks.take())

    assert heard == HEARD * 40
    assert spoken == SILENCE * 40


def test_a_pause_is_silence_of_its_length_and_nothing_of_it_comes_later() -> None:
    tracks = Tracks()
    tracks.spoken(SAID)
    tracks.pause(True)
    tracks.heard(HEARD)
    tracks.spoken(SAID)
    tracks.heard(HEARD)
    tracks.pause(False)
    tracks.spoken(SAID)

    assert halves(tracks.take(all_of_it=True)) == (SILENCE * 3, SAID + SILENCE + SAID)
    assert tracks.silenced == 160


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("hspr")))
def test_the_time_line_is_never_shorter_than_what_was_sent_nor_much_behind_what_was_heard(steps: list[str]) -> None:
    tracks, heard, said = Tracks(), 0, 0
    for step in steps:
        if step == "h":
            tracks.heard(HEARD)
            heard += 160
        elif step == "s":
            tracks.spoken(SAID)
            said += 160
        else:
            tracks.pause(step == "p")
    audio = tracks.take(all_of_it=True)

    assert len(audio) == 2 * tracks.length
    assert said <= tracks.length <= said + heard


def read(path: Path) -> tuple[int, bytes]:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getsampwidth()) == (8000, 2)
        return file.getnchannels(), file.readframes(file.getnframes())


class Written:
    def __init__(self, directory: Path) -> None:
        self.told: list[wire.RecordingOver] = []
        self.desk = Desk(directory, self.told.append)

    def write(self, mode: RecordMode) -> None:
        self.desk.receive(wire.BeginRecording("a1-1", "day/a1-1.wav", mode.value))
        self.desk.receive(wire.Audio("a1-1", HEARD + SAID))


@pytest.mark.parametrize(
    ("mode", "channels", "first"),
    [(RecordMode.HEARD, 1, (-7932,)), (RecordMode.STEREO, 2, (-7932, 7932)), (RecordMode.MIXED, 1, (0,))],
)
def test_a_recording_is_a_wav_file_as_its_mode_says(
    tmp_path: Path, mode: RecordMode, channels: int, first: tuple[int, ...]
) -> None:
    written = Written(tmp_path)
    written.write(mode)
    written.desk.receive(wire.EndRecording("a1-1"))

    found, samples = read(tmp_path / "day" / "a1-1.wav")
    assert found == channels
    assert len(samples) == 160 * 2 * channels
    assert tuple(memoryview(samples).cast("h")[:channels]) == first
    assert written.told == [wire.RecordingOver("a1-1", "", 20, "")]


def test_what_a_crash_left_open_is_mended(tmp_path: Path) -> None:
    crashed = Written(tmp_path)
    crashed.write(RecordMode.STEREO)
    crashed.desk._open["a1-1"].wav._file.close()
    unfinished = tmp_path / "day" / "a1-1.wav.part"
    with unfinished.open("ab") as file:
        file.write(b"\x01")
    (tmp_path / "day" / "a2-1.wav.part").write_bytes(b"RIFF")
    later = Written(tmp_path)
    later.desk.mend()

    assert later.told == [wire.RecordingOver("", "day/a1-1.wav", 20, MENDED)]
    assert len(read(tmp_path / "day" / "a1-1.wav")[1]) == 640
    assert [path.name for path in (tmp_path / "day").iterdir()] == ["a1-1.wav"]


def test_a_full_disk_ends_the_recording_and_keeps_what_it_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Written(tmp_path)
    written.write(RecordMode.MIXED)
    with io.FileIO("/dev/full", "w") as full:
        monkeypatch.setattr(wav.GrowingWav, "_write", lambda _, data: full.write(data))
        written.desk.receive(wire.Audio("a1-1", HEARD + SAID))

    (told,) = written.told
    assert (told.recording, told.duration_ms) == ("a1-1", 20)
    assert "No space left" in told.problem


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "day").write_text("in the way")
    written = Written(tmp_path)
    written.write(RecordMode.MIXED)

    assert [told.problem for told in written.told] == ["File exists"]


@pytest.mark.parametrize("body", [{"mode": "loud"}, {"beep": 0.5}, {"beep": True}, {"volume": 1}])
def test_rules_that_are_none_are_refused_by_their_field(body: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=f"record.{next(iter(body))}"):
        RecordRules.from_json(body)


# --- on the switchboard


class Writer:
    """The writing process, in memory."""

    pid = 1

    def __init__(self, module: str, owner: Helper, arguments: tuple[str, ...]) -> None:
        self.owner = owner
        self.told: list[Any] = []

    def send(self, frame: bytes) -> None:
        self.told += wire.Decoder().feed(frame)
        for message in tuple(self.told):
            if isinstance(message, wire.EndRecording):
                self.told.remove(message)
                self.owner.said(wire.RecordingOver(message.recording, "", 1500, ""))

    async def close(self) -> None: ...


class Studio(Bench):
    @property
    def writer(self) -> Writer:
        return cast("Writer", self.board.recordings._writer)

    @property
    def call(self) -> LiveCall:
        found = self.board.roster.find("a1")
        assert found is not None
        return found

    def events(self, kind: str) -> list[dict[str, Any]]:
        lines = [orjson.loads(line) for line in self.board.events.after(0)[1]]
        return [one["detail"] for one in lines if one["type"] == kind]

    @property
    def tapped(self) -> list[bool]:
        return [asked[1] for asked in self.line.asked if asked[0] == "tap"]

    def paused(self) -> bool:
        return bool(self.board.recordings.facts(self.call)["paused"])


@pytest_asyncio.fixture
async def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Studio]:
    monkeypatch.setattr(recordings, "Sidecar", Writer)
    studio = Studio(tmp_path)
    await studio.board.start()
    yield studio
    await studio.board.close()


@pytest.mark.asyncio
async def test_a_call_is_recorded_from_its_answer_to_its_end(studio: Studio) -> None:
    await studio.answered(record=RecordRules(RecordMode.STEREO))
    for _ in range(30):
        studio.line.say(base.Heard("a1", HEARD))
        studio.line.say(base.Spoken("a1", SAID))
    studio.hung_up()

    begun, first, rest = studio.writer.told
    assert begun.mode == "stereo"
    assert begun.file.endswith("/a1-1.wav")
    assert len(first.audio) + len(rest.audio) == 30 * 320
    assert studio.tapped == [True]
    (event,) = studio.events("recorded")
    assert event == {"file": begun.file, "seconds": 1.5, "paused_seconds": 0.0, "problem": ""}


@pytest.mark.asyncio
async def test_nothing_is_recorded_while_keys_or_words_are_private(studio: Studio) -> None:
    await studio.answered(record=RecordRules(RecordMode.MIXED))
    studio.dialog(wire.MaskKeys("a1", True, 0))
    assert studio.paused()
    studio.line.say(base.Spoken("a1", SAID))
    studio.dialog(wire.MaskKeys("a1", False, 0))
    assert not studio.paused()
    studio.pool.worker.inline["x"] = SAID
    studio.dialog(wire.PlayClips("a1", 3, (wire.Clip(inline="x"),), False, 0))
    assert studio.paused()
    studio.line.say(base.Played("a1", 3, True, 20))
    assert not studio.paused()
    studio.dialog(wire.MaskKeys("a1", True, 0))
    studio.board.sessions.dialog_lost("a1", "killed")
    assert not studio.paused()
    studio.hung_up()

    assert studio.writer.told[-1].audio == SILENCE * 2
    assert studio.events("recorded")[0]["paused_seconds"] == 0.02


@pytest.mark.asyncio
async def test_an_order_pauses_until_another_lets_it_go_on(studio: Studio) -> None:
    await studio.answered()
    studio.board.recordings.begin(studio.call, RecordRules(RecordMode.MIXED))
    studio.board.recordings.pause(studio.call, True)
    studio.dialog(wire.MaskKeys("a1", True, 0))
    studio.dialog(wire.MaskKeys("a1", False, 0))
    assert studio.paused()
    studio.board.recordings.pause(studio.call, False)
    assert not studio.paused()
    with pytest.raises(Conflict, match="already"):
        studio.board.recordings.begin(studio.call, RecordRules(RecordMode.MIXED))
    studio.board.recordings.end(studio.call)
    assert studio.tapped == [True, False]
    with pytest.raises(Conflict, match="not recorded"):
        studio.board.recordings.pause(studio.call, True)


@pytest.mark.asyncio
async def test_beeps_tell_of_the_recording_but_cut_no_prompt(studio: Studio) -> None:
    await studio.answered(record=RecordRules(RecordMode.MIXED, beep=15.0))
    assert studio.line.asked[-1][0] == "play"
    studio.dialog(wire.PlayClips("a1", 3, (wire.Clip(silence_ms=20),), False, 0))
    plays = len(studio.line.asked)
    recording = studio.board.recordings._by_call["a1"]
    studio.board.recordings._beep(recording)

    assert len(studio.line.asked) == plays


@pytest.mark.asyncio
async def test_a_disk_that_takes_no_more_ends_the_recording_and_says_why(studio: Studio) -> None:
    await studio.answered(record=RecordRules(RecordMode.MIXED))
    studio.board.recordings.said(wire.RecordingOver("a1-1", "", 900, "No space left on device"))

    (event,) = studio.events("recorded")
    assert (event["seconds"], event["problem"]) == (0.9, "No space left on device")
    assert studio.status().state == "answered"


@pytest.mark.asyncio
async def test_a_writing_process_that_died_is_replaced_and_the_call_goes_on_in_a_new_file(studio: Studio) -> None:
    await studio.answered(record=RecordRules(RecordMode.MIXED))
    for _ in range(9):
        studio.board.recordings.lost()
    begun = [message.file for message in studio.writer.told if isinstance(message, wire.BeginRecording)]

    assert [Path(file).stem for file in begun] == ["a1-1", "a1-2", "a1-3", "a1-4", "a1-5"]
    studio.board.recordings.said(wire.RecordingOver("", begun[0], 700, MENDED))
    assert studio.events("recorded") == [{"file": begun[0], "seconds": 0.7, "paused_seconds": 0.0, "problem": MENDED}]


@pytest.mark.asyncio
async def test_a_line_that_cannot_record_is_told_before_the_call_leaves(studio: Studio) -> None:
    studio.line.capabilities = frozenset({base.Capability.LISTEN})
    with pytest.raises(Refused, match=r"record\.mode"):
        await studio.place(record=RecordRules(RecordMode.MIXED))


def test_the_header_says_what_follows() -> None:
    assert wav.HEADER.size == 44
    with wave.open(io.BytesIO(wav.header(2, 8) + bytes(8))) as file:
        assert file.getnframes() == 2
