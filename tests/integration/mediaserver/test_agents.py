"""An agent's phone (baresip, which hums), nailed up by the control API, and customers put through."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import json
import os
import signal
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from simulators.carrier.agent import Carrier, CarrierSettings
from simulators.carrier.population import load_population
from tests.support.baresip import Baresip, baresip
from tests.support.media_server import FORM, Bench, Pages, media_server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.integration, pytest.mark.timeout(150)]
PEOPLE = {
    # Hears the music, then the agent.
    "81": {"script": "talk wait:0.5 talk hangup", "patience": 20},
    "82": {"script": "wait:0.3 talk hangup", "patience": 20},
    "83": {"script": "wait:15", "patience": 20},
    # Heard by whoever is with it, and hears them.
    "84": {"script": "wait:0.2 say:0.5 talk hangup", "patience": 20},
    "86": {"script": "wait:15", "patience": 20},
    "87": {"script": "wait:0.8 talk hangup", "patience": 20},
    "85": {"script": "wait:1 say:9", "patience": 20},
}
WANTS = FORM.format(
    '<transfer name="to" type="{kind}" dest="agent:sales" connecttimeout="5s">'
    '<catch event="connection.disconnect.transfer error"><exit/></catch>'
    '<filled><exit namelist="to"/></filled></transfer>'
)


@dataclass
class Floor:
    """A media server with the leg `leg` to an agent's phone."""

    bench: Bench
    phone: Baresip
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def place(self, name: str, suffix: str = "", page: str = "", **more: Any) -> None:
        assert (await self.bench.place(name, suffix, page, **more))[0] == 202

    @property
    def to_phone(self) -> dict[str, Any]:
        """Where baresip is."""
        trunk = {"host": "127.0.0.1", "port": self.phone.port}
        return {"to": f"sip:alice@127.0.0.1:{self.phone.port}", "trunk": trunk}

    async def nail_up(self) -> str:
        leg = f"leg{next(self.numbers)}"
        await self.place(leg, **self.to_phone, part="agent", application="", max_duration=86_400)
        await self.bench.event(leg, "answered")
        return leg

    async def is_up(self, name: str) -> bool:
        """False for a call that was not answered."""
        while (state := (await self.bench.status(name))["state"]) not in ("answered", "ended"):
            await asyncio.sleep(0.05)
        return bool(state == "answered")

    async def customer(self, suffix: str, page: str, transfers: tuple[str, ...] = ()) -> str:
        """Whose script waits for an agent."""
        name = f"c{next(self.numbers)}"
        trunk = {"host": "127.0.0.1", "port": self.bench.carrier.port, "transfers": transfers}
        await self.place(name, suffix, page, trunk=trunk)
        await self.bench.event(name, "agent_wanted")
        return name

    async def dial_in(self) -> str:
        """The phone calls us, again while the machine has no time for it; the call's name here."""
        host, port = self.bench.board.lines["native"].address
        while True:
            self.phone.command("dial", f"sip:agent@{host}:{port}")
            with contextlib.suppress(TimeoutError):
                return await asyncio.wait_for(self._dialled_in(), 15)

    async def _dialled_in(self) -> str:
        async with self.bench.http.ws_connect(f"{self.bench.api}/v1/events?after=0") as socket:
            while (event := await socket.receive_json())["type"] != "incoming":
                pass
            return str(event["attempt_id"])

    async def put(self, customer: str, call: str, **wish: Any) -> int:
        url = f"{self.bench.api}/v1/calls/{customer}/members/{call}"
        async with self.bench.http.put(url, json=wish) as answer:
            return answer.status

    async def let_go(self, customer: str, call: str) -> int:
        async with self.bench.http.delete(f"{self.bench.api}/v1/calls/{customer}/members/{call}") as answer:
            return answer.status

    def heard(self, name: str) -> tuple[int, int]:
        """How often this customer heard what it waited for, and how often not."""
        (call,) = (call for call in self.bench.carrier.calls.values() if call.attempt == name)
        assert call.media is not None
        assert call.media.customer is not None
        return call.media.customer.heard, call.media.customer.missed


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def floor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Floor]:
    folder = tmp_path_factory.mktemp("agents")
    (folder / "people.json").write_text(json.dumps({"suffixes": PEOPLE}))
    pages = Pages({kind: WANTS.format(kind=kind) for kind in ("bridge", "consultation")})
    await pages.start()
    carrier = Carrier(CarrierSettings(port=0), load_population(folder / "people.json"))
    async with carrier, media_server(folder, carrier, pages) as bench, baresip(hums=True, password="secret") as phone:
        await bench.board.sounds.ready()
        yield Floor(bench, phone)
    await pages.stop()


