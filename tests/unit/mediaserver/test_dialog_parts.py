"""What dialogs are made of: where they may fetch, what is cached, audio files, recordings, prompts."""

from __future__ import annotations

import base64
import io
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.clipstore import ClipStore
from mediaserver.dialog import audio, g711, speech
from mediaserver.dialog.fetch import Visitor
from mediaserver.dialog.policy import Policy
from mediaserver.dialog.prompts import PromptRenderer
from mediaserver.dialog.recorder import Recorder
from mediaserver.dialog.speech import SpeechFailed, ToneSynthesizer
from mediaserver.wire import Clip
from vxml.messages import AudioItem, BreakItem, Fetch, Fetched, FetchFailed, FetchProblem, Record, SpeechItem

VISITOR = Visitor(Policy(()))


def wav(rate: int, width: int, channels: int, seconds: float = 0.5) -> bytes:
    moments = np.arange(int(rate * seconds)) / rate
    tone = np.sin(2 * np.pi * 440 * moments) * 0.5
    full = np.repeat(tone, channels)
    data = {
        1: lambda: (full * 127 + 128).astype(np.uint8).tobytes(),
        2: lambda: (full * 32767).astype("<i2").tobytes(),
        3: lambda: (full * 8388607).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes(),
        4: lambda: (full * 2147483647).astype("<i4").tobytes(),
    }[width]()
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(data)
    return file.getvalue()


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_wav_becomes_the_same_tone(rate: int, width: int, channels: int) -> None:
    clip = audio.to_ulaw(wav(rate, width, channels))
    samples = g711.decode_ulaw(clip).astype(float)
    assert abs(len(samples) - 4000) <= 4
    spectrum = np.abs(
        np.fft.rfft(samples[:4000] if len(samples) >= 4000 else np.pad(samples, (0, 4000 - len(samples))))
    )
    assert abs(int(spectrum.argmax()) * 2 - 440) <= 2
    assert 0.4 < np.abs(samples).max() / 32768 < 0.6


def test_a_recording_is_a_wav_that_reads_back() -> None:
    clip = bytes(range(256))
    assert audio.to_ulaw(audio.to_wav(clip)).translate(bytes(range(256))) is not None
    with wave.open(io.BytesIO(audio.to_wav(clip))) as reader:
        assert (reader.getframerate(), reader.getnchannels(), reader.getnframes()) == (8000, 1, 256)


def test_bare_g711_is_told_by_its_type_or_name() -> None:
    assert audio.to_ulaw(b"\x80" * 8, "audio/basic") == b"\x80" * 8
    assert audio.to_ulaw(b"\xd5" * 8, name="x.alaw") == b"\xfe" * 8


@pytest.mark.parametrize(
    "data", [b"", b"ID3" + bytes(50), wav(8000, 2, 1)[:20], b"RIFF\0\0\0\0WAVE", wav(8000, 2, 1)[:24] + bytes(40)]
)
def test_what_is_no_audio_is_refused(data: bytes) -> None:
    with pytest.raises(audio.UnreadableAudio):
        audio.to_ulaw(data)


@given(st.binary(max_size=200))
def test_any_bytes_after_a_wav_header_are_read_or_refused(data: bytes) -> None:
    try:
        audio.to_ulaw(b"RIFF\0\0\0\0WAVE" + data)
    except audio.UnreadableAudio:
        return


SPEECH = b"\x90" * 800
QUIET = b"\xff" * 800


def test_a_recording_ends_after_speech_and_silence() -> None:
    recorder = Recorder(Record(1, max_seconds=10, final_silence=0.5, beep=False))
    assert all(recorder.hear(SPEECH) is None for _ in range(5))
    ends = [recorder.hear(QUIET) for _ in range(5)]
    assert ends[:4] == [None] * 4
    assert ends[4] is not None
    assert (ends[4].ended_by, ends[4].duration_ms) == ("silence", 1000)


def test_a_recording_without_a_word_has_no_audio() -> None:
    recorder = Recorder(Record(1, max_seconds=60, final_silence=1, beep=False))
    recorded = next(one for _ in range(60) if (one := recorder.hear(QUIET)))
    assert (recorded.audio, recorded.ended_by, recorded.duration_ms) == (b"", "silence", 5000)


def test_a_recording_ends_at_its_longest_and_at_its_keys() -> None:
    recorder = Recorder(Record(1, max_seconds=0.2, final_silence=1, beep=False, term_keys="#"))
    assert recorder.press("1") is None
    recorder.hear(SPEECH)
    longest = recorder.hear(SPEECH)
    assert longest is not None
    assert longest.ended_by == "maxtime"
    ended = recorder.press("#")
    assert ended is not None
    assert ended.ended_by == "#"


def test_ssml_keeps_its_words_and_loses_what_could_read_files() -> None:
    cleaned = speech._clean("<speak>a<!-- c -->b<audio src='/etc/passwd'>or this</audio><?pi x?>c</speak>")
    assert cleaned == "<speak>ab<s>or this</s>c</speak>"
    with pytest.raises(SpeechFailed):
        speech._clean("<speak>")


def test_external_entities_are_not_read() -> None:
    text = '<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><speak>&x;</speak>'
    assert "root" not in speech._clean(text)


def content(clip: Clip) -> bytes:
    return Path(clip.file).read_bytes()


def below(directory: Path) -> list[Path]:
    return list(directory.rglob("*"))


