"""Statements of VoiceXML 2.0 one by one, where one short document shows what is meant."""

from __future__ import annotations

import pytest

from tests.support.voicexml import page, talk

CAUGHT = "<catch><log><value expr='_event'/></log><exit/></catch>"
SEVEN = """<grammar mode="dtmf" root="r" tag-format="semantics/1.0"{}><rule id="r">7<tag>{}</tag></rule></grammar>"""
DOCUMENT = ' scope="document"'
X = "<field name='x'><filled><log>filled</log></filled></field>"
ASK = '<form id="a"><field name="f" type="boolean"><prompt>A</prompt></field></form>'


def logged(body: str, script: str = "", **options: object) -> list[str]:
    return talk(body, script, **options).of("log")


@pytest.mark.parametrize(
    ("body", "script", "prompts"),
    [
        # Section 4.1.6 and appendix C: prompt counters, and what resets them.
        ("<field name='a' type='boolean'><prompt>1</prompt><prompt count='3'>3</prompt></field>", "nnnh", "1 1 3 3"),
        (
            "<field name='a' type='boolean'><prompt>1</prompt><prompt count='2'>2</prompt>"
            "<filled><if cond='!a'><goto nextitem='a'/></if></filled></field>",
            "21",
            "1 2",
        ),
        (
            "<var name='n' expr='0'/><field name='a' type='boolean'><prompt>1</prompt><prompt count='2'>2</prompt>"
            "</field><block><assign name='n' expr='n+1'/><if cond='n==1'><clear/></if></block>",
            "11",
            "1 1",
        ),
        # A prompt whose cond is false does not count when the highest count is looked for.
        (
            "<field name='a' type='boolean'><prompt>1</prompt><prompt count='2' cond='false'>2</prompt></field>",
            "nh",
            "1 1",
        ),
        # After a catch without reprompt the next item is not announced either.
        (
            "<field name='a' type='boolean'><prompt>A</prompt><noinput><assign name='a' expr='true'/></noinput></field>"
            "<field name='b' type='boolean'><prompt>B</prompt></field>",
            "n1",
            "A",
        ),
        # Reprompt means nothing outside a catch.
        (
            "<field name='a' type='boolean'><prompt>A</prompt><filled><reprompt/></filled></field>"
            "<field name='b' type='boolean'><prompt>B</prompt></field>",
            "11",
            "A B",
        ),
        # Default handlers: help, noinput and nomatch ask again, cancel does not (section 5.2.5).
        ("<link dtmf='0' event='help'/><field name='a' type='boolean'><prompt>A</prompt></field>", "01", "A A"),
        ("<link dtmf='0' event='cancel'/><field name='a' type='boolean'><prompt>A</prompt></field>", "01", "A"),
        ("<link dtmf='0' event='exit'/><field name='a' type='boolean'><prompt>A</prompt></field>", "01", "A"),
        # Prompts are queued until the interpreter waits (section 4.1.8).
        (
            "<block>One</block><block>Two</block><field name='f' type='boolean'><prompt>Three</prompt></field>",
            "1",
            "One Two Three",
        ),
    ],
)  # fmt: skip
def test_what_the_caller_hears(body: str, script: str, prompts: str) -> None:
    assert " ".join(talk(f"<form>{body}</form>", script).prompts) == prompts


@pytest.mark.parametrize(
    ("body", "script", "logs"),
    [
        # Section 5.2.4: scope first among equal counts, the highest fitting count before all.
        ("<noinput><log>doc</log><exit/></noinput><form><noinput><log>form</log><exit/></noinput>"
         "<field name='f' type='boolean'><noinput count='2'><log>item</log></noinput></field></form>", "n", ["form"]),
        ("<noinput count='2'><log>doc 2</log><exit/></noinput><form><field name='f' type='boolean'>"
         "<noinput><log>item 1</log></noinput></field></form>", "nn", ["item 1", "doc 2"]),
        # Each event has a counter of its own.
        ("<form><field name='f' type='boolean'><noinput count='2'><log>2</log><exit/></noinput>"
         "<catch event='noinput nomatch'><log>1</log></catch></field></form>", "n*n", ["1", "1", "2"]),
        # The counters of an item stay while its form runs.
        ("<form><subdialog name='s' src='#x'><catch event='e' count='2'><log>second</log><exit/></catch>"
         "<catch event='e'><log>first</log></catch></subdialog></form>"
         "<form id='x'><block><return event='e'/></block></form>", "", ["first", "second"]),
        # A handler's cond sees the event; trailing dots are nothing.
        ("<catch event='a.' cond=\"_event == 'a.c'\"><log>c</log><exit/></catch>"
         "<catch event='a.'><log>any a</log><exit/></catch>"
         "<form><block><throw event='a.b'/></block></form>", "", ["any a"]),
        # What a catch declares is gone after it.
        ("<form><catch event='e'><var name='v' expr='1'/></catch><block><throw event='e'/></block>"
         "<block><log><value expr='typeof v'/></log></block></form>", "", ["undefined"]),
    ],
)  # fmt: skip
def test_which_handler_takes_it(body: str, script: str, logs: list[str]) -> None:
    assert logged(body, script) == logs


@pytest.mark.parametrize(
    ("other", "logs"),
    [
        (f"<form id='b' scope='document'>{SEVEN.format('', 'out.x=1')}{X}</form>", ["filled"]),
        (f"<form id='b'>{SEVEN.format(DOCUMENT, 'out.x=1')}{X}</form>", ["filled"]),
        (f"<form id='b'>{SEVEN.format('', 'out.x=1')}{X}</form>", []),
        (
            "<menu scope='document'><choice dtmf='7' next='#c'>see</choice></menu>"
            "<form id='c'><block><log>chosen</log></block></form>",
            ["chosen"],
        ),
    ],
)
def test_grammars_of_other_dialogs_listen_where_they_reach_the_document(other: str, logs: list[str]) -> None:
    assert logged(ASK + other, "71") == logs


