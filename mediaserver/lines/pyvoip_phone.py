"""The pyVoIP 1.6.8 library, mended from outside by subclasses; `pyvoip` makes a `Line` of them.

What stays the library's: the message classes and texts, the call and phone objects, the RTP client with its two
threads a call. What is mended here (file:function are the library's):

- SIP.py:start registers and starts a thread: the socket is read by the event loop, nothing is registered.
- SIP.py:gen_call_id repeats itself after a restart, gen_tag never forgets: random and unremembered.
- SIP.py:gen_invite knows neither port, sender nor display name; gen_ack invents a To tag; gen_bye reuses the branch.
- SIP.py:SIPMessage fails on unknown status codes and on session descriptions it does not like.
- RTP.py:trans drifts and re-encodes at 8 bit; recv dies of one short packet; a key is counted by its marker bit.
- VoIP.py:request_port looks through its whole range; the system chooses a port, held from the INVITE on.
"""

from __future__ import annotations

import re
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# `from pyVoIP import SIP` as the first import is circular and fails: the VoIP package goes first.
import pyVoIP.VoIP  # isort: skip
from pyVoIP import RTP, SIP

from common.control import RtpStats
from mediaserver.switch.sip.message import shown
from mediaserver.switch.sip.requests import bracketed
from mediaserver.switch.sip.transaction import Address
from mediaserver.switch.sip.transport import UdpTransport
from mediaserver.switch.sip.uri import ParseError, parse_name_addr, quote

FRAME = 160
_FRAME_SECONDS = 0.02
_SILENCE = b"\xff" * FRAME
_KEYS = "0123456789*#ABCD"
_KNOWN_STATUS = {int(status) for status in SIP.SIPStatus}
_STATUS_LINE = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2})")


class Message(SIP.SIPMessage):
    """A response the library can read: `code` and `reason` as sent, whatever the library knows of them."""

    def __init__(self, data: bytes) -> None:
        match = _STATUS_LINE.match(data)
        if match is None:
            raise ParseError("not a response")
        self.code = int(match[1])
        self.reason = shown(data[match.end() : data.index(b"\r\n")].decode("utf-8", "replace").strip())
        known = self.code if self.code in _KNOWN_STATUS else self.code // 100 * 100
        head, _, self.sdp = data.partition(b"\r\n\r\n")
        # The body is read by our own parser, which takes what the library's fails on.
        super().__init__(b"SIP/2.0 %d" % known + head[match.end() :] + b"\r\n\r\n")

    @property
    def answered_method(self) -> str:
        return str(self.headers["CSeq"]["method"])

    @property
    def cseq(self) -> str:
        return str(self.headers["CSeq"]["check"])

    @property
    def to_tag(self) -> str:
        return str(self.headers["To"]["tag"]).partition(";")[0]

    def contact(self) -> str | None:
        try:
            return parse_name_addr(self.headers["Contact"]).uri
        except (KeyError, ParseError):
            return None


@dataclass(frozen=True, slots=True)
class Parties:
    """Who calls whom, as URIs that are already checked."""

    target: str
    sender: str
    display_name: str