class Shelf:
    """A fetcher of what it was given."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def forget(self, visitor: Visitor) -> None:
        self._files.clear()

    async def fetch(self, command: Fetch, visitor: Visitor) -> Fetched | FetchFailed:
        if command.url not in self._files:
            return FetchFailed(command.id, FetchProblem.UNREACHABLE, "gone")
        return Fetched(command.id, command.url, 200, self._files[command.url], "audio/basic")


class CountingSynthesizer(ToneSynthesizer):
    def __init__(self) -> None:
        self.spoken: list[str] = []

    async def speak(self, text: str, language: str, ssml: bool) -> bytes:
        self.spoken.append(text)
        return await super().speak(text, language, ssml)


@pytest.mark.asyncio
async def test_a_prompt_is_spoken_once_and_kept(tmp_path: Path) -> None:
    voice = CountingSynthesizer()
    renderer = PromptRenderer(ClipStore(tmp_path), voice, Shelf({}))
    items = (SpeechItem("hello"), BreakItem(500), SpeechItem("hello"))
    first = await renderer.render(items, VISITOR)
    again = await PromptRenderer(ClipStore(tmp_path), voice, Shelf({})).render(items, VISITOR)
    assert voice.spoken == ["hello"]
    assert first == again
    assert first.clips[1] == Clip(silence_ms=500)
    assert content(first.clips[0])


@pytest.mark.asyncio
async def test_long_speech_is_spoken_in_pieces_between_words(tmp_path: Path) -> None:
    voice = CountingSynthesizer()
    rendered = await PromptRenderer(ClipStore(tmp_path), voice, Shelf({})).render((SpeechItem("word " * 700),), VISITOR)
    assert sorted(len(text) for text in voice.spoken) == [1500, 2000]
    assert rendered.counts == (2,)


@pytest.mark.asyncio
async def test_private_text_never_reaches_the_disk(tmp_path: Path) -> None:
    renderer = PromptRenderer(ClipStore(tmp_path), CountingSynthesizer(), Shelf({}))
    rendered = await renderer.render((SpeechItem("4 1 1 1", private=True),), VISITOR)
    assert below(tmp_path) == []
    assert [name for name, _ in rendered.inline] == [rendered.clips[0].inline]


@pytest.mark.asyncio
async def test_keys_in_the_place_of_audio_are_sent_and_what_is_no_key_is_told(tmp_path: Path) -> None:
    renderer = PromptRenderer(ClipStore(tmp_path), ToneSynthesizer(), Shelf({}))
    rendered = await renderer.render((AudioItem("dtmf:12%23a*"), AudioItem("dtmf:#5"), AudioItem("dtmf:x")), VISITOR)
    assert rendered.clips == (Clip(keys="12#A*"), Clip(keys="#5"))
    assert len(rendered.failures) == 1
    assert rendered.moments(((2, "end"),)) == ((7 * 180, "end"),)


@pytest.mark.asyncio
async def test_audio_that_cannot_be_had_is_replaced_by_its_alternate(tmp_path: Path) -> None:
    renderer = PromptRenderer(ClipStore(tmp_path), ToneSynthesizer(), Shelf({"http://x/ok.ulaw": b"\x10" * 80}))
    found = await renderer.render((AudioItem("http://x/ok.ulaw"),), VISITOR)
    spoken = await renderer.render((AudioItem("http://x/no.ulaw", (SpeechItem("hi"),)),), VISITOR)
    nothing = await renderer.render((AudioItem("http://x/no.ulaw?card=4111"), SpeechItem("next")), VISITOR)
    assert content(found.clips[0]) == b"\x10" * 80
    assert (len(spoken.clips), spoken.failures) == (1, ())
    assert (len(nothing.clips), nothing.failures) == (1, ("no.ulaw: gone",))


@pytest.mark.asyncio
async def test_a_recording_is_played_back_and_never_kept_on_disk(tmp_path: Path) -> None:
    renderer = PromptRenderer(ClipStore(tmp_path), ToneSynthesizer(), Shelf({}))
    said = base64.b64encode(audio.to_wav(b"\x10" * 800)).decode()
    played = await renderer.render((AudioItem("data:audio/wav;base64," + said),), VISITOR)
    broken = await renderer.render((AudioItem("data:audio/wav;base64,!!"), AudioItem("data:text/plain,x")), VISITOR)
    assert [len(clip) for _, clip in played.inline] == [800]
    assert below(tmp_path) == []
    assert (broken.clips, len(broken.failures)) == ((), 2)


@pytest.mark.asyncio
async def test_audio_fetched_ahead_serves_once_and_what_cannot_be_had_harms_nobody(tmp_path: Path) -> None:
    shelf = Shelf({"http://x/ok.ulaw": b"\x10" * 80})
    renderer = PromptRenderer(ClipStore(tmp_path), ToneSynthesizer(), shelf)
    await renderer.prepare((AudioItem("http://x/no.ulaw"), AudioItem("http://x/ok.ulaw")), VISITOR)
    shelf.forget(VISITOR)
    wanted = (AudioItem("http://x/ok.ulaw"),)
    too_old = await renderer.render((AudioItem("http://x/no.ulaw", max_age=0.0),), VISITOR)
    first, second = await renderer.render(wanted, VISITOR), await renderer.render(wanted, VISITOR)
    assert content(first.clips[0]) == b"\x10" * 80
    assert (second.clips, too_old.clips) == ((), ())


@pytest.mark.asyncio
async def test_audio_fetched_ahead_is_its_sessions_own(tmp_path: Path) -> None:
    shelf = Shelf({"http://x/ok.ulaw": b"\x10" * 80})
    renderer = PromptRenderer(ClipStore(tmp_path), ToneSynthesizer(), shelf)
    wanted = (AudioItem("http://x/ok.ulaw"),)
    await renderer.prepare(wanted, VISITOR)
    shelf.forget(VISITOR)
    assert (await renderer.render(wanted, Visitor(Policy(()), "another"))).clips == ()
    renderer.forget(VISITOR)
    assert (await renderer.render(wanted, VISITOR)).clips == ()
