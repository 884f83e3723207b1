"""SRTP and SRTCP of a far end, written from RFC 3711 over `cryptography`, not over the library the product uses."""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def keystream(key: bytes, iv: int, length: int) -> bytes:
    """AES in counter mode (4.1.1)."""
    cipher = Cipher(algorithms.AES(key), modes.CTR(iv.to_bytes(16))).encryptor()
    return cipher.update(bytes(length))


def derive(master: bytes, label: int, length: int) -> bytes:
    """A session key (4.3.1) of a master key of 16 bytes and its salt of 14; no re-derivation."""
    salt = int.from_bytes(master[16:]) ^ label << 48
    return keystream(master[:16], salt << 16, length)


class SrtpSide:
    """One direction: `protect` what is sent with the master key, `open` what comes with it."""

    def __init__(self, master: bytes, tag_bytes: int = 10) -> None:
        self._tag = tag_bytes
        self._keys = [derive(master, label, 16) for label in (0, 3)]
        self._auth = [derive(master, label, 20) for label in (1, 4)]
        self._salt = [int.from_bytes(derive(master, label, 14)) for label in (2, 5)]

    def protect(self, packet: bytes, rollover: int = 0) -> bytes:
        """`packet` is RTP with a header of 12 bytes."""
        sequence, ssrc = int.from_bytes(packet[2:4]), int.from_bytes(packet[8:12])
        sealed = packet[:12] + self._crypt(packet[12:], 0, ssrc, rollover << 16 | sequence)
        return sealed + hmac.digest(self._auth[0], sealed + rollover.to_bytes(4), "sha1")[: self._tag]

    def open(self, datagram: bytes, rollover: int = 0) -> bytes:
        """Raise ValueError where the tag is wrong."""
        sealed, tag = datagram[: -self._tag], datagram[-self._tag :]
        if hmac.digest(self._auth[0], sealed + rollover.to_bytes(4), "sha1")[: self._tag] != tag:
            raise ValueError("the tag is wrong")
        sequence, ssrc = int.from_bytes(sealed[2:4]), int.from_bytes(sealed[8:12])
        return sealed[:12] + self._crypt(sealed[12:], 0, ssrc, rollover << 16 | sequence)

    def protect_report(self, packet: bytes, index: int) -> bytes:
        sealed = packet[:8] + self._crypt(packet[8:], 1, int.from_bytes(packet[4:8]), index)
        sealed += (0x80000000 | index).to_bytes(4)
        return sealed + hmac.digest(self._auth[1], sealed, "sha1")[:10]

    def open_report(self, datagram: bytes) -> bytes:
        sealed, tag = datagram[:-10], datagram[-10:]
        if hmac.digest(self._auth[1], sealed, "sha1")[:10] != tag:
            raise ValueError("the tag is wrong")
        index = int.from_bytes(sealed[-4:]) & 0x7FFFFFFF
        return sealed[:8] + self._crypt(sealed[8:-4], 1, int.from_bytes(sealed[4:8]), index)

    def _crypt(self, data: bytes, kind: int, ssrc: int, index: int) -> bytes:
        iv = self._salt[kind] << 16 ^ ssrc << 64 ^ index << 16
        return bytes(a ^ b for a, b in zip(data, keystream(self._keys[kind], iv, len(data)), strict=True))
