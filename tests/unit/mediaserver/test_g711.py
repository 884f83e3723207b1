"""G.711: the byte tables and the numpy tables are one law."""

from __future__ import annotations

import numpy as np

from mediaserver.dialog import g711
from mediaserver.switch.rtp import transcode


def test_every_byte_survives_the_way_to_linear_and_back() -> None:
    # 0x7F is mu-law's negative zero.
    assert [b for b in range(256) if transcode.linear_to_ulaw(transcode.ulaw_to_linear(b)) != b] == [0x7F]
    assert all(transcode.linear_to_alaw(transcode.alaw_to_linear(b)) == b for b in range(256))


def test_known_points_of_the_standard() -> None:
    assert transcode.ulaw_to_linear(0x80) == 8031
    assert transcode.ulaw_to_linear(0x00) == -8031
    assert transcode.alaw_to_linear(0xAA) == 4032
    assert transcode.linear_to_ulaw(0) == transcode.ULAW_SILENCE
    assert transcode.linear_to_alaw(0) == transcode.ALAW_SILENCE


def test_the_numpy_table_agrees_with_the_formula() -> None:
    samples = np.arange(-32768, 32768, 5, dtype=np.int32).astype(np.int16)
    expected = bytes(transcode.linear_to_ulaw(int(sample) >> 2) for sample in samples)
    assert g711.encode_ulaw(samples) == expected


def test_coding_noise_is_that_of_the_standard() -> None:
    moments = np.arange(8000) / 8000
    wave = (np.sin(2 * np.pi * 440 * moments) * 8000).astype(np.int16)
    for decoded in (
        g711.decode_ulaw(g711.encode_ulaw(wave)),
        g711.decode_alaw(g711.encode_ulaw(wave).translate(transcode.ULAW_TO_ALAW)),
    ):
        noise = wave.astype(float) - decoded
        assert 10 * np.log10(np.mean(wave.astype(float) ** 2) / np.mean(noise**2)) > 30
