"""The native line: our own SIP user agent and RTP pump behind the `Line` port."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from dataclasses import asdict, dataclass, replace

from common.control import Disposition, RtpStats, Trunk
from common.errors import Refused
from common.setting_types import PortRange, PumpKind
from mediaserver.lines import base
from mediaserver.lines.base import Capability, Place, Sink
from mediaserver.lines.pumped import PumpedLine
from mediaserver.switch.media import MediaPump, MediaSocket, MediaStream
from mediaserver.switch.ports import NoPorts, PortAllocator
from mediaserver.switch.pumps import make_pump
from mediaserver.switch.rtp import stream as rtp
from mediaserver.switch.rtp.packet import PayloadType
from mediaserver.switch.rtp.transcode import ULAW_TO_ALAW
from mediaserver.switch.sip import events as sip
from mediaserver.switch.sip.endpoint import SipConfig, SipEndpoint
from mediaserver.switch.sip.sdes import agreed, answering, offered
from mediaserver.switch.sip.sdp import USUAL, Codec, MediaTarget, make_answer, make_offer

_CODECS = {Codec.PCMU: PayloadType.PCMU, Codec.PCMA: PayloadType.PCMA, Codec.G722: PayloadType.G722}
_NO_SRTP = "the trunk requires SRTP, and this media server has none: script/setup builds it with libsrtp2-dev"
#: Clips kept in A-law, least recently used out first (about 80 KB each at ten seconds).
_ALAW_CLIPS = 256

#: A phone that has registered with us.
_PHONE = "phone:"


@dataclass(slots=True)
class _Call:
    """One call's media; the user agent keeps the signalling."""

    media: MediaSocket
    keys: str
    stream: MediaStream | None = None
    ringing: bool = False
    listening: bool = False
    #: The far end has not put us on hold.
    sends: bool = True


