"""SSML 1.0 in prompts, section by section: what is put into words here, and what the synthesiser is handed."""

from __future__ import annotations

import pytest
from lxml import etree

from tests.support.voicexml import BASE, talk
from vxml.messages import AudioItem, BreakItem, Play, PromptItem, SpeechItem
from vxml.ssml.say_as import say_as


def items(prompt: str, attributes: str = "") -> list[PromptItem]:
    heard = talk(f"<form><block><prompt {attributes}>{prompt}</prompt></block></form>")
    return [item for command in heard.commands if isinstance(command, Play) for item in command.items]


def inner(prompt: str) -> str:
    """What is inside the `<speak>` of a prompt that is one stretch of speech."""
    (item,) = items(prompt)
    assert isinstance(item, SpeechItem)
    etree.fromstring(item.text)
    return item.text.partition(">")[2].removesuffix("</speak>")


# --- 3.1 structure ----------------------------------------------------------------------------------------


def test_paragraphs_and_sentences_by_either_name() -> None:
    assert inner("<p><s>One.</s><s>Two.</s></p>") == "<p><s>One.</s><s>Two.</s></p>"
    older = "<paragraph><sentence>One.</sentence></paragraph>"
    (item,) = items(older)
    assert isinstance(item, SpeechItem)
    assert "<p><s>One.</s></p>" in item.text


@pytest.mark.parametrize("element", ["p", "s", "voice", "lang"])
def test_another_language_is_a_stretch_of_its_own(element: str) -> None:
    said = items(f'One <{element} xml:lang="fr-FR">deux</{element}> three')
    assert [item.language for item in said if isinstance(item, SpeechItem)] == ["en-US", "fr-FR", "en-US"]


def test_languages_within_each_other() -> None:
    said = items('<p xml:lang="de">eins <s xml:lang="fr">deux</s> drei</p> four')
    assert [item.language for item in said if isinstance(item, SpeechItem)] == ["de", "fr", "de", "en-US"]


def test_values_are_put_into_the_words_of_the_language_around_them() -> None:
    said = items('<s xml:lang="de-DE"><say-as interpret-as="date">20261231</say-as></s>')
    assert isinstance(said[0], SpeechItem)
    assert "einunddreißigster Dezember 2026" in said[0].text


def test_lexicons_are_told_and_meta_is_silent() -> None:
    heard = talk('<form><block><prompt><lexicon uri="a.pls"/><metadata><x/></metadata>a</prompt></block></form>')
    assert (heard.prompts, heard.of("log")) == (["a"], ["line 2: lexicon a.pls is ignored"])


def test_sub_and_phoneme() -> None:
    assert items('<sub alias="Doctor">Dr.</sub> Ruiz') == [SpeechItem("Doctor Ruiz")]
    assert (
        inner('<phoneme alphabet="ipa" ph="tə&amp;">to</phoneme>')
        == '<phoneme alphabet="ipa" ph="tə&amp;">to</phoneme>'
    )


# --- 3.2 style --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "passed"),
    [
        ('rate="slow"', 'rate="slow"'),
        ('rate="0.5"', 'rate="0.5"'),
        ('rate="+10%"', 'rate="+10%"'),
        ('rate="quick"', ""),
        ('rate="0"', ""),
        ('rate="-x"', ""),
        ('volume="silent"', 'volume="silent"'),
        ('volume="55.5"', 'volume="55.5"'),
        ('volume="+20"', 'volume="+20"'),
        ('volume="-10%"', 'volume="-10%"'),
        ('volume="101"', ""),
        ('volume="loudest"', ""),
        ('pitch="high"', 'pitch="high"'),
        ('pitch="+15%"', 'pitch="+15%"'),
        ('pitch="-2st"', 'pitch="-2st"'),
        ('pitch="2st"', ""),
        ('pitch="180Hz"', 'pitch="150%"'),
        ('pitch="+12 Hz"', 'pitch="+10%"'),
        ('pitch="240"', ""),
        ('range="x-low"', 'range="x-low"'),
        ('range="60Hz"', 'range="50%"'),
        ('contour="(0%,+20Hz) (10%,+30%)"', 'contour="(0%,+20Hz) (10%,+30%)"'),
        ('contour="up"', ""),
        ('duration="1.5s"', 'duration="1.5s"'),
        ('duration="long"', ""),
        ('onclick="x"', ""),
    ],
)
def test_prosody(written: str, passed: str) -> None:
    assert inner(f"<prosody {written}>a</prosody>") == f"<prosody{' ' if passed else ''}{passed}>a</prosody>"


