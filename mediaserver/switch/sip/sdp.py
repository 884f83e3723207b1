"""Session descriptions (RFC 4566) for one audio stream: G.711 and telephone-event, offer and answer (RFC 3264)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from enum import StrEnum

from common.errors import ClarionError
from mediaserver.switch.rtp.srtp import SrtpKeys
from mediaserver.switch.sip.sdes import Crypto, agreed, answer_to, read

#: The dynamic payload type our offers give to RFC 4733 telephone events.
TELEPHONE_EVENT_PAYLOAD = 101
DEFAULT_PTIME = 20
_MAX_BODY = 16_384


class SdpError(ClarionError):
    """This session description cannot be used."""


class Codec(StrEnum):
    #: G.711 mu-law, static payload type 0.
    PCMU = "PCMU"
    #: G.711 A-law, static payload type 8.
    PCMA = "PCMA"
    #: G.722, static payload type 9; its clock says 8000 (RFC 3551 4.5.2).
    G722 = "G722"


class Direction(StrEnum):
    """As written in the description that carries it: its writer's view of the stream."""

    #: Both ways.
    SENDRECV = "sendrecv"
    #: The writer only sends: we are held, or hear music.
    SENDONLY = "sendonly"
    #: The writer only listens.
    RECVONLY = "recvonly"
    #: Nothing flows.
    INACTIVE = "inactive"


#: And whether it takes nothing but SRTP.
_PROFILES = {"RTP/AVP": False, "RTP/AVPF": False, "RTP/SAVP": True, "RTP/SAVPF": True}
_STATIC = {0: Codec.PCMU, 8: Codec.PCMA, 9: Codec.G722}
_NUMBERS = {codec: number for number, codec in _STATIC.items()}
#: What is spoken unless a trunk says otherwise.
USUAL = (Codec.PCMU, Codec.PCMA)
_CODECS = {str(codec): codec for codec in Codec}
_DIRECTIONS = {str(direction): direction for direction in Direction}
_MIRROR = {
    Direction.SENDRECV: Direction.SENDRECV,
    Direction.SENDONLY: Direction.RECVONLY,
    Direction.RECVONLY: Direction.SENDONLY,
    Direction.INACTIVE: Direction.INACTIVE,
}


@dataclass(frozen=True, slots=True)
class MediaTarget:
    """Where the far end wants its audio and what it takes there. `ptime` is milliseconds per packet sent there.

    `direction` is the far end's view; `payload_types` are every G.711 type it takes, in its order of preference,
    `codec`/`payload_type` the first of them; `telephone_event` is None where it takes no RFC 4733 keys.
    """

    ip: str
    port: int
    codec: Codec
    payload_type: int
    payload_types: tuple[tuple[int, Codec], ...]
    telephone_event: int | None
    ptime: int
    direction: Direction
    rtcp_port: int
    #: RTP/SAVP: its writer takes nothing but SRTP; the keys it wrote; what both sides agreed on, None for plain RTP.
    demands_srtp: bool = False
    crypto: tuple[Crypto, ...] = ()
    srtp: SrtpKeys | None = None

    @property
    def wants_audio(self) -> bool:
        """We may send: the far end listens and gave an address (0.0.0.0 is the old way to hold, RFC 3264 8.4)."""
        return self.direction in (Direction.SENDRECV, Direction.RECVONLY) and self.ip not in ("0.0.0.0", "::")  # noqa: S104

    @property
    def codecs(self) -> tuple[Codec, ...]:
        return tuple(codec for _, codec in self.payload_types)

    @property
    def sends_audio(self) -> bool:
        return self.direction in (Direction.SENDRECV, Direction.SENDONLY)


def make_offer(
    local_ip: str,
    port: int,
    *,
    codecs: tuple[Codec, ...] = USUAL,
    ptime: int = DEFAULT_PTIME,
    crypto: tuple[Crypto, ...] = (),
    demands_srtp: bool = False,
    version: int = 1,
) -> bytes:
    """An offer of `codecs` and telephone-event at `local_ip`:`port`, both directions.

    With `crypto` SRTP is offered: as a wish (RTP/AVP with keys, RFC 8643) or, where it `demands_srtp`, without choice.
    """
    formats = (
        *((_NUMBERS[codec], f"{codec}/8000") for codec in codecs),
        (TELEPHONE_EVENT_PAYLOAD, "telephone-event/8000"),
    )
    security = (demands_srtp, crypto)
    return _write(local_ip, port, formats, ptime, Direction.SENDRECV, version, security)