class NativeLine(PumpedLine):
    def __init__(
        self,
        sip_config: SipConfig,
        ports: PortRange | None,
        media_host: str,
        advertise_host: str = "",
        pump: PumpKind = PumpKind.AUTO,
    ) -> None:
        super().__init__(make_pump(pump, media_host, PortAllocator(ports)))
        self._endpoint = SipEndpoint(replace(sip_config, srtp=self._pump.has_srtp))
        self._door = sip_config.door
        absent = () if self._pump.has_rooms else (Capability.CONVERSATION,)
        self.capabilities = frozenset(Capability).difference(absent)
        self._advertise = advertise_host or media_host
        self._calls: dict[str, _Call] = {}
        self._offers: dict[str, MediaTarget] = {}
        self._alaw: OrderedDict[bytes, bytes] = OrderedDict()

    @property
    def address(self) -> tuple[str, int]:
        """Where SIP is bound."""
        return self._endpoint.address

    @property
    def pump(self) -> MediaPump:
        return self._pump

    @property
    def endpoint(self) -> SipEndpoint:
        return self._endpoint

    async def start(self, sink: Sink) -> None:
        self._sink = sink
        self._pump.start(asyncio.get_running_loop())
        try:
            await self._endpoint.start(self._signalled)
        except BaseException:
            self._pump.close()
            raise

    async def close(self) -> None:
        await self._endpoint.close()
        self._pump.close()
        self._calls.clear()

    # --- what the switch asks

    def place(self, call: Place) -> None:
        """To `phone:USER` goes where that phone has registered."""
        is_phone = call.to.startswith(_PHONE)
        if is_phone:
            found = self._find(call)
            if found is None:
                failed = base.Failed(call.call, Disposition.REFUSED, 480, "the phone is not registered", False)
                asyncio.get_running_loop().call_soon(self._tell, failed)
                return
            call = found
        if call.trunk.srtp == "require" and not self._pump.has_srtp:
            # 488 is what we would answer to a far end that demands what we lack.
            failed = base.Failed(call.call, Disposition.NOT_ADMITTED, 488, _NO_SRTP, provisional=False)
            asyncio.get_running_loop().call_soon(self._tell, failed)
            return
        try:
            media = self._pump.open()
        except NoPorts as error:
            failed = base.Failed(call.call, Disposition.NOT_ADMITTED, None, str(error), provisional=False)
            asyncio.get_running_loop().call_soon(self._tell, failed)
            return
        self._calls[call.call] = _Call(media, call.trunk.keys)
        spec = sip.InviteSpec(
            call=call.call,
            to=call.to,
            sender=call.sender,
            display_name=call.display_name,
            trunk=call.trunk,
            sdp=self._offer(call.trunk, media.port),
            ring_timeout=call.ring_timeout,
            identity=call.identity,
            alternatives=call.alternatives,
            dialled=call.dialled,
            may_refer=call.may_refer,
            by_their_connection=is_phone and call.trunk.transport == "tls",
            referred_by=call.referred_by,
        )
        try:
            self._endpoint.invite(spec)
        except Refused as error:
            # Numbers, names or a trunk that make no INVITE; the port goes back.
            self._free(call.call)
            failed = base.Failed(call.call, Disposition.NOT_ADMITTED, None, str(error), provisional=False)
            asyncio.get_running_loop().call_soon(self._tell, failed)

    def _find(self, call: Place) -> Place | None:
        where = self._door and self._door.place_of(call.to.removeprefix(_PHONE), time.monotonic())
        if not where:
            return None
        wanted = call.trunk
        trunk = Trunk(
            *(where.at.host, where.at.port, where.at.transport),
            ptime=wanted.ptime,
            keys=wanted.keys,
            srtp=wanted.srtp,
            g722=wanted.g722,
        )
        return replace(call, to=where.uri, trunk=trunk)

    def answer(self, call: str) -> None:
        offer = self._offers.pop(call, None)
        if offer is None:
            return
        try:
            media = self._pump.open()
        except NoPorts:
            self._endpoint.refuse(call, 503)
            return
        self._calls[call] = _Call(media, "auto")
        ours = answering(offer.crypto) if self._pump.has_srtp else ()
        offer = replace(offer, srtp=agreed(ours, offer.crypto))
        self._endpoint.answer(call, make_answer(offer, self._advertise, media.port, crypto=ours))

    def refuse(self, call: str, status: int) -> None:
        self._offers.pop(call, None)
        self._endpoint.refuse(call, status)

    def _offer(self, trunk: Trunk, port: int) -> bytes:
        secured = trunk.srtp != "off" and self._pump.has_srtp
        return make_offer(
            self._advertise,
            port,
            codecs=(*((Codec.G722,) if trunk.g722 and self._pump.has_g722 else ()), *USUAL),
            ptime=trunk.ptime,
            crypto=offered() if secured else (),
            demands_srtp=trunk.srtp == "require",
        )

    def hang_up(self, call: str) -> None:
        self._endpoint.hang_up(call)
        known = self._calls.get(call)
        if known is not None and known.stream is not None:
            known.stream.sending = False

    def play(self, call: str, play: int, clips: tuple[bytes, ...], stop_on_key: bool) -> None:
        stream = self._stream(call)
        if stream is not None:
            if stream.form.codec is PayloadType.PCMA:
                clips = tuple(self._to_alaw(clip) for clip in clips)
            stream.play(play, clips, stop_on_key)

    def listen(self, call: str, on: bool) -> None:
        """Before the answer early media is heard, as soon as it comes."""
        if (known := self._calls.get(call)) is not None:
            known.listening = on
        if (stream := self._stream(call)) is not None:
            stream.listen(on)

    def signs(self, call: str) -> int | None:
        known = self._calls.get(call)
        if known is None or known.stream is None or not known.sends:
            return None
        return known.stream.stats().received + known.stream.reports_heard

    def send_keys(self, call: str, keys: str) -> None:
        """The way that the trunk wants, else as telephone events, else in the audio."""
        known = self._calls.get(call)
        if known is None or known.stream is None:
            return
        if known.keys == "info":
            self._endpoint.send_keys(call, keys)
        else:
            known.stream.send_keys(keys)

    def transfer(self, call: str, target: str) -> None:
        self._endpoint.transfer(call, target)

    def tell_transfer(self, call: str, status: int) -> None:
        self._endpoint.tell_transfer(call, status)

    def stats(self, call: str) -> RtpStats:
        stream = self._stream(call)
        return RtpStats() if stream is None else stream.stats()

    def held(self) -> dict[str, int]:
        """SIP's calls, dialogs, transactions, timers and tasks, RTP's streams and sockets."""
        sip_holds = {f"sip_{name}": count for name, count in asdict(self._endpoint.stats()).items()}
        return {**sip_holds, "rtp_streams": self._pump.streams, "rtp_sockets": self._pump.open_sockets}

    def _stream(self, call: str) -> MediaStream | None:
        known = self._calls.get(call)
        return None if known is None else known.stream

    def _to_alaw(self, clip: bytes) -> bytes:
        found = self._alaw.get(clip)
        if found is None:
            found = self._alaw[clip] = clip.translate(ULAW_TO_ALAW)
            if len(self._alaw) > _ALAW_CLIPS:
                self._alaw.popitem(last=False)
        else:
            self._alaw.move_to_end(clip)
        return found

    # --- what the user agent reports

    def _signalled(self, event: sip.SipEvent) -> None:
        match event:
            case sip.Ladder(call, text):
                self._tell(base.Ladder(call, text))
            case sip.Provisional(call, status, _, media):
                self._ringing(call, status)
                if media is not None:
                    self._early_media(call, media)
            case sip.Incoming(call, number, sender, media, _, user):
                self._offers[call] = media
                self._tell(base.Incoming(call, number, user, sender))
            case sip.Established(call, media):
                self._established(call, media)
            case sip.MediaChanged(call, media):
                self._media_changed(call, media)
            case sip.KeyByInfo(call, key):
                self._key(call, key)
            case sip.TrunkFailed(call, fault, following):
                self._tell(base.TrunkFailed(call, fault, following))
            case sip.Transferred(call, status):
                self._tell(base.Transferred(call, status))
            case sip.TransferAsked(call, target, by):
                self._tell(base.TransferAsked(call, target, by))
            case sip.Ended(call, by_far_end, release):
                stats = self.stats(call)
                self._free(call)
                self._tell(base.HungUp(call, by_far_end, stats, release))
            case sip.Failed(call, disposition, status, reason, provisional, release, wait):
                self._offers.pop(call, None)
                self._free(call)
                self._tell(base.Failed(call, disposition, status, reason, provisional, release, wait))

    def _ringing(self, call: str, status: int) -> None:
        known = self._calls.get(call)
        if known is not None and not known.ringing and status in (180, 183):
            known.ringing = True
            self._tell(base.Ringing(call, status))

    def _early_media(self, call: str, target: MediaTarget) -> None:
        """Listened to where somebody wants to; otherwise the media begins with the answer."""
        known = self._calls.get(call)
        if known is None or not known.listening:
            return
        if known.stream is None:
            self._begin(call, known, target)
        else:
            # Another fork rings.
            self._media_changed(call, target)

    def _established(self, call: str, target: MediaTarget) -> None:
        known = self._calls[call]
        if known.stream is None:
            self._begin(call, known, target)
        else:
            self._media_changed(call, target)
        self._tell(base.Answered(call))

    def _begin(self, call: str, known: _Call, target: MediaTarget) -> None:
        known.stream = known.media.begin(
            _form(target, known.keys),
            (target.ip, target.port),
            (target.ip, target.rtcp_port),
            lambda event: self._sounded(call, event),
        )
        known.stream.sending, known.sends = target.wants_audio, target.sends_audio
        if known.listening:
            known.stream.listen(True)

    def _media_changed(self, call: str, target: MediaTarget) -> None:
        known = self._calls.get(call)
        if known is None or known.stream is None:
            return
        known.stream.sending, known.sends = target.wants_audio, target.sends_audio
        if target.wants_audio:
            known.stream.change(_form(target, known.keys), (target.ip, target.port))
            known.media.rtcp_target = (target.ip, target.rtcp_port)

    def _key(self, call: str, key: str) -> None:
        stream = self._stream(call)
        if stream is not None:
            stream.press(key, time.monotonic())

    def _free(self, call: str) -> None:
        known = self._calls.pop(call, None)
        if known is not None:
            known.media.close()


def _form(target: MediaTarget, keys: str) -> rtp.MediaFormat:
    return rtp.MediaFormat(
        codec=_CODECS[target.codec],
        key_type=target.telephone_event,
        ssrc=secrets.randbits(32),
        first_sequence=secrets.randbits(15),
        first_timestamp=secrets.randbits(32),
        ptime=target.ptime,
        hears_tones=keys == "inband" or target.telephone_event is None,
        sends_tones=keys == "inband",
        srtp=target.srtp,
    )
