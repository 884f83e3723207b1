"""Hostile scripts in real sandbox processes: they die alone, and try-outs of others go on."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.sandbox import wire
from app.sandbox.client import MOST, MOST_OF_ONE, Ended, Overrun, Sandbox

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

ANN, BOB = 1, 2
ASKS = '<field name="a" type="digits?minlength=1;maxlength=4"><prompt>Type.</prompt><filled>%s</filled></field>'


def script(body: str, **more: Any) -> dict[str, Any]:
    page = f'<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form>{body}</form></vxml>'
    return {"files": wire.pack({"main.vxml": page.encode()}), "entry": "main.vxml", "values": {}, **more}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    # Longer than the path of a Unix socket may be.
    made = Sandbox(tmp_path_factory.mktemp("a" * 120))
    yield made
    made.close()


def lines(answer: dict[str, Any], kind: str) -> list[str]:
    return [text for one, text in answer["lines"] if one == kind]


def test_a_conversation_goes_on_key_by_key_over_several_requests(sandbox: Sandbox) -> None:
    key, answer = sandbox.start_try(ANN, script(ASKS % "<prompt>Got <value expr='a'/>.</prompt><exit namelist='a'/>"))
    assert lines(answer, "prompt") == ["Type."]
    assert answer["variables"]["dialog"] == {"a": "undefined"}
    for typed in "12":
        answer = sandbox.act(ANN, key, {"keys": typed})
        assert answer["typing"]
    answer = sandbox.act(ANN, key, {"silence": True})
    assert lines(answer, "prompt") == ["Got 12."]
    assert answer["ended"] == "exit"
    assert sandbox.act(ANN, key, {"keys": "1"})["ended"] == "exit"
    sandbox.end_try(ANN, key)
    with pytest.raises(Ended):
        sandbox.act(ANN, key, {"keys": "1"})


@pytest.mark.parametrize(
    "hostile",
    [
        "while(1){}",
        "new Array(1e8).sort()",
        "var a=[];for(;;)a.push(new Array(1e6).fill(7))",
        "/(a+)+$/.test('a'.repeat(40)+'b')",
        "'a'.repeat(2**28).split('')",
    ],
)
def test_a_hostile_script_ends_its_own_try_out_within_seconds(sandbox: Sandbox, hostile: str) -> None:
    key, _ = sandbox.start_try(ANN, script(ASKS % ""))
    attack = script(f"<block><script><![CDATA[{hostile}]]></script></block>")
    with contextlib.suppress(Overrun):
        assert sandbox.start_try(BOB, attack)[1]["ended"] in ("error", "finished")
    assert sandbox.act(ANN, key, {"keys": "1"})["typing"]
    sandbox.end_try(ANN, key)


def test_endless_jumps_end_with_a_reason(sandbox: Sandbox) -> None:
    _, answer = sandbox.start_try(ANN, script("<block><goto next='main.vxml'/></block>"))
    assert answer["ended"] == "error"
    assert "an endless loop" in answer["detail"]


def test_what_is_not_a_file_of_the_script_is_never_fetched(sandbox: Sandbox) -> None:
    for address in ("http://127.0.0.1:1/", "file:///etc/passwd", "http://clarion.example/"):
        _, answer = sandbox.start_try(ANN, script(f'<block><goto next="{address}"/></block>'))
        assert "other servers are not asked here" in answer["detail"]


def test_results_posted_during_the_call_are_shown(sandbox: Sandbox) -> None:
    post = "<submit expr='session.connection.ccxml.values.result_url' namelist='a' method='post'/>"
    key, _ = sandbox.start_try(ANN, script(ASKS % post))
    sandbox.act(ANN, key, {"keys": "7"})
    assert lines(sandbox.act(ANN, key, {"silence": True}), "posted") == ["a=7"]
    sandbox.end_try(ANN, key)


def test_a_try_out_that_nobody_comes_back_to_ends_by_itself(sandbox: Sandbox) -> None:
    key, _ = sandbox.start_try(ANN, script(ASKS % "", idle=0.05))
    deadline = time.monotonic() + 60
    while True:
        time.sleep(0.1)  # nobody asks meanwhile: that would begin its time anew
        try:
            sandbox.act(ANN, key, {"keys": "1"})
        except (Ended, Overrun):
            break
        assert time.monotonic() < deadline
    with pytest.raises(Ended):
        sandbox.act(ANN, key, {})


def test_nobody_acts_in_the_try_out_of_another(sandbox: Sandbox) -> None:
    key, _ = sandbox.start_try(ANN, script(ASKS % ""))
    with pytest.raises(Ended):
        sandbox.act(BOB, key, {"keys": "1"})
    with pytest.raises(Ended):
        sandbox.act(ANN, "../../" + key, {"keys": "1"})
    sandbox.end_try(ANN, key)


def test_another_web_process_of_the_machine_reaches_the_same_try_out(tmp_path: Path) -> None:
    one, other = Sandbox(tmp_path), Sandbox(tmp_path)
    key, _ = one.start_try(ANN, script(ASKS % ""))
    assert other.act(ANN, key, {"keys": "1"})["typing"]
    one.close()
    # It ends with the web process that began it.
    assert _dies(other, key)
    other.close()


def _dies(sandbox: Sandbox, key: str) -> bool:
    for _ in range(5000):
        try:
            sandbox.act(ANN, key, {"keys": "1"})
        except (Ended, Overrun):
            return True
        time.sleep(0.01)
    return False


def test_what_killed_try_outs_leave_behind_keeps_nobody_out(tmp_path: Path) -> None:
    fresh = Sandbox(tmp_path)
    (tmp_path / "tryouts").mkdir()
    directory = os.open(tmp_path / "tryouts", os.O_DIRECTORY)
    for number in range(MOST):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(f"/proc/self/fd/{directory}/{number + 100}-{number:032x}")
    os.close(directory)
    key, answer = fresh.start_try(ANN, script(ASKS % ""))
    assert answer["ended"] == ""
    assert os.listdir(tmp_path / "tryouts") == [f"{ANN}-{key}"]
    fresh.end_try(ANN, key)
    fresh.close()


def test_a_persons_oldest_try_out_gives_way(sandbox: Sandbox) -> None:
    begun = [sandbox.start_try(BOB, script(ASKS % ""))[0] for _ in range(MOST_OF_ONE + 1)]
    with pytest.raises(Ended):
        sandbox.act(BOB, begun[0], {"keys": "1"})
    for key in begun[1:]:
        assert sandbox.act(BOB, key, {"keys": "1"})["typing"]
        sandbox.end_try(BOB, key)


def test_several_people_try_at_once(sandbox: Sandbox) -> None:
    heard: dict[int, list[str]] = {}

    def converse(owner: int) -> None:
        key, _ = sandbox.start_try(owner, script(ASKS % "<prompt>Got <value expr='a'/>.</prompt><exit/>"))
        sandbox.act(owner, key, {"keys": str(owner)})
        heard[owner] = lines(sandbox.act(owner, key, {"silence": True}), "prompt")
        sandbox.end_try(owner, key)

    threads = [threading.Thread(target=converse, args=(owner,)) for owner in range(11, 17)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == {owner: [f"Got {owner}."] for owner in range(11, 17)}


def test_a_check_that_takes_too_much_is_stopped_and_the_next_one_works(sandbox: Sandbox) -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    asked = script("<block>Hello</block>")
    asked["files"]["a.vxmltest.yaml"] = (
        "values:\n"
        + "".join(f"  {line}\n" for line in bomb.splitlines())
        + ("script: main.vxml\ntests:\n  - name: t\n    ends: *a11\n")
    )
    with pytest.raises(Overrun):
        sandbox.run("check", asked)
    assert sandbox.run("check", script("<block>Hello</block>"))["problems"] == []


def test_no_secret_is_in_a_sandboxs_environment(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CLARION_SECRET_KEY", "not for scripts")
    fresh = Sandbox(tmp_path)
    key, _ = fresh.start_try(ANN, script(ASKS % ""))
    try:
        mothers = [path for path in Path("/proc").glob("[0-9]*") if b"app.sandbox" in _cmdline(path)]
        mine = [path for path in mothers if _parent(path) == os.getpid()]
        assert mine
        for process in mine:
            assert b"CLARION_SECRET" not in (process / "environ").read_bytes()
    finally:
        fresh.end_try(ANN, key)
        fresh.close()


def _cmdline(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def _parent(process: Path) -> int:
    return int((process / "stat").read_text().rpartition(")")[2].split()[1])