def test_an_items_own_grammar_goes_before_those_around_it() -> None:
    body = f"""{CAUGHT}<link dtmf="1" event="link"/><form><field name="f" type="boolean"><filled><log>field</log>
      </filled></field></form>"""
    assert logged(body, "1") == ["field"]


def test_a_modal_field_hears_nothing_but_its_own() -> None:
    body = f"""{CAUGHT}<link dtmf="9" event="link"/><form><field name="f" modal="{{}}" type="boolean"/></form>"""
    assert logged(body.format("true"), "9") == ["nomatch"]
    assert logged(body.format("false"), "9") == ["link"]


@pytest.mark.parametrize(
    ("slot", "tag", "value"),
    [
        ("", "out.x=1; out.y=2", "3"),
        ('slot="y"', "out.x=1; out.y={x: 1, y: 2}", "3"),
        ('slot="z.u"', "out.z={u: {x:1, y:2}}", "3"),
    ],
)
def test_a_fields_value_is_its_slots_or_else_the_whole_result(slot: str, tag: str, value: str) -> None:
    body = f"""<form><field name="f" {slot}>{SEVEN.format("", tag)}<filled><log><value expr="f.x + f.y"/></log></filled>
      </field></form>"""
    assert logged(body, "7") == [value]


def test_filled_elements_run_in_document_order_as_they_fall_due() -> None:
    body = f"""<form>{SEVEN.format("", "out.a=1; out.b=2")}<filled mode="any" namelist="b"><log>any b</log></filled>
      <initial/><field name="a"><filled><log>a</log></filled></field><field name="b"><filled>
      <log>b</log></filled></field><field name="c" cond="false"/><filled namelist="a b"><log>both</log></filled><filled>
      <log>all</log></filled></form>"""
    assert logged(body, "7") == ["any b", "a", "b", "both"]


@pytest.mark.parametrize(
    ("content", "event"),
    [
        ("<block><goto nextitem='none'/></block>", "error.badfetch"),
        ("<block><goto next='#none'/></block>", "error.badfetch"),
        ("<block><goto next='none.vxml'/></block>", "error.badfetch.http.404"),
        ("<block><goto next='page.html'/></block>", "error.badfetch"),
        ("<block><goto next='broken.vxml'/></block>", "error.badfetch"),
        ("<block><goto expr='none'/></block>", "error.semantic"),
        ("<block><assign name='none' expr='1'/></block>", "error.semantic"),
        ("<block><assign name='document.none' expr='1'/></block>", "error.semantic"),
        ("<block><var name='a.b' expr='1'/></block>", "error.semantic"),
        ("<block><clear namelist='none'/></block>", "error.semantic"),
        ("<block><exit namelist='none'/></block>", "error.semantic"),
        ("<block><disconnect namelist='none'/></block>", "error.semantic"),
        ("<block><throw eventexpr='none'/></block>", "error.semantic"),
        ("<block><prompt><value expr='none'/></prompt></block>", "error.semantic"),
        ("<block><script>var = 1</script></block>", "error.semantic"),
        ("<block><script>none = 1</script></block>", "error.semantic"),
        ("<block><foreach item='i' array='none'/></block>", "error.semantic"),
        ("<field name='f' cond='none' type='digits'/>", "error.semantic"),
        ("<field name='f'/>", "error.semantic"),
        ("<field name='f' type='digits'><prompt cond='none'>x</prompt></field>", "error.semantic"),
        ("<field name='f' type='zipcode'/>", "error.unsupported.builtin"),
        ("<field name='f'><grammar mode='dtmf' src='none.grxml'/></field>", "error.badfetch.http.404"),
        ("<field name='f'><grammar type='application/x-jsgf'>yes</grammar></field>", "error.unsupported.format"),
        ("<field name='f' type='digits'><property name='timeout' value='soon'/></field>", "error.semantic"),
        ("<field name='f' type='digits'><property name='inputmodes' value='mind'/></field>", "error.semantic"),
        ("<field name='f' type='digits'><property name='bargein' value='no'/>x</field>", "error.semantic"),
    ],
)
def test_what_goes_wrong_has_its_name(content: str, event: str) -> None:
    pages = {"page.html": "<html/>", "broken.vxml": "<vxml"}
    assert logged(f"{CAUGHT}<form>{content}</form>", pages=pages) == [event]


@pytest.mark.parametrize(("way", "kept"), [("goto", "5"), ("submit", "1")])
def test_from_leaf_to_root_the_application_lives_on_but_for_a_submit(way: str, kept: str) -> None:
    root = page('<var name="n" expr="1"/><form id="f"><block><log><value expr="n"/></log></block></form>')
    leaf = f"""<form><block><assign name="application.n" expr="5"/><{way} next="root.vxml#f"/></block></form>"""
    assert logged(leaf, pages={"root.vxml": root}, attributes='application="root.vxml"') == [kept]


def test_a_root_with_a_root_of_its_own_is_a_semantic_error() -> None:
    pages = {"leaf.vxml": page("<form/>", 'application="r.vxml"'), "r.vxml": page("", 'application="other.vxml"')}
    assert logged(f"{CAUGHT}<form><block><goto next='leaf.vxml'/></block></form>", pages=pages) == ["error.semantic"]
