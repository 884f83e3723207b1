"""Programs a test starts: they die with the test process, even when that is killed."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def start(
    command: Sequence[str | Path],
    log: Path,
    *,
    user: str = "",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    death_signal: str = "KILL",
) -> subprocess.Popen[bytes]:
    """Start `command` with both outputs appended to `log`; `user` (for root only) is who it runs as."""
    prefix = ["setpriv", "--pdeathsig", death_signal]
    if user:
        prefix += [f"--reuid={user}", f"--regid={user}", "--init-groups"]
    with log.open("ab") as output:
        return subprocess.Popen(
            [*prefix, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=cwd,
            env=None if env is None else dict(env),
        )


def stop(process: subprocess.Popen[bytes], *, by: signal.Signals = signal.SIGTERM, seconds: float = 10.0) -> int:
    """Signal the process and wait for its end; killed when it does not end in time. Returns its exit status."""
    if process.poll() is None:
        process.send_signal(by)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(seconds)
    return process.returncode
