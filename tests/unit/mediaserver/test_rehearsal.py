"""What a dialog does while its call rings: it gets ready, and nobody may notice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mediaserver import wire
from mediaserver.clipstore import ClipStore
from mediaserver.dialog.conversation import Conversation
from mediaserver.dialog.fetch import Visitor
from mediaserver.dialog.prompts import PromptRenderer
from mediaserver.dialog.speech import ToneSynthesizer
from vxml import ConnectionInfo, Session, SessionConfig
from vxml.messages import Ended, EndReason, Fetch, Fetched

pytestmark = pytest.mark.asyncio
FORM = '<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form>{}</form></vxml>'
GREET = FORM.format('<field name="key" type="digits?length=1"><prompt>Hello</prompt></field>')
SUBMIT = FORM.format('<block><var name="rang" expr="1"/><submit next="http://x/result" namelist="rang"/></block>')
ASK = FORM.format(
    '<field name="key" type="digits"><property name="timeout" value="0.05s"/>'
    '<noinput><exit expr="1"/></noinput></field>'
)


class Pages:
    """A fetcher that notes what was asked for."""

    def __init__(self, first: str) -> None:
        self.first = first
        self.asked: list[str] = []

    def forget(self, visitor: Visitor) -> None:
        self.first = ""

    async def fetch(self, command: Fetch, visitor: Visitor) -> Fetched:
        self.asked.append(f"{command.method} {command.url}")
        body = self.first if command.url.endswith("start") else FORM.format("<block><exit/></block>")
        return Fetched(command.id, command.url, 200, body.encode())


class Voice(ToneSynthesizer):
    def __init__(self) -> None:
        self.spoken: list[str] = []

    async def speak(self, text: str, language: str, ssml: bool) -> bytes:
        self.spoken.append(text)
        return await super().speak(text, language, ssml)


class Bench:
    def __init__(self, directory: Path, page: str) -> None:
        self.pages, self.voice, self.said = Pages(page), Voice(), list[Any]()
        self.ended: list[str] = []
        decoder = wire.Decoder()
        start = wire.StartDialog("c", "http://x/start", {}, "+1", "+2", "o", "r", ("http://x",))
        session = Session(SessionConfig(start.application, {}, ConnectionInfo(local_uri="+2", remote_uri="+1")))
        renderer = PromptRenderer(ClipStore(directory), self.voice, self.pages)
        self.dialog = Conversation(
            start,
            session,
            self.pages,
            renderer,
            "",
            lambda frame: self.said.extend(decoder.feed(frame)),
            self.ended.append,
        )

    async def until(self, kind: type[Any]) -> Any:
        async with asyncio.timeout(30):
            while True:
                for message in self.said:
                    if isinstance(message, kind):
                        return message
                await asyncio.sleep(0.005)

    async def ring(self, spoken: int = 0) -> None:
        """It has rung until the first page and so many prompts were there, and a little longer."""
        self.dialog.start()
        async with asyncio.timeout(30):
            while not self.pages.asked or len(self.voice.spoken) < spoken:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)


async def test_the_first_prompt_is_made_while_it_rings_and_played_at_the_answer(tmp_path: Path) -> None:
    bench = Bench(tmp_path, GREET)
    await bench.ring(spoken=1)
    assert (bench.pages.asked, len(bench.voice.spoken), bench.said) == (["GET http://x/start"], 1, [])
    bench.dialog.answered()
    play = await bench.until(wire.PlayClips)
    assert play.clips[0].file.startswith(str(tmp_path))
    assert len(bench.voice.spoken) == 1
    bench.dialog.close()


async def test_what_a_script_would_do_to_the_world_waits_for_the_answer(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SUBMIT)
    await bench.ring()
    assert bench.pages.asked == ["GET http://x/start"]
    bench.dialog.answered()
    await bench.until(wire.DialogOver)
    assert bench.pages.asked[1:] == ["GET http://x/result?rang=1"]


async def test_nobody_hears_of_a_script_whose_call_is_not_answered(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SUBMIT)
    await bench.ring()
    bench.dialog.hung_up()
    await asyncio.sleep(0.05)
    assert (bench.pages.asked, bench.said, bench.ended) == (["GET http://x/start"], [], ["c"])


async def test_the_time_to_answer_a_question_begins_with_the_answer(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ASK)
    await bench.ring()
    await asyncio.sleep(0.1)
    assert bench.said == []
    bench.dialog.answered()
    assert (await bench.until(wire.DialogOver)).reason == "exit"


async def test_a_broken_script_is_an_error_of_the_answered_call(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "<vxml")
    await bench.ring()
    assert bench.said == []
    bench.dialog.answered()
    assert (await bench.until(wire.DialogOver)).reason == "error"


async def test_values_that_cannot_be_sent_end_the_dialog_with_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep: Any = "x"
    for _ in range(600):
        deep = [deep]
    bench = Bench(tmp_path, GREET)
    bench.dialog.answered()
    monkeypatch.setattr(Session, "commands", lambda self: [Ended(EndReason.EXIT, {"deep": deep})])
    bench.dialog.start()
    over = await bench.until(wire.DialogOver)
    assert (over.reason, over.values, bench.ended) == ("error", {}, ["c"])


MARKED = FORM.format(
    '<field name="key" type="digits?length=1"><prompt>One <mark name="first"/> two <mark name="second"/></prompt>'
    '<filled><log>passed <value expr="key$.markname"/></log><exit/></filled></field>'
)


@pytest.mark.parametrize(("heard", "mark"), [("none", "undefined"), ("first", "first"), ("all", "second")])
async def test_the_marks_that_were_heard_are_told_to_the_script(tmp_path: Path, heard: str, mark: str) -> None:
    bench = Bench(tmp_path, MARKED)
    await bench.ring()
    bench.dialog.answered()
    play = await bench.until(wire.PlayClips)
    lengths = [_milliseconds(clip.file) for clip in play.clips]
    milliseconds = {"none": lengths[0] - 1, "first": lengths[0], "all": sum(lengths)}[heard]
    bench.dialog.played(play.play, heard == "all", milliseconds)
    bench.dialog.press("1")
    await bench.until(wire.DialogOver)
    assert f"log: passed {mark}" in [message.text for message in bench.said if isinstance(message, wire.Step)]


def _milliseconds(file: str) -> int:
    return Path(file).stat().st_size // 8