def offer_again(local: MediaTarget, version: int) -> bytes:
    """What `local` was read from, offered anew inside the call."""
    return make_offer(
        local.ip,
        local.port,
        codecs=local.codecs,
        ptime=local.ptime,
        crypto=local.crypto,
        demands_srtp=local.demands_srtp,
        version=version,
    )


def make_answer(
    offer: MediaTarget, local_ip: str, port: int, *, crypto: tuple[Crypto, ...] = (), version: int = 1
) -> bytes:
    """Our answer to what was read from an offer: its payload numbers, its direction mirrored.

    `crypto` are our own keys, used where the offer was agreed to with SRTP.
    """
    accepted = answer_to(crypto, offer.crypto) if offer.srtp is not None else None
    security = (offer.demands_srtp, () if accepted is None else (accepted,))
    formats = [(number, f"{codec}/8000") for number, codec in offer.payload_types]
    if offer.telephone_event is not None:
        formats.append((offer.telephone_event, "telephone-event/8000"))
    return _write(local_ip, port, tuple(formats), offer.ptime, _MIRROR[offer.direction], version, security)


def _write(
    ip: str,
    port: int,
    formats: tuple[tuple[int, str], ...],
    ptime: int,
    direction: Direction,
    version: int,
    security: tuple[bool, tuple[Crypto, ...]],
) -> bytes:
    demands_srtp, crypto = security
    profile = "RTP/SAVP" if demands_srtp else "RTP/AVP"
    family = "IP6" if ":" in ip else "IP4"
    lines = [
        "v=0",
        f"o=clarion {port} {version} IN {family} {ip}",
        "s=-",
        f"c=IN {family} {ip}",
        "t=0 0",
        f"m=audio {port} {profile} {' '.join(str(number) for number, _ in formats)}",
    ]
    for number, name in formats:
        lines.append(f"a=rtpmap:{number} {name}")
        if name.startswith("telephone-event"):
            lines.append(f"a=fmtp:{number} 0-16")
    lines += [f"a=crypto:{line}" for line in crypto]
    lines += [f"a=ptime:{ptime}", f"a={direction}"]
    return ("\r\n".join(lines) + "\r\n").encode()


class _Section:
    """The lines of the session part or of one `m=` part, as far as we use them."""

    def __init__(self) -> None:
        self.media: list[str] = []
        self.connection = ""
        self.attributes: list[tuple[str, str]] = []

    def attribute(self, name: str) -> str | None:
        return next((value for key, value in self.attributes if key == name), None)

    def direction(self) -> Direction | None:
        return next((_DIRECTIONS[key] for key, _ in self.attributes if key in _DIRECTIONS), None)


def parse_answer(body: bytes) -> MediaTarget:
    """Read an answer, or an offer, from a far end we speak plain RTP with. Raise SdpError where it cannot be used."""
    return _without_srtp(parse(body))


def read_offer(body: bytes, *, srtp: bool) -> MediaTarget:
    """Read the offer of a call to us, where we can or cannot do SRTP. Raise SdpError where it cannot be answered."""
    far = parse(body)
    if far.demands_srtp and not srtp:
        raise SdpError("SRTP is demanded, and this media server has none")
    if far.demands_srtp and not far.crypto:
        raise SdpError("SRTP is demanded by suites or key parameters that we lack")
    return far


def agree(body: bytes, local: MediaTarget) -> MediaTarget:
    """The same where our own description may offer or demand SRTP: `srtp` then holds the keys."""
    far = parse(body, local.codecs)
    if not local.crypto:
        return _without_srtp(far)
    keys = agreed(local.crypto, far.crypto)
    if keys is None and far.demands_srtp:
        raise SdpError("the far end demands SRTP by suites or key parameters that we lack")
    if keys is None and local.demands_srtp:
        raise SdpError("this trunk requires SRTP, and the far end takes none")
    return replace(far, srtp=keys)


def _without_srtp(far: MediaTarget) -> MediaTarget:
    if far.demands_srtp:
        raise SdpError("the far end demands SRTP (profile RTP/SAVP), which is off here")
    return far


def parse(body: bytes, codecs: tuple[Codec, ...] = USUAL) -> MediaTarget:
    """Whatever either side wrote: its first accepted audio stream with one of `codecs`. Raise SdpError without one."""
    session, streams = _sections(body)
    reasons = []
    for stream in streams:
        if not stream.media or stream.media[0].lower() != "audio":
            continue
        try:
            return _target(session, stream, codecs)
        except SdpError as error:
            reasons.append(str(error))
    raise SdpError(reasons[0] if reasons else "no audio stream in the session description")


