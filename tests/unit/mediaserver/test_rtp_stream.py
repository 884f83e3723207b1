"""One call's RTP stream: playing, barge-in, keys sent, who is listened to, and what is counted."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from mediaserver.switch.rtp import rtcp
from mediaserver.switch.rtp.dtmf import KeyReceiver, key_payloads
from mediaserver.switch.rtp.jitter import JitterBuffer
from mediaserver.switch.rtp.latch import Latch
from mediaserver.switch.rtp.packet import COMFORT_NOISE, FRAME, Packet, PayloadType, decode, encode
from mediaserver.switch.rtp.stats import ReceiverStats
from mediaserver.switch.rtp.stream import (
    AudioHeard,
    KeyHeard,
    MediaFormat,
    PlayEnded,
    RtpStream,
    StreamEvent,
)

FAR = ("192.0.2.1", 4000)
SILENCE = b"\xff" * FRAME


def stream(codec: PayloadType = PayloadType.PCMU, key_type: int | None = 101) -> tuple[RtpStream, list[StreamEvent]]:
    events: list[StreamEvent] = []
    return RtpStream(MediaFormat(codec, key_type, 42, 0xFFFD, 0xFFFFFF00), FAR, events.append), events


def audio(number: int, payload: bytes = SILENCE, kind: int = 0, ssrc: int = 9) -> bytes:
    return encode(Packet(kind, False, number & 0xFFFF, number * FRAME & 0xFFFFFFFF, ssrc, payload))


def test_silence_is_sent_with_steady_numbers_across_the_wrap() -> None:
    mine, _ = stream()
    sent = [decode(mine.packet()) for _ in range(5)]
    assert [packet.sequence for packet in sent] == [0xFFFE, 0xFFFF, 0, 1, 2]
    steps = {(after.timestamp - before.timestamp) % 2**32 for before, after in itertools.pairwise(sent)}
    assert steps == {FRAME}
    assert {packet.payload for packet in sent} == {SILENCE}


@given(st.lists(st.binary(max_size=500), max_size=6))
def test_clips_play_back_to_back_and_the_end_is_padded(clips: list[bytes]) -> None:
    mine, events = stream()
    mine.play(7, tuple(clips), False)
    played = b""
    while not events:
        played += decode(mine.packet()).payload
    whole = b"".join(clips)
    frames = -(-len(whole) // FRAME)
    assert played[: len(whole)] == whole
    assert set(played[len(whole) :]) <= {0xFF}
    assert events == [PlayEnded(7, True, frames * 20)]


def test_the_first_packet_of_a_prompt_is_marked() -> None:
    mine, _ = stream()
    mine.packet()
    mine.play(1, (b"\x10" * 480,), False)
    assert [decode(mine.packet()).marker for _ in range(4)] == [True, False, False, False]


def test_a_key_stops_a_prompt_that_may_be_barged_into() -> None:
    mine, events = stream()
    mine.play(3, (b"\x10" * 1600,), True)
    mine.packet()
    mine.press("5", 0.0)
    assert events == [KeyHeard("5"), PlayEnded(3, False, 20)]
    assert decode(mine.packet()).payload == SILENCE


def test_a_key_leaves_other_prompts_alone() -> None:
    mine, events = stream()
    mine.play(3, (b"\x10" * 1600,), False)
    mine.press("5", 0.0)
    assert events == [KeyHeard("5")]


def test_a_new_queue_ends_the_present_one() -> None:
    mine, events = stream()
    mine.play(1, (b"\x10" * 1600,), False)
    mine.play(2, (b"\x20" * 160,), False)
    assert events == [PlayEnded(1, False, 0)]
    assert decode(mine.packet()).payload == b"\x20" * 160


def test_keys_are_sent_as_events_that_a_receiver_reads() -> None:
    mine, _ = stream()
    mine.send_keys("1#")
    receiver = KeyReceiver()
    sent = [decode(mine.packet()) for _ in range(40)]
    assert [key for packet in sent if packet.payload_type == 101 and (key := receiver.receive(packet))] == ["1", "#"]


def test_keys_are_heard_and_strangers_are_not() -> None:
    mine, events = stream()
    mine.receive(audio(1), FAR, 0.0)
    for number, (marker, payload) in enumerate(key_payloads("9")):
        packet = encode(Packet(101, marker, 2 + number, 5000, 9, payload))
        mine.receive(packet, FAR, 0.1)
        mine.receive(packet, ("198.51.100.9", 4000), 0.1)
    assert events == [KeyHeard("9")]


def test_garbage_and_unknown_payload_types_change_nothing() -> None:
    mine, events = stream()
    for datagram in (b"", b"junk" * 10, audio(1, kind=14), audio(1, kind=96)):
        mine.receive(datagram, FAR, 0.0)
    assert events == []
    assert mine.stats().received == 0


def test_listening_gives_mu_law_whatever_the_codec() -> None:
    mine, events = stream(PayloadType.PCMA)
    mine.listen(True)
    mine.receive(audio(1, b"\xd5" * FRAME, kind=8), FAR, 0.0)
    # A-law has no zero: its silence is the smallest step of mu-law.
    assert events == [AudioHeard(b"\xfe" * FRAME)]


def test_alaw_is_silent_in_alaw() -> None:
    mine, _ = stream(PayloadType.PCMA)
    packet = decode(mine.packet())
    assert (packet.payload_type, packet.payload) == (8, b"\xd5" * FRAME)


def test_a_changed_codec_cuts_the_queue_made_for_the_old_one() -> None:
    mine, events = stream()
    mine.play(1, (b"\x10" * 1600,), False)
    mine.change(MediaFormat(PayloadType.PCMA, 101, 1), FAR)
    assert events == [PlayEnded(1, False, 0)]
    assert decode(mine.packet()).payload_type == 8


def test_the_first_source_is_latched_and_the_described_one_overrides() -> None:
    latch = Latch(FAR)
    behind_nat, stranger = ("203.0.113.5", 999), ("203.0.113.6", 1)
    assert latch.accept(behind_nat, 0.0)
    assert latch.target == behind_nat
    assert not latch.accept(stranger, 1.0)
    assert latch.accept(FAR, 1.5)
    assert latch.target == FAR
    assert not latch.accept(behind_nat, 2.0)
    assert not latch.accept(behind_nat, 9.0)
    assert latch.accept(behind_nat, 17.0)


def test_a_pause_of_the_far_end_opens_the_call_to_another_port_of_it_and_to_no_stranger() -> None:
    latch = Latch(FAR)
    behind_nat, rebound, stranger = ("203.0.113.5", 999), ("203.0.113.5", 1000), ("203.0.113.6", 1)
    assert latch.accept(behind_nat, 0.0)
    assert not latch.accept(stranger, 5.0)
    assert latch.accept(rebound, 5.0)
    assert latch.target == rebound


def test_loss_and_jitter_are_counted_after_rfc_3550() -> None:
    stats = ReceiverStats()
    for number in (65533, 65534, 0, 1, 3):
        late = 0.005 if number == 1 else 0.0
        extended = number if number > 60000 else number + 65536
        packet = Packet(0, False, number, extended * FRAME, 1, SILENCE)
        stats.receive(packet, extended * 0.02 + late)
    assert (stats.expected, stats.lost, stats.received) == (7, 2, 5)
    assert 0 < stats.jitter_ms < 5
    assert stats.fraction_lost() == (2 << 8) // 7
    assert stats.fraction_lost() == 0


def test_a_duplicate_is_no_negative_loss() -> None:
    stats = ReceiverStats()
    for _ in range(3):
        stats.receive(Packet(0, False, 5, 0, 1, SILENCE), 0.0)
    assert stats.lost == 0


def test_a_new_source_adds_to_the_figures_of_the_old() -> None:
    mine, _ = stream()
    for number in (1, 3):
        mine.receive(audio(number), FAR, number * 0.02)
    mine.receive(audio(500, ssrc=10), FAR, 1.0)
    assert (mine.stats().received, mine.stats().lost) == (3, 1)


def test_the_far_ends_report_is_taken_from_its_rtcp() -> None:
    mine, _ = stream()
    theirs = ReceiverStats()
    for number in (1, 2, 4):
        theirs.receive(Packet(0, False, number, number * FRAME, 42, SILENCE), number * 0.02)
    report = rtcp.encode_report(
        rtcp.Sent(77, 0, 10, 1600),
        1_700_000_000.5,
        rtcp.Received(42, theirs.fraction_lost(), theirs.lost, theirs.highest_sequence, int(theirs.jitter)),
    )
    mine.receive_report(report)
    assert mine.stats().remote_lost == 1


@given(st.binary(max_size=80))
def test_any_rtcp_datagram_is_survived(data: bytes) -> None:
    list(rtcp.decode_reports(data, 42))


def test_reports_and_goodbyes_are_whole_words_and_name_no_host() -> None:
    mine, _ = stream()
    mine.receive(audio(1), FAR, 0.0)
    for packet in (mine.report(1e9), mine.goodbye()):
        assert len(packet) % 4 == 0
    assert b"clarion-0000002a" in mine.goodbye()


@given(st.permutations(range(6)), st.integers(0, 0xFFFFFFFF))
def test_the_jitter_buffer_puts_packets_in_order(order: list[int], start: int) -> None:
    buffer = JitterBuffer()
    sent = {number: bytes([number]) * FRAME for number in range(8)}
    heard = buffer.push(Packet(0, False, 0, start, 1, sent[0]), 0.0)
    window = [number + 1 for number in order[:3]] if set(order[:3]) == {0, 1, 2} else [1, 2, 3]
    for number in [*window, 4, 5]:
        heard += buffer.push(Packet(0, False, number, (start + number * FRAME) & 0xFFFFFFFF, 1, sent[number]), 0.0)
    assert b"".join(heard + buffer.flush()) == b"".join(sent[number] for number in range(6))


def test_a_lost_packet_is_filled_with_silence() -> None:
    buffer = JitterBuffer()
    heard = []
    for number in (0, 2, 3, 4, 5, 6):
        heard += buffer.push(Packet(0, False, number, number * FRAME, 1, bytes([number]) * FRAME), 0.0)
    heard += buffer.flush()
    assert [frame[0] for frame in heard] == [0, 0xFF, 2, 3, 4, 5, 6]


@given(st.lists(st.tuples(st.integers(0, 0xFFFFFFFF), st.binary(max_size=400)), max_size=40))
def test_the_jitter_buffer_stays_small_whatever_arrives(arriving: list[tuple[int, bytes]]) -> None:
    buffer = JitterBuffer()
    given_out = 0
    for timestamp, payload in arriving:
        given_out += len(buffer.push(Packet(0, False, 0, timestamp, 1, payload), 0.0))
    given_out += len(buffer.flush())
    assert given_out <= len(arriving) * 63


def heard_of(buffer: JitterBuffer, arrivals: list[tuple[int, float]]) -> list[int]:
    """The first byte of each frame given out; packets are (number, moment)."""
    frames = []
    for number, now in arrivals:
        frames += buffer.push(Packet(0, False, number, number * FRAME, 1, bytes([number % 200]) * FRAME), now)
    return [frame[0] for frame in frames]


def test_the_jitter_buffer_waits_longer_once_packets_came_too_late_and_less_when_they_stay_in_order() -> None:
    buffer = JitterBuffer()
    arrivals = [(0, 0.0), (2, 0.04), (3, 0.06), (4, 0.08), (5, 0.1), (1, 0.1), (6, 0.12)]
    assert heard_of(buffer, arrivals) == [0, 255, 2, 3, 4, 5, 6]
    assert buffer.depth_ms > 60
    again = [(7, 0.14), (9, 0.18), (10, 0.2), (11, 0.22), (12, 0.24), (8, 0.24), (13, 0.26)]
    assert heard_of(buffer, again) == [7, 8, 9, 10, 11, 12, 13]
    heard_of(buffer, [(number, number * 0.02) for number in range(14, 4014)])
    assert buffer.depth_ms == 40


def test_a_repeated_packet_is_not_taken_for_a_late_one() -> None:
    buffer = JitterBuffer()
    assert heard_of(buffer, [(0, 0.0), (1, 0.02), (0, 0.03), (1, 0.04), (2, 0.05)]) == [0, 1, 2]
    assert buffer.depth_ms == 60


def test_silence_passes_where_nothing_comes_and_the_word_after_it_is_whole() -> None:
    buffer = JitterBuffer()
    assert heard_of(buffer, [(0, 0.0)]) == [0]
    assert buffer.lapse(0.1) == []
    silence = [frame for moment in range(1, 51) for frame in buffer.lapse(moment * 0.02)]
    assert set(b"".join(silence)) == {0xFF}
    assert 0.75 < len(silence) * 0.02 < 0.85
    after = heard_of(buffer, [(50, 1.0), (51, 1.02)])
    assert after[-2:] == [50, 51]
    assert len(silence) + len(after) - 2 == 49


def test_a_stalled_network_costs_no_word() -> None:
    buffer = JitterBuffer()
    heard_of(buffer, [(0, 0.0)])
    assert len(buffer.lapse(0.5)) > 10
    assert heard_of(buffer, [(number, 0.51) for number in range(1, 6)]) == [1, 2, 3, 4, 5]


def test_a_packet_held_for_a_missing_one_is_not_held_for_ever() -> None:
    buffer = JitterBuffer()
    heard_of(buffer, [(0, 0.0), (2, 0.04)])
    assert [frame[0] for frame in buffer.lapse(0.25)][:2] == [0xFF, 2]


@given(st.lists(st.sampled_from([10, 20, 30, 40, 60]), min_size=1, max_size=20))
def test_packets_of_any_and_changing_length_are_one_stream(lengths: list[int]) -> None:
    buffer, start, heard, said = JitterBuffer(), 0, b"", b""
    for number, length in enumerate(lengths):
        payload = bytes([number]) * (length * 8)
        heard += b"".join(buffer.push(Packet(0, False, number, start, 1, payload), start / 8000))
        start, said = start + len(payload), said + payload
    assert (heard + b"".join(buffer.flush()))[: len(said)] == said


@given(st.sampled_from([10, 20, 30, 40, 50, 60]), st.lists(st.binary(max_size=700), max_size=5))
def test_packets_are_as_long_as_the_far_end_wishes(ptime: int, clips: list[bytes]) -> None:
    events: list[StreamEvent] = []
    mine = RtpStream(MediaFormat(PayloadType.PCMU, 101, 42, ptime=ptime), FAR, events.append)
    mine.play(7, tuple(clips), False)
    sent = [decode(mine.packet())]
    while not events:
        sent.append(decode(mine.packet()))
    assert {len(packet.payload) for packet in sent} == {8 * ptime}
    assert {b.timestamp - a.timestamp for a, b in itertools.pairwise(sent)} <= {8 * ptime}
    whole = b"".join(clips)
    assert b"".join(packet.payload for packet in sent).startswith(whole)
    assert events == [PlayEnded(7, True, -(-len(whole) // (8 * ptime)) * ptime)]


@given(st.sampled_from([10, 20, 30, 40, 50, 60]))
def test_keys_last_as_long_whatever_the_packets(ptime: int) -> None:
    sent = [payload for _, payload in key_payloads("7", 120, ptime)]
    durations = [int.from_bytes(payload[2:]) for payload in sent]
    assert durations[-1] == 8 * (120 // ptime * ptime)
    assert [payload[1] & 0x80 for payload in sent[-3:]] == [0x80] * 3
    assert durations == sorted(durations)


def test_comfort_noise_is_a_sign_of_the_far_end_and_no_audio() -> None:
    mine, events = stream()
    mine.listen(True)
    mine.receive(audio(1, b"\x10" * FRAME), FAR, 0.02)
    mine.receive(audio(2, b"\x40", kind=COMFORT_NOISE), FAR, 0.04)
    mine.receive(audio(3, b"\x20" * FRAME), FAR, 0.06)
    mine.receive(audio(4, b"\x20" * FRAME), FAR, 0.08)
    mine.receive(audio(5, b"\x20" * FRAME), FAR, 0.1)
    mine.receive(audio(6, b"\x20" * FRAME), FAR, 0.12)
    assert [event.audio[0] for event in events if isinstance(event, AudioHeard)] == [0x10, 0xFF, 0x20, 0x20, 0x20, 0x20]
    assert (mine.stats().received, mine.stats().lost) == (6, 0)


def test_time_in_which_nothing_is_sent_passes_in_the_timestamps_and_opens_a_talkspurt() -> None:
    mine, _ = stream()
    before = decode(mine.packet())
    mine.play(1, (b"\x10" * 480,), False)
    decode(mine.packet())
    mine.skip(23 * 20)
    after = decode(mine.packet())
    assert (after.sequence - before.sequence) % 2**16 == 2
    assert (after.timestamp - before.timestamp) % 2**32 == 25 * FRAME
    assert after.marker


def test_keys_do_not_count_as_jitter() -> None:
    mine, events = stream()
    now = 100.0
    number = 0
    for _ in range(5):
        for _ in range(50):
            number, now = number + 1, now + 0.02
            mine.receive(audio(number), FAR, now)
        begun = number + 1
        for _, payload in key_payloads("5", 400):
            number, now = number + 1, now + 0.02
            packet = Packet(101, False, number & 0xFFFF, begun * FRAME & 0xFFFFFFFF, 9, payload)
            mine.receive(encode(packet), FAR, now)
    assert [event for event in events if isinstance(event, KeyHeard)] == [KeyHeard("5")] * 5
    assert mine.stats().jitter_ms < 0.001
    assert mine.stats().lost == 0
