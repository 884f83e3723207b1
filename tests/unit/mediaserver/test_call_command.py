"""`clarion call` and `clarion load`: what may be typed, and what is printed."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from app.cli import bench_trunk, calls, main
from common.control import CallStatus, DialogResult, Disposition, RtpStats, Times
from common.errors import Refused


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "hello.vxml"
    path.write_text("<vxml/>")
    return str(path)


@pytest.mark.parametrize(
    "number", ["5550101", "+12", "+1555010100000000", "+1555;x", "tel:+15550101", "sip:a@8.8.8.8", ""]
)
def test_a_number_that_is_none_is_refused(number: str) -> None:
    with pytest.raises(Refused):
        calls.check_number(number)


@pytest.mark.parametrize("number", ["+123", "+15550101234", "sip:anna@127.0.0.1:5070", "sip:7@localhost"])
def test_any_number_of_the_right_syntax_is_taken(number: str) -> None:
    assert calls.check_number(number) == number


@pytest.mark.parametrize(
    "trunk", ["192.0.2.1:5060", "sip.example.org:5060", "127.0.0.1", "127.0.0.1:x", "[2001:db8::1]:5060"]
)
def test_a_trunk_beyond_loopback_is_wrong_use(trunk: str, script: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["call", "+15550101001", "--trunk", trunk, "--script", script]) == 2
    assert "--trunk" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["call", "abc", "--trunk", "127.0.0.1:5060", "--script", "SCRIPT"],
        ["call", "+15550101001", "--trunk", "127.0.0.1:5060", "--script", "no-such-file.vxml"],
        ["call", "+15550101001", "--trunk", "127.0.0.1:5060", "--script", "SCRIPT", "--value", "novalue"],
        ["call", "+15550101001", "--trunk", "127.0.0.1:5060", "--script", "SCRIPT", "--auth", "me"],
        ["call", "+15550101001", "--trunk", "127.0.0.1:5060", "--script", "SCRIPT", "--window", "Daytime"],
        ["call", "+15550101001", "--trunk", "127.0.0.1:5060", "--script", "SCRIPT", "--organization", "Test"],
        ["call", "+15550101001", "--trunk", "127.0.0.1:5060", "--script", "SCRIPT", "--gateway", "192.0.2.1:5060"],
        ["call", "+15550101001", "--trunk", "127.0.0.1:5060", "--script", "SCRIPT", "--proxy", "sip.example.org"],
        ["call", "+15550101001", "--trunk", "127.0.0.1:5060", "--script", "SCRIPT", "--register"],
        ["call", "+15550101001", "--trunk", "127.0.0.1:5060", "--script", "SCRIPT", "--client-key", "SCRIPT"],
        ["call", "+15550101001", "--trunk", "127.0.0.1:5060", "--script", "SCRIPT", "--ca-file", "no-such.pem"],
        ["call", "+15550101001", "--trunk", "127.0.0.1:5060", "--script", "SCRIPT", "--record", "no/such/folder/a.wav"],
        ["call", "+15550101001", "--trunk", "127.0.0.1:5060", "--script", "SCRIPT", "--agent", "anna"],
        ["load", "--trunk", "127.0.0.1:5060", "--script", "SCRIPT", "--numbers", "+1555{x}", "--calls", "2"],
        ["load", "--trunk", "127.0.0.1:5060", "--script", "SCRIPT", "--numbers", "{}", "--calls", "2"],
    ],
)
def test_wrong_use_says_so_and_dials_nobody(
    arguments: list[str], script: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([script if argument == "SCRIPT" else argument for argument in arguments]) == 2
    assert capsys.readouterr().err.startswith("clarion: ")


def test_a_file_may_fetch_beside_itself_and_an_address_from_its_host(script: str) -> None:
    assert calls.read_script(script)[1] == (Path(script).parent.as_uri() + "/",)
    assert calls.read_script("http://127.0.0.1:8000/a/b.vxml?x=1")[1] == ("http://127.0.0.1:8000",)


def test_values_become_call_values() -> None:
    assert calls.read_values(["first_name=Ana", "balance=a=b"]) == {"first_name": "Ana", "balance": "a=b"}


def test_a_password_comes_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    args = argparse.Namespace(
        trunk="sip:localhost:5061;transport=tls",
        organization="",
        window="",
        auth="me",
        password_file=secret,
        line="native",
        proxy="",
        gateway=["127.0.0.1:5062;weight=3"],
        redirect=["+1212"],
        transfer=["+1800"],
        register=True,
        ptime=30,
        keys="info",
        srtp="offer",
        g722=True,
    )
    trunk = bench_trunk.read_trunk(args)
    assert (trunk.host, trunk.port, trunk.transport) == ("localhost", 5061, "tls")
    assert (trunk.ptime, trunk.keys, trunk.srtp, trunk.g722) == (30, "info", "offer", True)
    assert (trunk.username, trunk.password, trunk.register) == ("me", "hunter2", True)
    assert (trunk.gateways, trunk.redirects) == (("127.0.0.1:5062;weight=3",), ("+1212",))
    assert trunk.transfers == ("+1800",)
    assert bench_trunk.near_address(trunk) == "127.0.0.1"
    assert "hunter2" not in repr(trunk)


def test_the_outcome_has_the_keys_that_are_promised() -> None:
    status = CallStatus(
        "a",
        "b",
        "ended",
        Disposition.ANSWERED,
        200,
        "OK",
        dialog=DialogResult.COMPLETED,
        times=Times("i", "r", "a", "e", "s", "g", "b", "c", "m", "x"),
        dtmf="1",
        exit={"k": "1"},
        rtp=RtpStats(10, 9, 1, 0.5, 2, 0.25),
    )
    body = calls.outcome(status)
    assert set(body) == {
        *("completion_code", "disposition", "sip_status", "reason", "dialog", "answered_by", "sound"),
        *("times", "dtmf", "exit", "rtp"),
    }
    assert body["completion_code"] == "ANSWER_HUMAN"
    assert body["times"] == {
        "invite": "i",
        "ringing": "r",
        "answered": "a",
        "start_of_speech": "s",
        "greeting_end": "g",
        "beep": "b",
        "classified": "c",
        "corrected": "x",
        "message": "m",
        "ended": "e",
    }
    assert body["rtp"] == {
        "sent": {"packets": 10, "loss": 2, "jitter_ms": 0.25},
        "received": {"packets": 9, "loss": 1, "jitter_ms": 0.5},
    }