class TrunkClient(SIP.SIPClient):
    """The library's SIP client without REGISTER and without a thread; writes requests a peer can accept."""

    def listen(self, received: Callable[[bytes, Address], None], refused: Callable[[bytes], None]) -> None:
        """Bind a free port; both are called on the event loop, `refused` with what the network gave back."""
        self.transport = UdpTransport(self.myIP, 0)
        self.myPort = self.transport.address[1]
        self.transport.start(received, refused, lambda: None)

    def stop(self) -> None:
        self.transport.close()

    def transmit(self, text: str) -> None:
        """Everything goes to the trunk's own address, as the library has it: no Route, no Contact address."""
        self.transport.send(text.encode("utf-8", "surrogateescape"), Address(self.server, self.port))

    def gen_call_id(self) -> str:
        return secrets.token_hex(16)

    def gen_tag(self) -> str:
        return secrets.token_hex(8)

    def gen_tagged_invite(self, call_id: str, parties: Parties, port: int, headers: list[tuple[str, str]]) -> str:
        """The library's INVITE with our parties, and the From tag the call already has where it is repeated."""
        tag = self.tagLibrary.get(call_id) or self.gen_tag()
        medias: Any = {port: {0: RTP.PayloadType.PCMU, 101: RTP.PayloadType.EVENT}}
        text = self.gen_invite("number", "1", medias, RTP.TransmitType.SENDRECV, self.gen_branch(), call_id)
        self.tagLibrary[call_id] = tag
        head, _, body = text.partition("\r\n\r\n")
        lines = head.split("\r\n")
        lines[0] = f"INVITE {parties.target} SIP/2.0"
        display = f"{quote(parties.display_name)} " if parties.display_name else ""
        for index, line in enumerate(lines):
            if line.startswith("To:"):
                lines[index] = f"To: <{parties.target}>"
            elif line.startswith("From:"):
                lines[index] = f"From: {display}<{parties.sender}>;tag={tag}"
            elif line.startswith("Contact:"):
                lines[index] = f"Contact: <sip:clarion@{bracketed(self.myIP)}:{self.myPort}>"
        lines += [f"{name}: {value}" for name, value in headers]
        return "\r\n".join(lines) + "\r\n\r\n" + body

    def gen_in_call(self, method: str, invite: str, response: Message, extra: list[tuple[str, str]]) -> str:
        """ACK or BYE inside the dialog that `response` made; ACK of a refusal inside the INVITE's transaction."""
        target, headers = _request_parts(invite)
        is_refusal = response.code >= 300
        number = int(headers["cseq"].split()[0]) + (method == "BYE")
        via = headers["via"]
        if not is_refusal:
            target = response.contact() or target
            via = f"SIP/2.0/UDP {self.myIP}:{self.myPort};branch={self.gen_branch()}"
        to = headers["to"] + (f";tag={response.to_tag}" if response.to_tag else "")
        return _write(method, target, via, headers["from"], to, headers["call-id"], number, extra)

    def gen_cancel(self, invite: str) -> str:
        """What the library lacks; it carries the INVITE's own Via (RFC 3261 9.1)."""
        target, headers = _request_parts(invite)
        number = int(headers["cseq"].split()[0])
        return _write("CANCEL", target, headers["via"], headers["from"], headers["to"], headers["call-id"], number, [])


def _request_parts(request: str) -> tuple[str, dict[str, str]]:
    first, *lines = request.partition("\r\n\r\n")[0].split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return first.split(" ")[1], headers


def _write(
    method: str, target: str, via: str, sender: str, to: str, call_id: str, number: int, extra: list[tuple[str, str]]
) -> str:
    lines = [
        f"{method} {target} SIP/2.0",
        f"Via: {via}",
        "Max-Forwards: 70",
        f"From: {sender}",
        f"To: {to}",
        f"Call-ID: {call_id}",
        f"CSeq: {number} {method}",
        *(f"{name}: {value}" for name, value in extra),
        f"User-Agent: pyVoIP {pyVoIP.__version__}",
        "Content-Length: 0",
    ]
    return "\r\n".join(lines) + "\r\n\r\n"


class TrunkPhone(pyVoIP.VoIP.VoIPPhone):
    """The library's phone for one trunk address. Its calls' ports are held by their sockets, not by a list."""

    sip: TrunkClient

    def __init__(self, server: str, port: int, host: str) -> None:
        super().__init__(server, port, "clarion", "", myIP=host)
        self.sip = TrunkClient(server, port, "clarion", "", phone=self, myIP=host)

    def release_ports(self, call: pyVoIP.VoIP.VoIPCall | None = None) -> None:
        """Nothing to do: a closed socket is a free port."""


def _nobody(*_: object) -> None:
    """Hears a client whose call is over."""


@dataclass(slots=True)
class _Queue:
    play: int
    audio: bytes
    stop_on_key: bool
    position: int = 0


