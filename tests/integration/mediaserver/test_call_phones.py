"""`clarion call` with baresip as an agent's phone and as the target of a transfer, the latter through Kamailio."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.baresip import baresip
from tests.support.kamailio import BY_NUMBER, PASSWORD, kamailio
from tests.support.sipp import Sipp, own_ports

pytestmark = [pytest.mark.asyncio, pytest.mark.integration, pytest.mark.timeout(150)]
FORM = """<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><transfer name="to" type="bridge" dest="{}"
 connecttimeout="20s" maxtime="2s"><filled><exit namelist="to"/></filled></transfer></form></vxml>"""


async def clarion_call(folder: Path, destination: str, *options: str) -> dict[str, Any]:
    """What is printed of a call whose script has the caller put through to `destination`."""
    script, password = folder / "transfer.vxml", folder / "password"
    script.write_text(FORM.format(destination))
    password.write_text(f"{PASSWORD}\n")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "call", *options, "--script", str(script), "--json", "--trace"),
        *("--auth", "outreach", "--password-file", str(password)),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    body: dict[str, Any] = json.loads(printed)
    return body


async def test_a_customer_is_put_through_to_an_agents_phone(tmp_path: Path) -> None:
    async with baresip() as customer, baresip(hums=True) as agent:
        printed = await clarion_call(
            *(tmp_path, "agent:sales", "sip:alice@127.0.0.1", "--trunk", f"127.0.0.1:{customer.port}"),
            *("--agent", f"sip:alice@127.0.0.1:{agent.port}"),
        )
    assert printed["agent"] == {"answered": True, "bridged": 1, "stayed": True}
    assert (printed["disposition"], printed["exit"]) == ("answered", {"to": "maxtime_disconnect"})


async def test_a_customer_is_transferred_to_a_phone_through_a_proxy(tmp_path: Path) -> None:
    far = await Sipp.start("answer_at_once", port=own_ports())
    try:
        async with kamailio(BY_NUMBER) as proxy, baresip(user="+12125{port:05}", hums=True) as target:
            printed = await clarion_call(
                *(tmp_path, f"tel:+12125{target.port:05}", f"+12125{far.port:05}", "--transfer", "+1212"),
                *("--trunk", f"127.0.0.1:{proxy.port}"),
            )
        assert (printed["disposition"], printed["exit"]) == ("answered", {"to": "maxtime_disconnect"}), printed["trace"]
        assert await far.wait() == ""
    finally:
        await far.stop()
