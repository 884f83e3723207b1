"""What a simulated customer is told to do, so that a real call goes as the one on the virtual clock went."""

from __future__ import annotations

import pytest

from tests.support.voicexml import START, page
from vxml.caller import caller_script
from vxml.scripted import read_tests, run_test
from vxml.text import from_mapping

FIELD = '<field name="{}" type="digits?length=1"><prompt>{}?</prompt>{}</field>'


def script_of(body: str, *steps: object) -> str:
    tests = read_tests({"script": "a", "tests": [{"name": "t", "steps": list(steps)}]}, "f")
    held = run_test(tests, tests.tests[0], START, from_mapping({START: page(f"<form>{body}</form>")}))
    return caller_script(held.transcript.lines, held.acts)


@pytest.mark.parametrize(
    ("body", "steps", "script"),
    [
        (FIELD.format("a", "One", ""), [{"keys": "1"}], "prompt keys:1"),
        (FIELD.format("a", "One", ""), [{"interrupt": "1"}], "talk keys:1"),
        (FIELD.format("a", "One", ""), ["hangup"], "prompt hangup"),
        (FIELD.format("a", "One", ""), [], "prompt hangup"),
        (
            FIELD.format("a", "One", "<noinput>Well? <reprompt/></noinput>"),
            ["silence", {"keys": "1"}],
            "prompt prompt keys:1",
        ),
        (FIELD.format("a", "One", "<noinput/>"), ["silence", {"keys": "1"}], "prompt wait:5 keys:1"),
        (
            FIELD.format("a", "One", "") + FIELD.format("b", "Two", ""),
            [{"keys": "1"}, {"interrupt": "2"}],
            "prompt keys:1 talk keys:2",
        ),
        (FIELD.format("a", "One", "") + FIELD.format("b", "Two", ""), [{"keys": "1 2"}], "prompt keys:12"),
        (
            '<record name="r" dtmfterm="true"><prompt>Speak</prompt></record>',
            [{"record": "#"}],
            "prompt say:1.2 keys:#",
        ),
        ('<record name="r"><prompt>Speak</prompt></record>', [{"record": ""}], "prompt say:1.2"),
    ],
)
def test_the_customer_acts_when_the_scripted_caller_did(body: str, steps: list[object], script: str) -> None:
    assert script_of(body, *steps) == script
