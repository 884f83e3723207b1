"""A media server put together: lines, worker pool, journal, switchboard. The control API is added by `main`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from common.ids import new_id
from common.setting_types import Endpoint, PortRange, PumpKind
from mediaserver.journal import Journal
from mediaserver.lines.asterisk_access import AriAccess
from mediaserver.lines.base import Line
from mediaserver.lines.native import NativeLine
from mediaserver.recognition.choice import AUTO, choose
from mediaserver.switch import nursery
from mediaserver.switch.sip.door import Door
from mediaserver.switch.sip.endpoint import SipConfig
from mediaserver.switch.sip.tls import TlsFiles
from mediaserver.switch.sounds import Sounds
from mediaserver.switch.switchboard import Switchboard
from mediaserver.switch.watch import Watch
from mediaserver.switch.workers import SESSIONS_A_WORKER, WorkerPool

APOLOGY = "We are sorry, this call cannot be continued. Goodbye."
#: RFC 3261's timer, in seconds; tests shrink it, and T2 and T4 with it.
T1 = 0.5
#: Workers beyond those that `max_calls` sessions of one revision need.
_SPARE_WORKERS = 6


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """`ports` None lets the system choose; `allow` are the origins (or file directories) scripts may fetch from."""

    sip: Endpoint
    ports: PortRange | None
    max_calls: int
    state_dir: Path
    allow: tuple[str, ...]
    line: str = "native"
    pump: PumpKind = PumpKind.AUTO
    #: auto, pocketsphinx or none.
    recognizer: str = AUTO
    apology: str = APOLOGY
    spare_workers: int = 1
    t1: float = T1
    tls: TlsFiles = field(default_factory=TlsFiles)
    #: 0 for any free one, None for none.
    tls_port: int | None = None
    asterisk: AriAccess = field(default_factory=AriAccess)
    log_level: str = "WARNING"
    log_format: str = "text"

    @property
    def clip_directory(self) -> Path:
        return self.state_dir / "clips"


def build(options: ServerOptions) -> Switchboard:
    """A switchboard with a boot id of its own, not started yet."""
    breeder = nursery.Nursery(
        nursery.options(
            clip_directory=str(options.clip_directory),
            voices=str(options.state_dir / "voices"),
            recognizer=choose(options.recognizer),
            http=any(origin.startswith("http") for origin in options.allow),
            log_level=options.log_level,
            log_format=options.log_format,
        )
    )
    most = options.max_calls // SESSIONS_A_WORKER + 1 + _SPARE_WORKERS
    door = Door()
    lines = _lines(options, door)
    return Switchboard(
        boot_id=new_id(),
        lines=lines,
        watch=Watch([line.pump.totals for line in lines.values() if isinstance(line, NativeLine)]),
        workers=WorkerPool(breeder, most, options.spare_workers),
        journal=Journal(options.state_dir / "journal"),
        clip_directory=options.clip_directory,
        allow=options.allow,
        max_calls=options.max_calls,
        default_line=options.line,
        apology=options.apology,
        recordings=options.state_dir / "recordings",
        door=door,
        sounds=Sounds(options.state_dir / "sounds"),
    )


def _lines(options: ServerOptions, door: Door) -> Mapping[str, Line]:
    t1 = options.t1
    sip = SipConfig(
        bind_host=options.sip.host,
        bind_port=options.sip.port,
        tls=options.tls,
        tls_port=options.tls_port,
        door=door,
        t1=t1,
        t2=8 * t1,
        t4=10 * t1,
    )
    lines: dict[str, Line] = {}
    if options.line == "pyvoip":
        from mediaserver.lines.pyvoip import PyVoipLine

        # The library binds a port of its own beside the user agent's.
        lines["pyvoip"] = PyVoipLine(options.sip.host)
    native = NativeLine(sip, options.ports, options.sip.host, pump=options.pump)
    if options.line == "asterisk":
        from mediaserver.lines.asterisk import AsteriskLine

        lines["asterisk"] = AsteriskLine(options.asterisk, options.sip.host, native.pump)
    lines["native"] = native
    return lines
