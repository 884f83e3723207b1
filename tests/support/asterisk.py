"""A private Asterisk 22 on loopback, from the Debian sid root that script/asterisk makes; used, not entered."""

from __future__ import annotations

import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError

from tests.support import processes
from tests.support.ports import free_port, free_range
from tests.support.sources import ROOT

USER, PASSWORD = "clarion", "password-of-the-tests"
#: Why the tests that need it are skipped where it is missing.
ABSENT = "no Asterisk 22 root on this machine: script/asterisk makes one"
_PATIENCE = 30.0
_PORTS = 400
_MODULES = (
    "app_stasis", "bridge_builtin_features", "bridge_holding", "bridge_native_rtp", "bridge_simple",
    "bridge_softmix", "chan_pjsip", "chan_rtp", "codec_alaw", "codec_g722", "codec_resample", "codec_ulaw",
    "codec_a_mu", "format_pcm", "format_sln", "format_wav", "func_callerid", "func_channel", "func_pjsip_endpoint",
    "func_timeout", "res_ari", "res_ari_applications", "res_ari_asterisk", "res_ari_bridges", "res_ari_channels",
    "res_ari_endpoints", "res_ari_events", "res_ari_model", "res_ari_playbacks", "res_ari_recordings",
    "res_ari_sounds", "res_http_websocket", "res_websocket_client", "res_rtp_multicast", "res_pjproject",
    "res_pjsip", "res_pjsip_authenticator_digest", "res_pjsip_caller_id", "res_pjsip_diversion",
    "res_pjsip_dtmf_info", "res_pjsip_endpoint_identifier_ip", "res_pjsip_endpoint_identifier_user",
    "res_pjsip_header_funcs", "res_pjsip_nat", "res_pjsip_outbound_authenticator_digest", "res_pjsip_refer",
    "res_pjsip_rfc3326", "res_pjsip_sdp_rtp", "res_pjsip_session", "res_pjsip_pubsub", "res_rtp_asterisk",
    "res_sorcery_astdb", "res_sorcery_config", "res_sorcery_memory", "res_stasis", "res_stasis_answer",
    "res_stasis_playback", "res_stasis_recording", "res_stasis_snoop", "res_timing_timerfd",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asterisk:
    """`url` is ARI's; `sip` is where its trunks see it; `root` has its sounds and programs."""

    url: str
    sip: int
    ports: range
    pid: int
    root: Path
    directory: Path


def asterisk_root() -> Path | None:
    """None where script/asterisk has not made one."""
    found = subprocess.run([ROOT / "script/asterisk", "--path"], capture_output=True, text=True, check=False)
    return Path(found.stdout.strip()) if found.returncode == 0 else None


@contextmanager
def asterisk(directory: Path, ports: range | None = None, *, ahead: bool = False) -> Iterator[Asterisk]:
    """One that is up, its files below `directory`, RTP on `ports`; stopped by its process id.

    `ahead` has it run ahead of ordinary programs, as a media server does.
    """
    root = asterisk_root()
    if root is None:
        raise RuntimeError(ABSENT)
    http, sip, rtp = free_port(), free_port(), ports or _own_ports()
    _configure(directory, root, http, sip, rtp)
    priority = ["-p"] if ahead else []
    libraries = root / "usr/lib/x86_64-linux-gnu"
    # Through its own loader, with its own libraries: neither chroot nor the rights for it are needed.
    loader = [root / "lib64/ld-linux-x86-64.so.2", "--library-path", libraries]
    command = [*loader, root / "usr/sbin/asterisk", "-f", *priority, "-C", directory / "etc/asterisk.conf"]
    process = processes.start(command, directory / "asterisk.out")
    try:
        _await_ready(process, f"http://127.0.0.1:{http}/ari/asterisk/ping", directory)
        yield Asterisk(f"http://127.0.0.1:{http}/ari", sip, rtp, process.pid, root, directory)
    finally:
        processes.stop(process)


def _own_ports() -> range:
    first = free_range(_PORTS)
    return range(first, first + _PORTS)


def _await_ready(process: subprocess.Popen[bytes], ping: str, directory: Path) -> None:
    manager = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    manager.add_password(None, ping, USER, PASSWORD)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPBasicAuthHandler(manager))
    give_up = time.monotonic() + _PATIENCE
    while time.monotonic() < give_up and process.poll() is None:
        try:
            opener.open(ping, timeout=2).close()
        except (HTTPError, URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"Asterisk does not start: {(directory / 'asterisk.out').read_text('utf-8', 'replace')[-2000:]}")


def _configure(directory: Path, root: Path, http: int, sip: int, rtp: range) -> None:
    etc = directory / "etc"
    for folder in (etc, *(directory / name for name in ("run", "log", "lib", "spool", "cache"))):
        folder.mkdir(parents=True, exist_ok=True)
    libraries, shared = root / "usr/lib/x86_64-linux-gnu", root / "usr/share/asterisk"
    files = {
        "asterisk.conf": f"""
[directories]
astcachedir => {directory}/cache
astetcdir => {etc}
astmoddir => {libraries}/asterisk/modules
astvarlibdir => {directory}/lib
astdbdir => {directory}/lib
astkeydir => {directory}/lib
astdatadir => {shared}
astagidir => {shared}/agi-bin
astspooldir => {directory}/spool
astrundir => {directory}/run
astlogdir => {directory}/log
[options]
hideconnect = yes
""",
        "modules.conf": "[modules]\nautoload = no\n" + "".join(f"load = {name}.so\n" for name in _MODULES),
        "http.conf": f"[general]\nenabled = yes\nbindaddr = 127.0.0.1\nbindport = {http}\nsessionlimit = 1000\n",
        "ari.conf": f"[general]\nenabled = yes\n[{USER}]\ntype = user\nread_only = no\npassword = {PASSWORD}\n",
        "rtp.conf": f"[general]\nrtpstart = {rtp.start}\nrtpend = {rtp.stop - 1}\nstrictrtp = yes\n",
        # What Clarion makes at run time (a trunk's credentials) lives in memory, beside what the files say.
        "sorcery.conf": "[res_pjsip]\n"
        + "".join(
            f"{kind} = config,pjsip.conf,criteria=type={kind}\n{kind} = memory\n" for kind in ("endpoint", "auth")
        ),
        "pjsip.conf": f"""
[global]
type = global
user_agent = Asterisk
[system]
type = system
[loopback]
type = transport
protocol = udp
bind = 127.0.0.1:{sip}
""",
        "extensions.conf": "[default]\n",
        "logger.conf": f"[logfiles]\n{directory}/log/messages = notice,warning,error\n",
        "cdr.conf": "[general]\nenable = no\n",
    }
    for name, text in files.items():
        (etc / name).write_text(text.lstrip(), encoding="utf-8")
