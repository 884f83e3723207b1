"""The writing process: `python -m mediaserver.scribe FD DIRECTORY` writes the recordings of a media server.

FD is a Unix socket from the switch, which speaks the frames of `mediaserver.wire`. When it closes, the files are closed
and the process ends. What an earlier process left unfinished is mended first.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from pathlib import Path

from mediaserver import wire
from mediaserver.scribe.desk import Desk

_READ = 1 << 18


def serve(peer: socket.socket, directory: Path) -> None:
    def tell(told: wire.RecordingOver) -> None:
        # A switch that is gone needs no report: the next one finds the files.
        with contextlib.suppress(ConnectionError):
            peer.sendall(wire.encode(told))

    desk = Desk(directory, tell)
    decoder = wire.Decoder()
    desk.mend()
    while data := peer.recv(_READ):
        for message in decoder.feed(data):
            desk.receive(message)
    desk.close()


def main(arguments: list[str]) -> int:
    # A Ctrl-C or a service manager's SIGTERM is for the switch alone, which drains first.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if os.getpriority(os.PRIO_PROCESS, 0) < 0:
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    peer = socket.socket(fileno=int(arguments[0]))
    peer.setblocking(True)
    serve(peer, Path(arguments[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
