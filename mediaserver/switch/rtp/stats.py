"""What a receiver knows of a stream: loss and jitter after RFC 3550 (6.4.1, A.1, A.3, A.8)."""

from __future__ import annotations

from mediaserver.switch.rtp.packet import CLOCK_RATE, Packet, sequence_after

#: A.1: a jump of the sequence number larger than this is a restarted stream, not loss.
_MAX_DROPOUT = 3000


class ReceiverStats:
    """Counts one SSRC. `now` is monotonic seconds."""

    __slots__ = (
        "_expected_before",
        "_extended",
        "_first",
        "_jitter",
        "_received_before",
        "_segment_lost",
        "_segment_received",
        "_transit",
        "received",
    )

    def __init__(self) -> None:
        self.received = 0
        self._first: int | None = None
        self._extended = 0
        self._segment_received = 0
        self._segment_lost = 0
        self._transit = 0.0
        self._jitter = 0.0
        self._expected_before = 0
        self._received_before = 0

    def receive(self, packet: Packet, now: float, *, timed: bool = True) -> None:
        """Not `timed` are telephone events, which all carry the moment their key was pressed (RFC 4733 2.2.1)."""
        self.received += 1
        arrival = now * CLOCK_RATE
        transit = arrival - packet.timestamp
        if self._first is None:
            self._begin(packet.sequence, transit)
            return
        step = sequence_after(packet.sequence, self._extended & 0xFFFF)
        if not -_MAX_DROPOUT < step < _MAX_DROPOUT:
            self._segment_lost = self.lost
            self._begin(packet.sequence, transit)
            return
        self._segment_received += 1
        if step > 0:
            self._extended += step
        if not timed:
            return
        difference = abs(transit - self._transit)
        self._transit = transit
        # A timestamp jump (a silence-suppressing or restarted clock) says nothing about the network.
        if difference < CLOCK_RATE:
            self._jitter += (difference - self._jitter) / 16

    def _begin(self, sequence: int, transit: float) -> None:
        self._first = self._extended = sequence
        self._segment_received = 1
        self._transit = transit

    @property
    def highest_sequence(self) -> int:
        """Extended by the count of wraps, 32 bits."""
        return self._extended & 0xFFFFFFFF

    @property
    def expected(self) -> int:
        return 0 if self._first is None else self._extended - self._first + 1

    @property
    def lost(self) -> int:
        """Cumulative; duplicates cannot make it negative."""
        return self._segment_lost + max(0, self.expected - self._segment_received)

    @property
    def jitter(self) -> float:
        """In samples."""
        return self._jitter

    @property
    def jitter_ms(self) -> float:
        return self._jitter * 1000 / CLOCK_RATE

    def fraction_lost(self) -> int:
        """Of 256, since the last time this was asked (A.3)."""
        expected = self.expected - self._expected_before
        received = self._segment_received - self._received_before
        self._expected_before, self._received_before = self.expected, self._segment_received
        return fraction_lost(expected, received)


def fraction_lost(expected: int, received: int) -> int:
    """Of 256 (A.3)."""
    if expected <= 0 or expected <= received:
        return 0
    return min(255, ((expected - received) << 8) // expected)
