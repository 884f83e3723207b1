"""The workers' mother: `python -m mediaserver.dialog FD CONFIG` imports everything once and forks a worker on demand.

FD is a Unix socket from the switch. Each byte `F` that arrives on it, with one descriptor attached, makes a worker that
speaks over that descriptor; the answer is its process id in four bytes. When the socket closes, she ends.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import signal
import socket
import sys

from common.logging import configure
from common.setting_types import LogFormat
from common.settings import LogSettings
from mediaserver.dialog.worker import WorkerConfig, confine, serve


def main(arguments: list[str]) -> int:
    control = socket.socket(fileno=int(arguments[0]))
    options = json.loads(arguments[1])
    configure(LogSettings(options["log_level"], LogFormat(options["log_format"])))
    config = WorkerConfig(**options["worker"])
    if options["http"]:
        importlib.import_module("mediaserver.dialog.http")
    # A Ctrl-C at the terminal or a service manager's SIGTERM to the group is for the switch alone, which drains first
    # and ends its workers by closing their sockets.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # The switch runs ahead of other programs; scripts do not.
    if os.getpriority(os.PRIO_PROCESS, 0) < 0:
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    # Workers end by themselves or are killed: nobody waits for them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # What is imported is shared by all workers for as long as the collector does not touch it.
    gc.collect()
    gc.freeze()
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not descriptors:
            return 0
        child = os.fork()
        if child == 0:
            control.close()
            _be_worker(descriptors[0], config)
        os.close(descriptors[0])
        try:
            control.sendall(child.to_bytes(4))
        except OSError:
            # The switch went away meanwhile; the worker sees its own socket close.
            return 0


def _be_worker(descriptor: int, config: WorkerConfig) -> None:
    """Never returns: a fork must not run its mother's way out."""
    status = 1
    try:
        confine(config)
        asyncio.run(serve(socket.socket(fileno=descriptor), config))
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
