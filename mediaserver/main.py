"""The media server process: settings in, a switch with its workers and control API out, until SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import sys

import structlog
import uvloop

from common.errors import ClarionError, ConfigError
from common.logging import configure
from common.settings import Settings, ensure_secrets
from common.tasks import keep_going, tell_failures
from mediaserver.clipstore import prune_for_ever
from mediaserver.collector import calm, collect_when_idle, trim_for_ever
from mediaserver.control import ControlApi
from mediaserver.lines.asterisk_access import AriAccess
from mediaserver.priority import Claim
from mediaserver.server import ServerOptions, build
from mediaserver.switch.sip.tls import TlsFiles, client_context

#: Seconds live calls may go on after SIGTERM.
DRAIN_LIMIT = 25.0

log = structlog.get_logger()


def main() -> int:
    try:
        settings = ensure_secrets(Settings.load())
        configure(settings.log)
        run(settings)
    except ConfigError as error:
        sys.stderr.write(f"clarion: {error}\n")
        return 2
    except ClarionError as error:
        sys.stderr.write(f"clarion: {error}\n")
        return 1
    return 0


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; a second signal ends without draining."""
    uvloop.run(_serve(settings))


def _options(settings: Settings) -> ServerOptions:
    mine = settings.mediaserver
    return ServerOptions(
        sip=mine.sip,
        ports=mine.rtp_ports,
        max_calls=mine.max_calls,
        state_dir=mine.state_dir,
        allow=(mine.application_server, *mine.allow),
        line=mine.line,
        asterisk=AriAccess(mine.asterisk_url, mine.asterisk_user, mine.asterisk_password, mine.asterisk_app),
        tls=TlsFiles.named(mine.tls_authorities, mine.tls_certificate, mine.tls_key),
        tls_port=mine.tls_port or None,
        pump=mine.pump,
        recognizer=mine.recognizer,
        log_level=settings.log.level,
        log_format=settings.log.format.value,
    )


async def _serve(settings: Settings) -> None:
    priority = Claim(settings.mediaserver.priority, asyncio.get_running_loop())
    options = _options(settings)
    client_context(options.tls)  # files that cannot be used are told now, not by the first call
    board = build(options)
    api = ControlApi(board, settings.mediaserver.token)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    tell_failures(loop)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await board.start()
    listening = await api.start(settings.mediaserver.listen)
    chores = [
        asyncio.create_task(keep_going("clips", lambda: prune_for_ever(options.clip_directory))),
        asyncio.create_task(keep_going("collector", lambda: collect_when_idle(lambda: board.calls))),
        asyncio.create_task(keep_going("heap", trim_for_ever)),
    ]
    board.metrics.set_aside(calm())
    log.info(
        "mediaserver_started",
        listen=str(listening),
        sip=str(options.sip),
        boot_id=board.boot_id,
        priority=priority.held,
    )
    await stop.wait()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
    log.info("mediaserver_draining", calls=board.calls)
    await board.drain(DRAIN_LIMIT)
    for chore in chores:
        chore.cancel()
    await api.close()
    await board.close()
    log.info("mediaserver_stopped")
