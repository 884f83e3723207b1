"""SIP on a byte stream: where messages end, keep-alives, and what ends the connection."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.switch.sip.framing import MAX_HEAD, StreamError, StreamFramer

ONE = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 5\r\n\r\nhello"
TWO = b"SIP/2.0 200 OK\r\nl:0\r\n\r\n"
FOLDED = b"BYE sip:a@b SIP/2.0\r\nContent-Length:\r\n 2\r\n\r\nab"


def test_messages_are_cut_by_their_length() -> None:
    assert StreamFramer().feed(ONE + TWO + FOLDED + ONE[:-1]) == [ONE, TWO, FOLDED]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([ONE, TWO, FOLDED]), max_size=6), st.lists(st.integers(1, 40), max_size=40))
def test_however_the_stream_is_torn_the_messages_are_the_same(messages: list[bytes], cuts: list[int]) -> None:
    stream, framer, found = b"".join(messages), StreamFramer(), []
    for cut in cuts:
        found += framer.feed(stream[:cut])
        stream = stream[cut:]
    assert found + framer.feed(stream) == messages


@pytest.mark.parametrize("pieces", [[b"\r\n\r\n" + ONE], [b"\r\n", b"\r\n", ONE], [b"\r\n\r\n", ONE]])
def test_two_line_ends_are_a_ping_however_they_arrive(pieces: list[bytes]) -> None:
    framer, found = StreamFramer(), []
    for piece in pieces:
        found += framer.feed(piece)
    assert (framer.pings, framer.pongs, found) == (1, 0, [ONE])


def test_one_line_end_is_a_pong() -> None:
    framer = StreamFramer()
    framer.feed(b"\r\n")
    assert framer.feed(ONE) == [ONE]
    assert (framer.pings, framer.pongs) == (0, 1)


@pytest.mark.parametrize(
    "stream",
    [
        b"OPTIONS sip:a@b SIP/2.0\r\nVia: x\r\n\r\n",
        b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: many\r\n\r\n",
        b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 9999999\r\n\r\n",
        b"x" * (MAX_HEAD + 1),
        b"x" * MAX_HEAD + b"yy\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["no length", "no number", "too long a body", "no end", "too long a head"],
)
def test_a_stream_without_an_end_of_its_message_is_broken(stream: bytes) -> None:
    with pytest.raises(StreamError):
        StreamFramer().feed(stream)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.binary(max_size=40) | st.sampled_from([b"\r\n", b"\r\n\r\n", b"Content-Length: 3\r\n"]), max_size=12)
)
def test_noise_is_a_broken_stream_at_worst(pieces: list[bytes]) -> None:
    framer = StreamFramer()
    try:
        for piece in pieces:
            framer.feed(piece)
    except StreamError:
        return