def _sections(body: bytes) -> tuple[_Section, list[_Section]]:
    if len(body) > _MAX_BODY:
        raise SdpError("the session description is longer than 16384 bytes")
    text = body.decode("utf-8", "replace")
    if not text.startswith("v=0"):
        raise SdpError("the session description does not begin with v=0")
    session = current = _Section()
    streams: list[_Section] = []
    for line in text.splitlines():
        kind, equals, value = line.partition("=")
        if not equals:
            continue
        if kind == "m":
            current = _Section()
            current.media = value.split()
            streams.append(current)
        elif kind == "c":
            current.connection = value
        elif kind == "a":
            name, _, rest = value.partition(":")
            current.attributes.append((name.strip().lower(), rest.strip()))
    return session, streams


def _target(session: _Section, stream: _Section, ours: tuple[Codec, ...]) -> MediaTarget:
    if len(stream.media) < 4:
        raise SdpError("the m= line needs a port, a profile and a format")
    port = _number(stream.media[1].partition("/")[0], 0, 65_535, "m= port")
    if port == 0:
        raise SdpError("the audio stream was refused (port 0)")
    profile = stream.media[2].upper()
    if profile not in _PROFILES:
        raise SdpError(f"the audio profile {profile[:20]} is none of {', '.join(_PROFILES)}")
    codecs, telephone_event = _formats(stream, ours)
    if not codecs:
        raise SdpError(f"no shared codec: none of {', '.join(ours)}")
    rtcp = (stream.attribute("rtcp") or "").split()
    return MediaTarget(
        ip=_address(stream.connection or session.connection),
        port=port,
        codec=codecs[0][1],
        payload_type=codecs[0][0],
        payload_types=tuple(codecs),
        telephone_event=telephone_event,
        ptime=_ptime(stream.attribute("ptime"), stream.attribute("maxptime")),
        direction=stream.direction() or session.direction() or Direction.SENDRECV,
        rtcp_port=_number(rtcp[0], 1, 65_535, "a=rtcp") if rtcp else min(port + 1, 65_535),
        demands_srtp=_PROFILES[profile],
        crypto=read(value for key, value in stream.attributes if key == "crypto"),
    )


def _formats(stream: _Section, ours: tuple[Codec, ...]) -> tuple[list[tuple[int, Codec]], int | None]:
    names: dict[str, str] = {}
    for key, value in stream.attributes:
        if key == "rtpmap":
            number, _, name = value.partition(" ")
            names[number] = name.strip().upper()
    codecs: list[tuple[int, Codec]] = []
    telephone_event: int | None = None
    for text in stream.media[3:]:
        if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 127):
            continue
        payload = int(text)
        encoding, _, rate = names.get(text, "").partition("/")
        codec = _CODECS.get(encoding) if encoding else _STATIC.get(payload)
        if encoding == "TELEPHONE-EVENT" and rate == "8000":
            telephone_event = payload if telephone_event is None else telephone_event
        elif codec in ours and codec is not None and rate in ("", "8000", "8000/1"):
            codecs.append((payload, codec))
    return codecs, telephone_event


def _address(connection: str) -> str:
    parts = connection.split()
    if len(parts) < 3 or parts[0].upper() != "IN" or parts[1].upper() not in ("IP4", "IP6"):
        raise SdpError("no usable c= line (IN IP4 address)")
    address = parts[2].partition("/")[0]
    try:
        return str(ipaddress.ip_address(address))
    except ValueError as error:
        raise SdpError("the c= line holds no IP address") from error


def _ptime(wished: str | None, most: str | None) -> int:
    """The packet length to send, 10 to 60 ms in steps of 10: what is wished, within what can be taken (maxptime)."""
    length, limit = _milliseconds(wished), _milliseconds(most)
    asked = DEFAULT_PTIME if length is None else length
    return max(10, min(60, asked if limit is None else min(asked, limit)) // 10 * 10)


def _milliseconds(value: str | None) -> int | None:
    if value is None or not (value.isascii() and value.isdigit() and len(value) <= 4) or not int(value):
        return None
    return int(value)


def _number(text: str, low: int, high: int, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and low <= int(text) <= high):
        raise SdpError(f"{name} is not a number from {low} to {high}")
    return int(text)
