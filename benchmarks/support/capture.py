"""RTP as the far end gets it: dumpcap on the loopback interface, spacing by stream from the kernel's timestamps."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

#: Ethernet, IPv4, UDP and RTP headers: every record of the file has this length.
_SNAP = 14 + 20 + 8 + 12
_RECORD = np.dtype(
    [
        ("seconds", "<u4"),
        ("micros", "<u4"),
        ("kept", "<u4"),
        ("length", "<u4"),
        ("link", "V34"),
        ("source", ">u2"),
        ("target", ">u2"),
        ("udp", "V4"),
        ("version", "u1"),
        ("kind", "u1"),
        ("sequence", ">u2"),
        ("timestamp", ">u4"),
        ("ssrc", ">u4"),
    ]
)
_FILE_HEADER = 24


@dataclass(frozen=True, slots=True)
class Spacing:
    """Milliseconds between packets of one stream, over all streams; `late` is the share of gaps over 30 ms."""

    streams: int
    packets: int
    mean: float
    p99: float
    p999: float
    longest: float
    late: float
    #: Packets missing in the sequence numbers: lost by the capture or never sent.
    missing: int


@contextmanager
def capture(file: Path, ports: range, towards: range | None = None) -> Iterator[None]:
    """Keep the headers of what leaves `ports`, for ports `towards` where given, while the block runs."""
    # Shorter ones are no RTP, and would break the records' even length.
    rule = f"udp and src portrange {ports.start}-{ports.stop - 1} and greater {_SNAP}"
    if towards is not None:
        rule += f" and dst portrange {towards.start}-{towards.stop - 1}"
    command = ["dumpcap", "-q", "-P", "-i", "lo", "-s", str(_SNAP), "-B", "32", "-f", rule, "-w", str(file)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    # It says so once it captures.
    while line := process.stderr.readline():
        if line.startswith(b"File:"):
            break
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()


def first_words(file: Path) -> list[float]:
    """Milliseconds of each stream, in order of size, from its first packet to the first that is marked as speech."""
    rtp, moments = _packets(file)
    waits = []
    for source in np.unique(rtp["source"]):
        mine = rtp["source"] == source
        spoken = moments[mine & (rtp["kind"] >= 0x80)]
        if len(spoken):
            waits.append(float(spoken.min() - moments[mine].min()) / 1000)
    return sorted(waits)


def spacing(file: Path, at_least: int = 0) -> Spacing:
    """Of streams of at least so many packets. Raise SystemExit when nothing was captured."""
    rtp, moments = _packets(file)
    _, places, counts = np.unique(rtp["source"], return_inverse=True, return_counts=True)
    long = counts[places] >= at_least
    rtp, moments = rtp[long], moments[long]
    order = np.lexsort((moments, rtp["source"]))
    sources, times, numbers = rtp["source"][order], moments[order], rtp["sequence"][order].astype(np.int64)
    same = sources[1:] == sources[:-1]
    gaps = np.diff(times)[same] / 1000
    steps = (np.diff(numbers)[same] & 0xFFFF) - 1
    return Spacing(
        streams=int((counts >= at_least).sum()),
        packets=len(rtp),
        mean=float(gaps.mean()),
        p99=float(np.percentile(gaps, 99)),
        p999=float(np.percentile(gaps, 99.9)),
        longest=float(gaps.max()),
        late=float((gaps > 30).mean()),
        missing=int(steps[(steps > 0) & (steps < 1000)].sum()),
    )


def _packets(file: Path) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    """RTP headers and their moments in microseconds. Raise SystemExit when there is none."""
    records = np.frombuffer(file.read_bytes()[_FILE_HEADER:], _RECORD)
    rtp = records[(records["source"] % 2 == 0) & (records["version"] >> 6 == 2)]
    if len(rtp) < 2:
        raise SystemExit("no RTP was captured")
    return rtp, rtp["seconds"].astype(np.int64) * 1_000_000 + rtp["micros"]
