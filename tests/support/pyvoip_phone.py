"""A pyVoIP telephone as the far end: the library as it is, save that it does not register."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyVoIP.VoIP  # isort: skip
from pyVoIP import SIP

from tests.support.ports import free_port, free_range


class _Client(SIP.SIPClient):
    def start(self) -> None:
        self.NSD = True
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.bind((self.myIP, self.myPort))
        self.out = self.s
        self.reader = threading.Thread(target=self.recv_loop, name="SIP Receive")
        self.reader.start()

    def stop(self) -> None:
        self.NSD = False
        self.reader.join()
        self._close_sockets()


@contextmanager
def pyvoip_phone(near: tuple[str, int], on_call: Callable[[pyVoIP.VoIP.VoIPCall], None]) -> Iterator[tuple[str, int]]:
    """A running telephone whose peer is `near`; `on_call` answers, a second later and on a thread of the library."""
    port, media = free_port(), free_range(8)
    phone = pyVoIP.VoIP.VoIPPhone(
        *near,
        "alice",
        "",
        myIP="127.0.0.1",
        callCallback=on_call,
        sipPort=port,
        rtpPortLow=media,
        rtpPortHigh=media + 7,
    )
    phone.sip = _Client(*near, "alice", "", phone=phone, myIP="127.0.0.1", myPort=port, callCallback=phone.callback)
    phone.start()
    try:
        yield "127.0.0.1", port
    finally:
        phone.stop()
        _join_media()


def _join_media() -> None:
    """The library's media threads end by themselves within a packet or two."""
    for _ in range(200):
        if not any(thread.name.startswith("RTP ") for thread in threading.enumerate()):
            return
        time.sleep(0.01)
    raise RuntimeError("pyVoIP's media threads did not end")
