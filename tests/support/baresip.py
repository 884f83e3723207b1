"""baresip as a telephone: answers by itself or on command, holds, hangs up."""

from __future__ import annotations

import asyncio
import json
import tempfile
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.ports import free_range

_CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:{sip}
net_interface 127.0.0.1
audio_player aubridge,{player}
audio_source {mouth}
audio_alert aubridge,near
ausrc_srate {rate}
auplay_srate {rate}
ausrc_channels 1
auplay_channels 1
module_path /usr/lib/baresip/modules
{codecs}
module aubridge.so
module aufile.so
module_app account.so
module_app menu.so
module ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
rtp_ports {rtp}-{rtp_last}
"""


class Baresip:
    def __init__(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.port = port
        self._reader = reader
        self._writer = writer

    def command(self, name: str, params: str = "") -> None:
        """One of baresip's long commands: `accept`, `hangup`, `hold`, `resume` ..."""
        text = json.dumps({"command": name, "params": params})
        self._writer.write(f"{len(text)}:{text},".encode())


@asynccontextmanager
async def baresip(
    answers: bool = True,
    certificate: Path | None = None,
    hums: bool = False,
    password: str = "",
    *,
    echoes: bool = False,
    modules: tuple[str, ...] = ("g711",),
    account: str = "",
    rate: int = 8000,
    user: str = "alice",
) -> AsyncIterator[Baresip]:
    """A running telephone; with `answers` it takes every call at once, else it rings. `certificate` opens TLS
    on the next port. With `hums` it hums for the first 30 s of a call, with `echoes` it says what it hears, else it is
    silent; with `password` it has credentials, as alice. `user` may hold `{port}`, of its SIP. `account` are further
    parameters (`;mediaenc=srtp`)."""
    with tempfile.TemporaryDirectory(prefix="baresip-") as folder:
        sip = free_range(12)
        # baresip takes the next port for TLS.
        control, rtp = sip + 2, sip + 4
        mouth = f"aufile,{_hum(Path(folder))}" if hums else "aubridge,far"
        config = _CONFIG.format(
            sip=sip,
            control=control,
            rtp=rtp,
            rate=rate,
            rtp_last=rtp + 7,
            mouth=mouth,
            player="far" if echoes else "near",
            codecs="\n".join(f"module {name}.so" for name in modules),
        )
        if certificate is not None:
            config += f"sip_certificate {certificate}\n"
        mode = "auto" if answers else "manual"
        login = f";auth_user=alice;auth_pass={password}" if password else ""
        _write(
            Path(folder),
            config,
            f"<sip:{user.format(port=sip)}@127.0.0.1:{sip}>;regint=0;answermode={mode}{login}{account}\n",
        )
        process = await asyncio.create_subprocess_exec(
            "baresip", "-f", folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            reader, writer = await _connect(control, process)
            try:
                yield Baresip(sip, reader, writer)
            finally:
                writer.close()
                await writer.wait_closed()
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


def _hum(folder: Path) -> Path:
    hum = folder / "hum.wav"
    with wave.open(str(hum), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"".join((x * 200 - 4000).to_bytes(2, "little", signed=True) for x in range(40)) * 6000)
    return hum


def _write(folder: Path, config: str, accounts: str) -> None:
    (folder / "config").write_text(config)
    (folder / "accounts").write_text(accounts)


async def _connect(port: int, process: asyncio.subprocess.Process) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The control connection; the modules are loaded before the telephone listens, so try until it is there."""
    for _ in range(2500):
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            if process.returncode is not None:
                raise RuntimeError(f"baresip ended at once with status {process.returncode}") from None
            await asyncio.sleep(0.02)
    raise RuntimeError("baresip did not open its control port")
