"""The harness of the W3C SRGS cases: what it passes, fails and remarks."""

from __future__ import annotations

from pathlib import Path

import pytest

from vxml.conformance_srgs import run_directory

HEAD = "#ABNF 1.0;\nlanguage en-US;\nroot $r;\n"


def case(said: str, expected: str, rules: str) -> str:
    return f"{HEAD}meta 'in.1' is '{said}';\nmeta 'out.1' is '{expected}';\n{rules}\n"


@pytest.mark.parametrize(
    ("text", "reason", "remark"),
    [
        (case("a", '$r["a"]', "$r = a;"), "", ""),
        (case("a", '$r["b"]', "$r = a;"), "understood as", ""),
        (case("a", "REJECT", "$r = b;"), "", ""),
        (case("a", "REJECT", "$r = a;"), "accepted", ""),
        (case("a", "REJECT", "$r = a"), "", ""),
        (case("b", '$r["b"]', "$r = a;"), "not understood", ""),
        (case("a", '$r[$b["a"]]', "$r = $a | $b; $a = a; $b = a;"), "", ""),
        (case("new york", '$r["new","york"]', '$r = "new york";'), "", "other tokens"),
        (case("new york", '$r[$c["new","york"]]', '$r = "new york";'), "understood as", ""),
        (case("a b", '$r["a",$<x.gram#p>[$q["b",{!{t}!}]]]', "$r = a $<x.gram#p>;"), "", "x.gram is not there"),
        (case("a", "REJECT", "$r = a $<x.gram>;"), "", ""),
        (HEAD + "meta 'description' is 'an illegal rule';\n$r = a;", "accepted", ""),
        (HEAD + "meta 'description' is 'an illegal rule';\n$r = ;", "", ""),
        (HEAD + "$r = ;", "refused", ""),
    ],
)
def test_verdicts(tmp_path: Path, text: str, reason: str, remark: str) -> None:
    (tmp_path / "case.gram").write_text(text)
    (verdict,) = run_directory(tmp_path)
    assert (reason in verdict.reason, bool(verdict.reason)) == (True, bool(reason))
    assert (remark in verdict.remark, bool(verdict.remark)) == (True, bool(remark))


def test_a_grammar_that_another_refers_to_need_not_be_illegal(tmp_path: Path) -> None:
    (tmp_path / "helper.gram").write_text(HEAD + "meta 'description' is 'cannot be used alone';\npublic $r = a;")
    (tmp_path / "case.gram").write_text(case("a", '$r[$<helper.gram>["a"]]', "$r = $<helper.gram>;"))
    assert [verdict.passed for verdict in run_directory(tmp_path)] == [True, True]