async def test_one_leg_serves_customers_one_after_the_other(floor: Floor) -> None:
    leg = await floor.nail_up()
    first = await floor.customer("81", "bridge")
    await asyncio.sleep(0.2)
    assert await floor.put(first, leg) == 200
    assert (await floor.bench.ended(first))["dialog"] == "caller_hangup"
    assert (await floor.bench.status(leg))["state"] == "answered"

    second = await floor.customer("82", "consultation")
    assert await floor.put(second, leg, zip_tone=False) == 200
    status = await floor.bench.ended(second)
    assert (status["dialog"], status["exit"]) == ("completed", {})
    assert (await floor.bench.status(leg))["state"] == "answered"
    assert (floor.heard(first), floor.heard(second)) == ((2, 0), (1, 0))
    floor.bench.board.hang_up(leg)


async def test_a_lost_leg_gives_the_customer_what_the_script_says(floor: Floor) -> None:
    leg = await floor.nail_up()
    customer = await floor.customer("83", "bridge")
    await floor.put(customer, leg)
    floor.phone.command("hangup")

    assert (await floor.bench.ended(customer))["exit"] == {"to": "network_disconnect"}
    assert (await floor.bench.ended(leg))["disposition"] == "answered"


async def test_an_agent_consults_and_leaves_the_customer_with_the_consulted(floor: Floor) -> None:
    leg = await floor.nail_up()
    customer = await floor.customer("85", "bridge")
    await floor.put(customer, leg)
    await floor.put(customer, customer, held=True)
    other = f"{customer}-consulted"
    await floor.place(other, "84", part="other", application="", joins=customer)
    await floor.bench.event(other, "answered")
    assert await floor.let_go(customer, leg) == 200

    # The consulted one hears the customer and hangs up; the agent's leg is free meanwhile.
    assert (await floor.bench.ended(customer))["exit"] == {"to": "far_end_disconnect"}
    assert floor.heard(other) == (1, 0)
    assert (await floor.bench.status(leg))["state"] == "answered"
    floor.bench.board.hang_up(leg)


async def test_an_agent_transfers_blindly_to_a_phone_that_has_yet_to_answer(floor: Floor) -> None:
    leg = f"silent{next(floor.numbers)}"
    await floor.place(leg, "86", part="agent", application="")
    await floor.bench.event(leg, "answered")
    customer = await floor.customer("87", "bridge")
    assert await floor.put(customer, leg) == 200
    target = f"{customer}-target"
    await floor.place(target, **floor.to_phone, part="other", application="", joins=customer)
    assert await floor.let_go(customer, leg) == 200

    # Only the phone hums: the agent is silent, and there is no music once somebody is there.
    await floor.bench.event(target, "answered")
    floor.bench.board.hang_up(leg)
    assert (await floor.bench.ended(customer))["dialog"] == "caller_hangup"
    assert floor.heard(customer) == (1, 0)
    assert (await floor.bench.ended(target))["disposition"] == "answered"


async def test_an_agents_phone_transfers_its_customer_itself(floor: Floor) -> None:
    leg = await floor.nail_up()
    customer = await floor.customer("85", "bridge", transfers=("+1555",))
    assert await floor.put(customer, leg) == 200
    host, port = floor.bench.board.lines["native"].address
    floor.phone.command("transfer", f"sip:+15550101084@{host}:{port}")

    # The phone leaves when it is told that the target is there; the target hears the customer and hangs up.
    assert (await floor.bench.ended(leg))["disposition"] == "answered"
    assert (await floor.bench.ended(customer))["exit"] == {"to": "far_end_disconnect"}
    called = [call for call in floor.bench.carrier.calls.values() if call.number.endswith("84")]
    (target,) = (call.attempt for call in called if not call.attempt.endswith("-consulted"))
    assert floor.heard(target) == (1, 0)


