"""Kamailio as the carrier's proxy: UDP, TCP and TLS towards us, digest, Record-Route, and UDP to what is behind it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.certificates import Authority
from tests.support.ports import free_range

PASSWORD = "s3cret"
#: The port behind: the last five digits of the number called.
BY_NUMBER = "$(rU{s.substr,-5,0})"
_CONFIG = """\
debug=0
log_stderror=yes
fork=yes
# One receiver over UDP: two may pass an ACK and the BYE after it on in the other order.
children=1
tcp_children=1
tcp_connection_lifetime=3600
enable_tls=yes
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
listen=tls:127.0.0.1:{tls}
mpath="{modules}"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "auth.so"
loadmodule "siputils.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "tls.so"
modparam("usrloc", "db_mode", 0)
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "{certificate}")
modparam("tls", "private_key", "{key}")
modparam("tls", "ca_list", "{authorities}")
modparam("tls", "verify_certificate", 1)
modparam("tls", "require_certificate", 1)
request_route {{
  if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
  if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
  if (has_totag()) {{
    if (loose_route()) {{ t_relay(); exit; }}
    if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
    sl_send_reply("404", "Not Here");
    exit;
  }}
  t_check_trans();
  if (is_method("REGISTER")) {{
    if (!pv_auth_check("clarion.test", "{password}", "0", "0")) {{ auth_challenge("clarion.test", "1"); exit; }}
    save("location");
    exit;
  }}
  if ("{registered}" != "" && !registered("location", "sip:{registered}@127.0.0.1")) {{
    sl_send_reply("403", "Register First");
    exit;
  }}
  if (!pv_auth_check("clarion.test", "{password}", "0", "0")) {{ auth_challenge("clarion.test", "1"); exit; }}
  consume_credentials();
  record_route();
  $du = "sip:127.0.0.1:" + {behind} + ";transport=udp";
  if (!t_relay()) sl_reply_error();
}}
"""


@dataclass(frozen=True)
class Proxy:
    """`tls` asks for a client certificate of `authority` and shows one for localhost."""

    port: int
    tls: int
    authority: Authority


@asynccontextmanager
async def kamailio(behind: int | str, registered: str = "") -> AsyncIterator[Proxy]:
    """Relays calls of any user with `PASSWORD` to UDP port `behind`, or where BY_NUMBER says.

    With `registered`, only while that user is.
    """
    folder = Path(tempfile.mkdtemp(prefix="kamailio-"))
    authority = Authority(folder)
    server = authority.issue("localhost")
    port = free_range(2)
    target = str(behind) if behind == BY_NUMBER else f'"{behind}"'
    config = _CONFIG.format(
        port=port, tls=port + 1, modules=_modules(), certificate=server.certificate, key=server.key,
        authorities=authority.file, password=PASSWORD, behind=target, registered=registered,
    )  # fmt: skip
    (folder / "kamailio.cfg").write_text(config)
    log = (folder / "log").open("wb")
    process = await asyncio.create_subprocess_exec(
        "/usr/sbin/kamailio", "-DD", "-E", "-f", str(folder / "kamailio.cfg"), "-Y", str(folder),
        "-m", "64", "-M", "8", stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    try:
        await _listening(port + 1, process, folder, authority)
        yield Proxy(port, port + 1, authority)
    finally:
        await _stop(process)
        log.close()
        shutil.rmtree(folder)


async def _stop(process: asyncio.subprocess.Process) -> None:
    """With its children, even where it does not heed the signal."""
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 5)
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _modules() -> Path:
    return next(Path("/usr/lib").glob("*/kamailio/modules"))


async def _listening(port: int, process: asyncio.subprocess.Process, folder: Path, authority: Authority) -> None:
    """Until a handshake has gone through: it takes connections before it has read its certificates, and the worker
    that had one of those refuses the next as well."""
    context, ours = ssl.create_default_context(cafile=authority.file), authority.issue("probe")
    context.load_cert_chain(ours.certificate, ours.key)
    for _ in range(3000):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        except OSError:
            if process.returncode is not None:
                raise RuntimeError(f"Kamailio ended at once: {(folder / 'log').read_text()[-2000:]}") from None
            await asyncio.sleep(0.02)
        else:
            writer.transport.abort()
            return
    raise RuntimeError("Kamailio did not open its ports")
