"""RTP packets and key events: what is read from datagrams, however mangled they come."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.switch.rtp.dtmf import KEYS, KeyReceiver, key_payloads
from mediaserver.switch.rtp.packet import MalformedPacket, Packet, decode, encode, sequence_after, timestamp_after

packets = st.builds(
    Packet,
    st.integers(0, 127),
    st.booleans(),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.binary(max_size=200),
)


@given(packets)
def test_what_is_encoded_is_decoded(packet: Packet) -> None:
    assert decode(encode(packet)) == packet


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_datagram_is_read_or_refused(data: bytes) -> None:
    try:
        packet = decode(data)
    except MalformedPacket:
        return
    assert len(packet.payload) <= len(data) - 12


def test_csrcs_extension_and_padding_are_taken_off() -> None:
    head = bytes((0x80 | 0x20 | 0x10 | 2, 8)) + bytes(10)
    csrcs, extension = bytes(8), bytes((0, 0, 0, 1)) + bytes(4)
    assert decode(head + csrcs + extension + b"audio" + bytes((0, 0, 3))).payload == b"audio"


@pytest.mark.parametrize("datagram", [b"", b"x" * 12, bytes(12), b"\x80" + bytes(10), b"\xa0" + bytes(11) + b"\x00"])
def test_what_is_no_rtp_is_refused(datagram: bytes) -> None:
    with pytest.raises(MalformedPacket):
        decode(datagram)


def test_numbers_compare_across_the_wrap() -> None:
    assert sequence_after(2, 0xFFFE) == 4
    assert sequence_after(0xFFFE, 2) == -4
    assert timestamp_after(100, 0xFFFFFF00) == 356


def sent(key: str, timestamp: int) -> list[Packet]:
    return [
        Packet(101, marker, number, timestamp & 0xFFFFFFFF, 7, payload)
        for number, (marker, payload) in enumerate(key_payloads(key))
    ]


def heard(arriving: list[Packet]) -> str:
    receiver = KeyReceiver()
    return "".join(key for packet in arriving if (key := receiver.receive(packet)))


@given(st.text(st.sampled_from(KEYS), min_size=1, max_size=8), st.data())
def test_each_key_counts_once_whatever_is_lost_or_doubled(keys: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, 0xFFFFFFFF))
    arriving = []
    for number, key in enumerate(keys):
        event = sent(key, start + number * 2000)
        kept = data.draw(st.lists(st.sampled_from(event), min_size=1, max_size=12))
        arriving += kept
    assert heard(arriving) == keys


def test_a_late_packet_of_the_previous_key_is_no_new_key() -> None:
    one, two = sent("1", 1000), sent("2", 3000)
    assert heard([*one[:-1], two[0], one[-1], *two[1:]]) == "12"


def test_a_key_held_for_more_than_eight_seconds_is_one_key() -> None:
    held = Packet(101, True, 1, 1000, 7, bytes((5, 10, 0xFF, 0xFF)))
    goes_on = Packet(101, False, 2, 1000 + 0xFFFF, 7, bytes((5, 10, 0, 160)))
    assert heard([held, goes_on]) == "5"


def test_flash_and_cut_off_events_are_no_keys() -> None:
    assert heard([Packet(101, True, 1, 1, 7, bytes((16, 10, 0, 160))), Packet(101, True, 2, 999, 7, b"\x01")]) == ""


def test_a_sent_key_ends_three_times_with_the_same_duration() -> None:
    payloads = [payload for _, payload in key_payloads("#", 100)]
    assert [marker for marker, _ in key_payloads("#", 100)] == [True] + [False] * (len(payloads) - 1)
    assert [payload[1] & 0x80 for payload in payloads] == [0, 0, 0, 0, 128, 128, 128]
    assert {payload[2:] for payload in payloads[-3:]} == {(800).to_bytes(2)}
