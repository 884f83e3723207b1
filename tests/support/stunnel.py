"""stunnel as the TLS of far ends that have none: each of its ports leads to one TCP port."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.certificates import Authority, Pair

_HEAD = """\
foreground = yes
pid =
syslog = no
debug = warning
output = {log}
cert = {certificate}
key = {key}
CAfile = {authorities}
sslVersionMin = TLSv1.2
TIMEOUTclose = 0
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
"""
_SERVICE = """\
[{port}]
client = {near}
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{behind}
requireCert = {asks}
verifyChain = {asks}
"""


@dataclass(frozen=True)
class Front:
    """TLS on `port`, shown for localhost, before TCP on `behind`; `asks` for a certificate of the caller's.

    With `near` it stands before a caller instead: TCP on `port`, TLS towards `behind`, whose certificate it verifies.
    """

    port: int
    behind: int
    asks: bool = False
    near: bool = False


@dataclass(frozen=True)
class Terminator:
    """`client` is a certificate that fronts which ask take."""

    authority: Authority
    client: Pair


@asynccontextmanager
async def stunnel(fronts: Iterable[Front], authority: Authority | None = None) -> AsyncIterator[Terminator]:
    """`authority` is whom it trusts, its own unless given."""
    folder = Path(tempfile.mkdtemp(prefix="stunnel-"))
    authority = authority or Authority(folder)
    server, client = authority.issue("localhost"), authority.issue("client.test")
    log, fronts = folder / "log", tuple(fronts)
    head = _HEAD.format(log=log, certificate=server.certificate, key=server.key, authorities=authority.file)
    services = (
        _SERVICE.format(
            port=front.port,
            behind=front.behind,
            near=_word(front.near),
            asks=_word(front.asks or front.near),
        )
        for front in fronts
    )
    (folder / "stunnel.conf").write_text(head + "".join(services))
    process = await asyncio.create_subprocess_exec(
        "stunnel4", str(folder / "stunnel.conf"), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await _listening(fronts[-1].port, process, log)
        yield Terminator(authority, client)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        shutil.rmtree(folder)


async def _listening(port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    """Services open in their order, the last one last."""
    for _ in range(3000):
        if f":{port:04X} " in _read(Path("/proc/net/tcp")):
            return
        if process.returncode is not None:
            raise RuntimeError(f"stunnel ended at once: {_read(log)[-2000:]}")
        await asyncio.sleep(0.02)
    raise RuntimeError("stunnel did not open its ports")


def _word(on: bool) -> str:
    return "yes" if on else "no"


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""
