"""Packets as no honest peer sends them: mutated SIP requests and responses, RTP and RTCP, all from one seed."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

_METHODS = (
    "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "UPDATE", "INFO", "REFER", "NOTIFY", "PRACK", "REGISTER", "MESSAGE",
    "SUBSCRIBE", "PUBLISH", "NEWMETHOD",
)  # fmt: skip
_STATUSES = (100, 180, 183, 199, 200, 202, 299, 302, 380, 401, 404, 407, 422, 423, 486, 487, 491, 503, 603, 608, 699)
_EXTRAS = (
    "Contact: <sip:far@127.0.0.1:{port}>", "Content-Type: application/dtmf-relay", "Require: 100rel",
    "RSeq: 1", "RAck: 1 1 INVITE", "Session-Expires: 90;refresher=uas", "Min-SE: 4294967296", "Supported: timer",
    "Refer-To: <sip:+12125550199@127.0.0.1>", "Record-Route: <sip:127.0.0.1;lr>, <sip:127.0.0.2>",
    'WWW-Authenticate: Digest realm="x", nonce="y", qop="auth,auth-int", algorithm=SHA-256', "Retry-After: 1(x);d=2",
    'Reason: Q.850;cause=16;text="a"', "Event: refer", "Max-Forwards: 0", "Content-Encoding: gzip", "l: 999999",
)  # fmt: skip
_SDP = (
    "v=0\r\no=- 1 {number} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0 8 9 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n"
)
_SIGNS = (
    b"\r\n", b"\r\n\r\n", b"\0", b"\xff\xfe", b":", b";", b"<", b">", b'"', b"\\", b",", b"%00", b"=", b"@", b"[",
    b"z9hG4bK", b"99999999999999999999", b"-1", b" ", b"\t", b"\r\n ", b"SIP/2.0", b"SIP/3.0 ", b"sips:", b"tel:",
    b"tag=", b"rport", b"a" * 300,
)  # fmt: skip


class Kind(StrEnum):
    REQUEST = "requests"
    RESPONSE = "responses"
    RTP = "RTP"
    RTCP = "RTCP"


@dataclass(slots=True)
class Wild:
    """`call_ids` are of calls under way; `torture` are messages to mutate beside those made here."""

    chance: random.Random
    call_ids: Sequence[str]
    torture: Sequence[bytes]
    _makers: dict[Kind, Callable[[], bytes]] = field(init=False)

    def __post_init__(self) -> None:
        self._makers = {
            Kind.REQUEST: self._request,
            Kind.RESPONSE: self._response,
            Kind.RTP: self._rtp,
            Kind.RTCP: self._rtcp,
        }

    def packet(self, kind: Kind) -> bytes:
        """One in ten is left as it was made."""
        made = self._makers[kind]()
        return made if self.chance.random() < 0.1 else self._mutated(made)

    def _mutated(self, packet: bytes) -> bytes:
        chance, body = self.chance, bytearray(packet)
        for _ in range(chance.choice((1, 1, 2, 3, 6))):
            if not body:
                break
            first = chance.randrange(len(body))
            last = min(len(body), first + chance.choice((1, 2, 8, 40)))
            match chance.randrange(6):
                case 0:
                    del body[first:last]
                case 1:
                    body[first:first] = body[first:last] * chance.randint(1, 4)
                case 2:
                    body[first] ^= 1 << chance.randrange(8)
                case 3:
                    body[first:last] = chance.randbytes(last - first)
                case 4:
                    body[first:first] = chance.choice(_SIGNS)
                case _:
                    del body[first:]
        return bytes(body[:60_000])

    # --- SIP

    def _request(self) -> bytes:
        chance = self.chance
        if self.torture and chance.random() < 0.3:
            return chance.choice(self.torture)
        method = chance.choice(_METHODS)
        user = chance.choice(("clarion", "+15550100000", "nobody", "%63larion"))
        return self._message(f"{method} sip:{user}@127.0.0.1 SIP/2.0", method)

    def _response(self) -> bytes:
        status = self.chance.choice(_STATUSES)
        return self._message(f"SIP/2.0 {status} Whatever", self.chance.choice(("INVITE", "BYE", "CANCEL", "OPTIONS")))

    def _message(self, start: str, method: str) -> bytes:
        """With a call's own Call-ID half of the time; its tags and branches are secret, so these are guessed."""
        chance = self.chance
        port = chance.randrange(1024, 65536)
        body = _SDP.format(number=chance.randrange(1 << 32), port=port) if chance.random() < 0.4 else ""
        call_id = chance.choice(self.call_ids) if chance.random() < 0.5 else f"{chance.getrandbits(64):x}"
        lines = [
            start,
            f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{chance.getrandbits(40):x}",
            f"From: <sip:far@127.0.0.1>;tag={chance.getrandbits(24):x}",
            f"To: <sip:near@127.0.0.1>{chance.choice(('', f';tag={chance.getrandbits(24):x}'))}",
            f"Call-ID: {call_id}",
            f"CSeq: {chance.choice((0, 1, 2, 7, 2**31 - 1, 2**32))} {method}",
            *(extra.format(port=port) for extra in chance.sample(_EXTRAS, chance.randrange(4))),
        ]
        if body:
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", body]).encode()

    # --- media

    def _rtp(self) -> bytes:
        chance = self.chance
        kind = chance.choice((0, 0, 0, 8, 9, 13, 18, 101, 101, 126))
        sources = chance.choice((0, 0, 0, 1, 15))
        flags = 0x80 | sources | chance.choice((0, 0, 0x10, 0x20))
        head = struct.pack(
            "!BBHII",
            flags,
            kind | chance.choice((0, 0, 0x80)),
            chance.getrandbits(16),
            chance.getrandbits(32),
            chance.choice((1, 2, chance.getrandbits(32))),
        )
        key = struct.pack("!BBH", chance.randrange(18), chance.choice((10, 0x8A)), chance.choice((160, 800, 65535)))
        length = chance.choice((0, 1, 80, 160, 160, 240, 1400))
        return head + chance.randbytes(4 * sources) + (key if kind == 101 else chance.randbytes(length))

    def _rtcp(self) -> bytes:
        return b"".join(self._report() for _ in range(self.chance.choice((1, 1, 2, 5))))

    def _report(self) -> bytes:
        """SR, RR, SDES, BYE, APP, or feedback, with a length that may lie."""
        chance = self.chance
        blocks = chance.choice((0, 1, 2, 31))
        kind = chance.choice((200, 200, 201, 201, 202, 203, 204, 205, 206, 207))
        body = chance.randbytes(4 + (20 if kind == 200 else 0) + 24 * min(blocks, 2))
        words = len(body) // 4 if chance.random() < 0.8 else chance.getrandbits(16)
        return struct.pack("!BBH", 0x80 | blocks, kind, words) + body