@pytest.mark.parametrize(
    ("written", "passed"),
    [
        ('<emphasis level="reduced">a</emphasis>', '<emphasis level="reduced">a</emphasis>'),
        ('<emphasis level="huge">a</emphasis>', "<emphasis>a</emphasis>"),
        (
            '<voice gender="female" age="30" variant="2">a</voice>',
            '<voice gender="female" age="30" variant="2">a</voice>',
        ),
        ('<voice name="Anna, Tom">a</voice>', '<voice name="Anna, Tom">a</voice>'),
        ('<voice name="../../etc/x" gender="robot" age="old">a</voice>', "<voice>a</voice>"),
    ],
)
def test_emphasis_and_voice(written: str, passed: str) -> None:
    assert inner(written) == passed


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [
        ("", 500),
        ('strength="x-weak"', 100),
        ('strength="x-strong"', 1000),
        ('strength="odd"', 500),
        ('time="250ms"', 250),
        ('time="+1.5s"', 1500),
        ('time=".5s" strength="none"', 500),
        ('time="soon"', 500),
        ('size="large"', 750),
    ],
)
def test_breaks(written: str, milliseconds: int) -> None:
    assert items(f"a<break {written}/>b") == [SpeechItem("a"), BreakItem(milliseconds), SpeechItem("b")]


def test_a_break_of_no_strength_joins() -> None:
    assert items('a <break strength="none"/>b') == [SpeechItem("a"), SpeechItem("b")]


# --- 3.3 other elements -----------------------------------------------------------------------------------


def test_audio_within_audio_and_its_description() -> None:
    said = items('<audio src="a.wav"><desc>a bell</desc><audio src="b.wav">ding <break time="1s"/></audio></audio>')
    inside = AudioItem(BASE + "b.wav", (SpeechItem("ding"), BreakItem(1000)))
    assert said == [AudioItem(BASE + "a.wav", (inside,))]


def test_audio_from_the_prompts_base() -> None:
    assert items('<audio src="a.wav"/>', 'xml:base="http://sounds.example/en/"') == [
        AudioItem("http://sounds.example/en/a.wav")
    ]


# --- say-as -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "form", "said"),
    [
        ("12/31", "date", "md", "December thirty first"),
        ("31/12/26", "date", "dmy", "December thirty first, twenty twenty six"),
        ("2026", "date", "y", "twenty twenty six"),
        ("12", "date", "m", "December"),
        ("????12??", "vxml:date", "", "December"),
        ("20261301", "date", "", "20261301"),
        ("32", "date", "d", "32"),
        ("12:05:01", "time", "hms12", "twelve oh five and one second"),
        ("23:15", "time", "hms24", "twenty three fifteen"),
        ("0000h", "vxml:time", "", "twelve a m"),
        ("2561", "time", "", "2561"),
        ("JPY500", "currency", "", "five hundred JPYs"),
        ("12.50", "vxml:currency", "", "twelve dollars and fifty cents"),
        ("+12025550100", "telephone", "", "plus, 1, 2 0 2, 5 5 5, 0 1 0 0"),
        ("5550100x12", "vxml:phone", "", "5 5 5, 0 1 0 0, extension 1 2"),
        ("ann@host.example", "net", "email", "ann at host dot example"),
        ("IBM", "acronym", "", "I B M"),
        ("true", "vxml:boolean", "", "yes"),
        ("-0.5", "number", "", "minus zero point five"),
        ("1,234", "cardinal", "", "one thousand two hundred thirty four"),
        ("x", "colour", "", "x"),
    ],
)
def test_in_english(text: str, kind: str, form: str, said: str) -> None:
    assert say_as(text, kind, form) == said


@pytest.mark.parametrize(
    ("language", "text", "kind", "said"),
    [
        ("de-DE", "20261231", "date", "einunddreißigster Dezember 2026"),
        ("de-DE", "0530p", "time", "17 Uhr 30"),
        ("de-DE", "EUR12.50", "currency", "12 Euro und 50 Cent"),
        ("de-AT", "1200.5", "number", "1200,5"),
        ("de-DE", "true", "boolean", "ja"),
        ("de-DE", "3", "ordinal", "dritte"),
        ("de-DE", "*1#", "characters", "Stern 1 Raute"),
        ("es-MX", "20260301", "date", "primero de marzo de 2026"),
        ("es-ES", "EUR1.01", "currency", "1 euro con 1 céntimo"),
        ("es-ES", "5550100x12", "telephone", "5 5 5, 0 1 0 0, extensión 1 2"),
        ("fr-FR", "20260301", "date", "premier mars 2026"),
        ("fr-FR", "0900", "time", "9 heures"),
        ("it-IT", "????0815", "date", "15 agosto"),
        ("it-IT", "1200a", "time", "ore 0"),
        ("nl-NL", "1430h", "time", "14 uur 30"),
        ("pt-BR", "BRL2.00", "currency", "2 reais"),
        ("pt-PT", "false", "boolean", "não"),
        ("pt-PT", "JPY500", "currency", "500 JPY"),
        ("fi-FI", "20261231", "date", "20261231"),
        ("fi-FI", "12", "digits", "1 2"),
    ],
)
def test_in_other_languages(language: str, text: str, kind: str, said: str) -> None:
    assert say_as(text, kind, "", language) == said


def test_older_pages_say_type() -> None:
    assert items('<say-as type="date:mdy">12/31/2026</say-as>') == [
        SpeechItem("December thirty first, twenty twenty six")
    ]