async def test_a_conversation_is_recorded_and_a_killed_writer_loses_no_second(floor: Floor) -> None:
    leg = await floor.nail_up()
    customer = await floor.customer("83", "bridge")
    await floor.put(customer, leg)
    url = f"{floor.bench.api}/v1/calls/{customer}/recording"
    async with floor.bench.http.put(url, json={"mode": "stereo", "beep": 15}) as answer:
        assert answer.status == 200
    folder = floor.bench.board.recordings.directory
    while not any(part.stat().st_size > 20_000 for part in folder.glob("*/*.part")):
        await asyncio.sleep(0.1)
    pid = floor.bench.board.recordings.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    mended = (await floor.bench.event(customer, "recorded"))["detail"]
    assert mended["problem"]
    assert mended["seconds"] >= 0.5
    async with floor.bench.http.delete(url) as answer:
        assert answer.status == 200
        second = (await answer.json())["file"]
    assert second != mended["file"]

    # On the left the silent customer, on the right what the customer hears: the hum, and one beep.
    async with floor.bench.http.get(f"{floor.bench.api}/v1/recordings/{mended['file']}") as answer:
        assert answer.content_type == "audio/wav"
        data = await answer.read()
    with wave.open(io.BytesIO(data)) as file:
        samples = memoryview(file.readframes(file.getnframes())).cast("h")
    assert max(samples[::2]) < 100
    assert max(samples[1::2]) > 3000
    forget, days = f"{floor.bench.api}/v1/attempts/{customer}", {"since": "2026-01-01", "until": "2100-01-01"}
    async with floor.bench.http.delete(forget, params=days) as answer:
        assert answer.status == 409  # the call is under way
    for call in (customer, leg):
        floor.bench.board.hang_up(call)

    # The person is erased: nothing but how the call ended is left.
    await floor.bench.event(customer, "ended")
    # The new writer may take its time to begin with the second file.
    while not (folder / second).exists() or any(folder.glob("*/*.part")):
        await asyncio.sleep(0.1)
    async with floor.bench.http.get(f"{forget}/recordings") as answer:
        assert (await answer.json())["files"] == [mended["file"], second]
    async with floor.bench.http.delete(forget, params=days) as answer:
        assert (await answer.json())["recordings"] == 2
    assert not any(folder.glob(f"*/{customer}-*"))
    async with floor.bench.http.get(f"{floor.bench.api}/v1/calls/{customer}") as answer:
        kept = await answer.json()
    assert (kept["disposition"], kept["trace"], kept["exit"]) == ("answered", [], {})


async def test_an_agents_phone_dials_in_with_its_password(floor: Floor) -> None:
    lists = {"phones": [{"user": "alice", "password": "secret"}]}
    async with floor.bench.http.put(f"{floor.bench.api}/v1/incoming", json=lists) as answer:
        assert answer.status == 200
    leg = await floor.dial_in()
    await floor.bench.event(leg, "answered")
    customer = await floor.customer("82", "bridge")
    assert await floor.put(customer, leg) == 200
    await floor.bench.ended(customer)
    assert floor.heard(customer) == (1, 0)
    floor.phone.command("hangup")
    assert (await floor.bench.ended(leg))["disposition"] == "answered"

    # And it is found where it has registered.
    host, port = floor.bench.board.lines["native"].address
    login = "auth_user=alice;auth_pass=secret;regint=60;answermode=auto"
    floor.phone.command("uanew", f"<sip:alice@{host}:{port}>;{login}")
    while True:
        nailed = f"leg{next(floor.numbers)}"
        await floor.place(nailed, to="phone:alice", part="agent", application="")
        if await floor.is_up(nailed):
            break
    floor.bench.board.hang_up(nailed)


async def test_what_is_asked_of_the_wrong_calls_is_refused(floor: Floor) -> None:
    leg = await floor.nail_up()
    assert await floor.put("nobody", leg) == 404
    customer = await floor.customer("83", "bridge")
    assert await floor.let_go(customer, leg) == 409
    assert await floor.put(customer, leg, held="yes") == 400
    async with floor.bench.http.put(f"{floor.bench.api}/v1/sounds/music", data=b"no audio") as answer:
        assert answer.status == 400
    for call in (customer, leg):
        floor.bench.board.hang_up(call)
