"""Session descriptions: read an offer's audio stream, write an answer (RFC 4566, RFC 3264)."""

from __future__ import annotations

from dataclasses import dataclass

PCMU = 0
PCMA = 8
_NAMES = {PCMU: "PCMU/8000", PCMA: "PCMA/8000"}


@dataclass(frozen=True, slots=True)
class Offer:
    """The first audio stream. `event_type` is the telephone-event payload type, None where it is not offered."""

    host: str
    port: int
    payload_types: tuple[int, ...]
    event_type: int | None
    direction: str = "sendrecv"

    def choose(self, preferred: int) -> int | None:
        """The codec to answer, None when there is none in common (488)."""
        for codec in (preferred, PCMU, PCMA):
            if codec in self.payload_types:
                return codec
        return None


def parse_offer(body: str) -> Offer | None:
    host, port, direction, in_audio = "", 0, "sendrecv", False
    types: tuple[int, ...] = ()
    event: int | None = None
    for line in body.splitlines():
        kind, _, value = line.partition("=")
        if kind == "m":
            if in_audio:
                break
            words = value.split()
            in_audio = words[:1] == ["audio"] and len(words) > 3
            if in_audio:
                number = words[1].partition("/")[0]
                port = int(number) if number.isdecimal() else 0
                types = tuple(int(word) for word in words[3:] if word.isdecimal())
        elif kind == "c" and (in_audio or not host):
            host = value.rpartition(" ")[2].strip()
        elif kind == "a" and in_audio:
            name, _, rest = value.partition(":")
            number, _, encoding = rest.partition(" ")
            if name == "rtpmap" and encoding.lower().startswith("telephone-event/8000") and number.isdecimal():
                event = int(number)
            elif name in ("sendrecv", "sendonly", "recvonly", "inactive"):
                direction = name
    return Offer(host, port, types, event, direction) if port and types else None


def answer(host: str, port: int, codec: int, event_type: int | None, *, version: int = 1, direction: str = "") -> str:
    types = f"{codec}" if event_type is None else f"{codec} {event_type}"
    lines = [
        "v=0",
        f"o=carrier 1 {version} IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {types}",
        f"a=rtpmap:{codec} {_NAMES[codec]}",
    ]
    if event_type is not None:
        lines += [f"a=rtpmap:{event_type} telephone-event/8000", f"a=fmtp:{event_type} 0-15"]
    lines += ["a=ptime:20", f"a={direction or 'sendrecv'}"]
    return "\r\n".join(lines) + "\r\n"