class MediaClient(RTP.RTPClient):
    """The library's RTP client: its two threads, mu-law straight through, absolute deadlines.

    `heard_key`, `played` and `heard_audio` are called on its threads.
    """

    def __init__(
        self,
        host: str,
        heard_key: Callable[[str], None],
        played: Callable[[int, bool, int], None],
        heard_audio: Callable[[bytes], None],
    ) -> None:
        self.sin = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sin.bind((host, 0))
        self.sin.settimeout(0.05)
        self.sout = self.sin
        medias = {0: RTP.PayloadType.PCMU, 101: RTP.PayloadType.EVENT}
        super().__init__(medias, host, self.sin.getsockname()[1], host, 0, RTP.TransmitType.SENDRECV)
        self.outSSRC = secrets.randbits(32)
        self.outSequence = secrets.randbits(15)
        self.outTimestamp = secrets.randbits(31)
        self.listening = False
        self.sending = True
        self._heard_key, self._played, self._heard_audio = heard_key, played, heard_audio
        self._lock = threading.Lock()
        self._queue: _Queue | None = None
        self._threads: list[threading.Thread] = []
        self._last_key: int | None = None
        self._sent = self._received = 0
        self._first_sequence: int | None = None
        self._highest = 0

    def start(self) -> None:
        for target, name in ((self.recv, "RTP Receiver"), (self.trans, "RTP Transmitter")):
            thread = threading.Thread(target=target, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Ask the threads to end; the socket stays until `finished`, so that none of them meets a closed one."""
        self.NSD = False

    def finished(self) -> bool:
        """Whether both threads are gone; then the socket is closed, and nothing leads back to the call."""
        if any(thread.is_alive() for thread in self._threads):
            return False
        self.sin.close()
        self._threads.clear()
        self._heard_key = self._played = self._heard_audio = _nobody
        return True

    def direct(self, host: str, port: int, event_type: int | None, sending: bool) -> None:
        """Where the far end wants its audio, what it calls its keys, and whether it wants any now."""
        self.outIP, self.outPort, self.sending = host, port, sending
        if event_type is not None:
            self.assoc = {0: RTP.PayloadType.PCMU, event_type: RTP.PayloadType.EVENT}

    def play(self, play: int, audio: bytes, stop_on_key: bool) -> None:
        with self._lock:
            replaced, self._queue = self._queue, _Queue(play, audio, stop_on_key)
        self._report_cut(replaced)

    def stop_play(self) -> None:
        with self._lock:
            cut, self._queue = self._queue, None
        self._report_cut(cut)

    def stats(self) -> RtpStats:
        expected = 0 if self._first_sequence is None else self._highest - self._first_sequence + 1
        return RtpStats(sent=self._sent, received=self._received, lost=max(0, expected - self._received))

    def recv(self) -> None:
        while self.NSD:
            try:
                packet = self.sin.recv(2048)
                self.parse_packet(packet)
            except TimeoutError:
                continue
            except (OSError, RTP.RTPParseError, TypeError, ValueError, IndexError):
                continue  # a stranger's packet, or an ICMP error of one of ours

    def trans(self) -> None:
        due = time.monotonic()
        while self.NSD:
            frame = self._next_frame()
            if self.sending and self.outPort:
                header = (0x8000).to_bytes(2, "big") + self.outSequence.to_bytes(2, "big")
                header += self.outTimestamp.to_bytes(4, "big") + self.outSSRC.to_bytes(4, "big")
                self._transmit(header + frame)
            self.outTimestamp = (self.outTimestamp + FRAME) & 0xFFFFFFFF
            due += _FRAME_SECONDS
            time.sleep(max(0.0, due - time.monotonic()))

    def parse_packet(self, packet: bytes) -> None:
        if len(packet) < 12:
            raise RTP.RTPParseError("shorter than an RTP header")
        message = RTP.RTPMessage(packet, self.assoc)
        self._count(message.sequence)
        if message.payload_type is RTP.PayloadType.EVENT:
            self.parse_telephone_event(message)
        elif message.payload_type is RTP.PayloadType.PCMU and self.listening:
            self._heard_audio(message.payload)

    def parse_telephone_event(self, packet: RTP.RTPMessage) -> None:
        """One key for one timestamp (RFC 4733 2.5.1.2), however many packets and markers it takes."""
        if packet.timestamp == self._last_key or packet.payload[0] >= len(_KEYS):
            return
        self._last_key = packet.timestamp
        with self._lock:
            cut = self._queue if self._queue is not None and self._queue.stop_on_key else None
            if cut is not None:
                self._queue = None
        self._heard_key(_KEYS[packet.payload[0]])
        self._report_cut(cut)

    def _transmit(self, packet: bytes) -> None:
        try:
            self.sin.sendto(packet, (self.outIP, self.outPort))
        except OSError:
            return  # the far end's port is closed: its BYE will come
        self._sent += 1
        self.outSequence = (self.outSequence + 1) & 0xFFFF

    def _next_frame(self) -> bytes:
        with self._lock:
            queue = self._queue
            if queue is None:
                return _SILENCE
            frame = queue.audio[queue.position : queue.position + FRAME]
            queue.position += len(frame)
            if queue.position >= len(queue.audio):
                self._queue = None
        if queue.position >= len(queue.audio):
            self._played(queue.play, True, queue.position // 8)
        return frame.ljust(FRAME, b"\xff")

    def _report_cut(self, queue: _Queue | None) -> None:
        if queue is not None:
            self._played(queue.play, False, queue.position // 8)

    def _count(self, sequence: int) -> None:
        self._received += 1
        if self._first_sequence is None:
            self._first_sequence = self._highest = sequence
            return
        # The 16-bit number, extended past its wraps (RFC 3550 A.1).
        ahead = (sequence - self._highest) & 0xFFFF
        if ahead < 0x8000:
            self._highest += ahead
