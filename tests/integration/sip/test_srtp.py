"""SRTP calls to baresip, whose SRTP is not ours: a tone comes back, or the call is refused and says why."""

from __future__ import annotations

import asyncio

import pytest

from common.control import Disposition, RtpStats, Trunk
from common.setting_types import PumpKind
from mediaserver.lines.base import Answered, Failed, Heard, HungUp, Incoming, LineEvent, Place
from mediaserver.lines.native import NativeLine
from mediaserver.switch.sip.door import Door, Phone
from mediaserver.switch.sip.endpoint import SipConfig
from tests.support.baresip import baresip
from tests.support.echo_call import echo_call, share_of, tone

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]
#: Of baresip's hum, in hertz.
HUM = 200
SCENES = {
    "both wish": ("offer", ";mediaenc=srtp"),
    "we require": ("require", ";mediaenc=srtp"),
    "it demands": ("require", ";mediaenc=srtp-mand"),
    "it has none, we wish": ("offer", ""),
    "it has none, we require": ("require", ""),
    "it demands, ours is off": ("off", ";mediaenc=srtp-mand"),
}
Outcomes = dict[str, tuple[list[LineEvent], list[bytes]]]


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    async def scene(srtp: str, account: str) -> tuple[list[LineEvent], list[bytes]]:
        modules = ("g711", "srtp") if account else ("g711",)
        async with baresip(echoes=True, modules=modules, account=account) as phone:
            return await echo_call(Trunk("127.0.0.1", phone.port, srtp=srtp), "sip:alice@127.0.0.1")

    async def all_of_them() -> list[tuple[list[LineEvent], list[bytes]]]:
        return await asyncio.gather(*(scene(*how) for how in SCENES.values()))

    return dict(zip(SCENES, asyncio.run(all_of_them()), strict=True))


@pytest.mark.parametrize("name", ["both wish", "we require", "it demands", "it has none, we wish"])
def test_a_tone_goes_there_and_comes_back(outcomes: Outcomes, name: str) -> None:
    events, frames = outcomes[name]
    end = events[-1]
    assert isinstance(end, HungUp)
    assert max(map(share_of, frames)) > 0.9
    assert end.rtp.received > 0


@pytest.mark.parametrize("name", ["it has none, we require", "it demands, ours is off"])
def test_what_cannot_be_agreed_on_is_refused_as_488(outcomes: Outcomes, name: str) -> None:
    (end,) = [event for event in outcomes[name][0] if isinstance(event, Failed)]
    assert (end.disposition, end.sip_status) == (Disposition.REFUSED, 488)
    assert end.reason


async def call_us(account: str) -> tuple[float, RtpStats]:
    """How much of what we hear of a phone that hums is the hum, and the figures of its call at the end."""
    door, line_up, hum = Door(), asyncio.Event(), asyncio.Event()
    door.open_to([Phone("alice", "secret")], {})
    line = NativeLine(SipConfig("127.0.0.1", 0, door=door), None, "127.0.0.1", pump=PumpKind.FAST)
    calls, heard = list[str](), [0.0]

    def hear(event: LineEvent) -> None:
        match event:
            case Incoming(call):
                line.answer(call)
            case Answered(call):
                calls.append(call)
                line.listen(call, True)
                line.play(call, 1, (tone(10.0),), False)
                line_up.set()
            case Heard(_, audio):
                heard.append(share_of(audio, HUM))
                if heard[-1] > 0.5:
                    hum.set()

    await line.start(hear)
    try:
        async with baresip(hums=True, modules=("g711", "srtp"), password="secret", account=account) as phone:
            host, port = line.address
            phone.command("dial", f"sip:agent@{host}:{port}")
            await asyncio.wait_for(line_up.wait(), 60)
            await asyncio.wait_for(hum.wait(), 60)
            async with asyncio.timeout(60):
                # Its first report tells that it could read what we sent, and we could read the report.
                while line.stats(calls[0]).remote_jitter_ms is None:
                    await asyncio.sleep(0.1)
            return max(heard), line.stats(calls[0])
    finally:
        await line.close()


def test_phones_that_call_us_with_keys_and_without_are_heard_and_hear_us() -> None:
    async def all_of_them() -> list[tuple[float, RtpStats]]:
        return await asyncio.gather(*(call_us(account) for account in ("", ";mediaenc=srtp", ";mediaenc=srtp-mand")))

    for share, figures in asyncio.run(all_of_them()):
        assert share > 0.5
        assert figures.received > 0
        assert figures.remote_lost == 0


@pytest.mark.parametrize(
    ("srtp", "disposition", "why"),
    [("require", Disposition.NOT_ADMITTED, "libsrtp2-dev"), ("offer", Disposition.REFUSED, "")],
)
def test_the_loop_in_python_which_has_no_srtp_refuses_instead_of_being_silent(
    srtp: str, disposition: Disposition, why: str
) -> None:
    async def scene() -> Failed:
        ended: asyncio.Future[Failed] = asyncio.get_running_loop().create_future()

        def hear(event: LineEvent) -> None:
            assert not isinstance(event, Answered)
            if isinstance(event, Failed):
                ended.set_result(event)

        line = NativeLine(SipConfig("127.0.0.1", 0), None, "127.0.0.1", pump=PumpKind.PYTHON)
        await line.start(hear)
        try:
            async with baresip(modules=("g711", "srtp"), account=";mediaenc=srtp-mand") as phone:
                trunk = Trunk("127.0.0.1", phone.port, srtp=srtp)
                line.place(Place("c", "sip:alice@127.0.0.1", "+15550100000", "", trunk, 10.0))
                return await asyncio.wait_for(ended, 60)
        finally:
            await line.close()

    failed = asyncio.run(scene())
    assert (failed.disposition, failed.sip_status) == (disposition, 488)
    assert why in failed.reason
