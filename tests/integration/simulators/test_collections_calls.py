"""The collections example in real calls: the product's media server calls the simulated customers, who type over the
prompts, and pays at the sandbox."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from common.control import CallRequest, CallStatus, DialogResult, Trunk
from mediaserver.local import LocalServer
from simulators.carrier.agent import Carrier, CarrierSettings
from simulators.carrier.journal import rings_by_attempt
from simulators.carrier.population import SUFFIXES, Population
from tests.support.media_server import keep_open
from tests.support.sinks import running_sinks

pytestmark = pytest.mark.integration
PAGES = Path(__file__).resolve().parents[3] / "examples" / "collections" / "voicexml"
CODES = {
    "pays": "PAID",
    "declined-card": "PAYMENT_DECLINED",
    "mistypes": "PAID",
    "promises": "PROMISE_TO_PAY",
    "callback": "CALLBACK_REQUESTED",
    "wrong-person": "WRONG_PARTY",
    "no-commitment": "RPC_NO_COMMITMENT",
    "stop": "AGENT_DNC",
}
#: The same people in a hurry: they press as soon as they hear something.
HASTY = {
    suffix: replace(behaviour, delay=0.1, script=behaviour.script.replace("prompt", "talk wait:0.5"))
    for suffix, behaviour in SUFFIXES.items()
}


def test_every_customer_ends_with_the_code_that_is_meant(tmp_path: Path) -> None:
    statuses = asyncio.run(_call_everybody(tmp_path / "rings"))
    assert {name: status.exit["completion_code"] for name, status in statuses.items()} == CODES
    hung_up = {name for name, status in statuses.items() if status.dialog is DialogResult.CALLER_HANGUP}
    assert hung_up == {"no-commitment"}
    assert all(status.rtp.lost == status.rtp.remote_lost == 0 for status in statuses.values())
    assert rings_by_attempt(tmp_path / "rings") == dict.fromkeys(CODES, 1)
    assert "4111111111111111" not in repr(statuses)
    assert statuses["pays"].dtmf.count("•") >= 20


async def _call_everybody(journal: Path) -> dict[str, CallStatus]:
    settings = CarrierSettings(port=0, journal=journal)
    async with Carrier(settings, Population(suffixes=HASTY)) as far, running_sinks(smtp=None) as sinks:
        allow = (PAGES.as_uri() + "/", sinks.base_url)
        async with LocalServer(host="127.0.0.1", line="native", allow=allow, max_calls=20) as server:
            keep_open(server.board)
            requests = [_request(name, far.port, f"{sinks.base_url}/payment") for name in CODES]
            statuses = await asyncio.gather(*(server.call(request) for request in requests))
        assert sorted(payment.approved for payment in sinks.store.payments) == [False, True, True]
    return {status.attempt_id: status for status in statuses}


def _request(name: str, port: int, payment_url: str) -> CallRequest:
    suffix = next(suffix for suffix, behaviour in SUFFIXES.items() if behaviour.name == name)
    values = {"first_name": "Ana", "last_name": "Diaz", "balance": "123.50", "contact_id": name}
    return CallRequest(
        attempt_id=name,
        to=f"+121255501{suffix}",
        sender="+12125550199",
        trunk=Trunk("127.0.0.1", port),
        application=(PAGES / "start.vxml").as_uri(),
        values={**values, "payment_url": payment_url},
        ring_timeout=10,
    )
