"""`<object>`, where a program that embeds the browser offers some."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.support.voicexml import talk
from vxml.interpreter.platform_objects import ObjectFailed

BODY = """<var name="n" expr="20"/>
<catch event="error"><log><value expr="_event + ' ' + _message"/></log><exit/></catch>
<form><object name="o" classid="builtin://sum"><param name="a" value="1"/><param name="b" expr="n + 1"/>
<filled><log><value expr="o.total + ' ' + o.seen"/></log></filled></object></form>"""


def total(params: Mapping[str, object]) -> object:
    return {"total": sum(int(str(value)) for value in params.values()), "seen": ",".join(params)}


def test_an_object_gets_its_params_and_fills_its_item() -> None:
    assert talk(BODY, objects={"builtin://sum": total}).of("log") == ["22 a,b"]


def test_an_object_that_nobody_offers_is_unsupported() -> None:
    assert talk(BODY).of("log") == ["error.unsupported.objectname builtin://sum"]


def test_an_object_that_fails_throws_its_event() -> None:
    def fail(params: Mapping[str, object]) -> object:
        raise ObjectFailed("error.object.sum", "no")

    assert talk(BODY, objects={"builtin://sum": fail}).of("log") == ["error.object.sum no"]


@pytest.mark.parametrize(
    "param", ['<param name="a" value="1" expr="2"/>', "<param name='a'/>", '<param name="a" expr="x y"/>']
)
def test_a_faulty_param_is_told_of(param: str) -> None:
    heard = talk(BODY.replace('<param name="a" value="1"/>', param), objects={"builtin://sum": total}).of("log")
    assert heard[0].startswith("error.")
