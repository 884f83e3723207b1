"""The children's mother: `python -m app.sandbox FD` imports everything once and forks a child on demand.

FD is a Unix socket from the web role. Each byte that arrives on it, with two descriptors attached, makes a child: one
is the connection that its work comes by, the other the directory where a try-out listens. She ends when FD closes.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import traceback

from app.sandbox import drawing, tryout, wire
from app.sandbox.jobs import JOBS
from app.sandbox.limits import begin_turn, confine


def main(arguments: list[str]) -> int:
    control = socket.socket(fileno=int(arguments[0]))
    # A Ctrl-C at the terminal or a service manager's SIGTERM to the group is for the web role, which closes FD.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    drawing.warm_up()
    gc.collect()
    gc.freeze()
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 2)
        if len(descriptors) < 2:
            return 0
        if os.fork() == 0:
            control.close()
            _be_child(*descriptors[:2])
        for descriptor in descriptors:
            os.close(descriptor)


def _be_child(connection: int, directory: int) -> None:
    """Never returns: a fork must not run its mother's way out."""
    status = 1
    try:
        confine()
        with socket.socket(fileno=connection) as peer:
            request = wire.receive(peer)
            if request["job"] == "try":
                tryout.run(request, peer, directory)
            else:
                job = JOBS[request["job"]]
                begin_turn(job.seconds)
                wire.send(peer, job.work(request))
        status = 0
    except (EOFError, BrokenPipeError, ConnectionResetError):
        status = 0  # nobody waits for the answer any more
    except Exception as error:
        # A defect of ours. The text may hold what somebody typed: it is not logged.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        sys.stderr.write(f"sandbox: {type(error).__name__} at {frame.filename}:{frame.lineno}\n")
    finally:
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
