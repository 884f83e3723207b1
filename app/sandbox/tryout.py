"""A try-out: one conversation with a script, held act by act by somebody in the panel.

The child keeps the session between requests and listens for them at a Unix socket of its own. Each request is one act
of the caller and is answered with all that followed. Time stands still while nobody acts; a try-out that nobody comes
back to ends itself.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from app.sandbox import wire
from app.sandbox.limits import begin_turn, end_turn
from app.sandbox.pages import BASE, RESULT_URL, serve
from vxml.inspection import pending_seconds, variables
from vxml.messages import Hangup, Input, KeyPressed, Spoken
from vxml.session import Session, SessionConfig
from vxml.text import INPUT_OVER, Line, Silence, run_text

#: Seconds without an act of the caller.
IDLE_SECONDS: Final = 15 * 60
#: Processor seconds from one act of the caller to the next.
TURN_SECONDS: Final = 2.0
_LONGEST: Final = 2000
_MOST_LINES: Final = 500


class Over(Exception):
    """Nobody comes back to this try-out."""


def run(request: Mapping[str, Any], peer: socket.socket, directory: int) -> None:
    name = request["name"]
    address = f"/proc/self/fd/{directory}/{name}"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(4)
    listener.settimeout(float(request.get("idle") or IDLE_SECONDS))
    try:
        _TryOut(request, peer, listener, lambda: os.unlink(name, dir_fd=directory)).hold()
    except Over:
        return


class _TryOut:
    def __init__(
        self, request: Mapping[str, Any], peer: socket.socket, listener: socket.socket, forget: Callable[[], None]
    ) -> None:
        self._request = request
        self._peer = peer
        self._listener = listener
        self._forget = forget
        self._lines: list[Line] = []
        self._session: Session | None = None
        #: The caller's last act was a key, after which more may follow.
        self._typed = False

    def hold(self) -> None:
        files = wire.unpack(self._request["files"])
        values = {"result_url": RESULT_URL, **self._request["values"]}
        config = SessionConfig(BASE + self._request["entry"], values=values, recognizer=True)
        begin_turn(TURN_SECONDS)
        transcript = run_text(
            config,
            serve(files, lambda sent: self._lines.append(Line("posted", sent))),
            observe=self._lines.append,
            ask=self._ask,
            attach=self._attach,
            key_by_key=True,
        )
        ended = transcript.ended
        # The transcript stays at hand after the end, until somebody closes the try-out or forgets it.
        while True:
            self._answer({"ended": ended.reason.value if ended else "error", "detail": ended.detail if ended else ""})
            self._next_request()

    def _attach(self, session: Session) -> None:
        self._session = session

    def _ask(self) -> Iterable[Input | Silence]:
        session = self._session
        assert session is not None
        waits = pending_seconds(session)
        over = any(line.kind in INPUT_OVER for line in self._lines)
        typing = self._typed and not over and waits is not None
        self._answer({"ended": "", "waits": waits, "typing": typing, "variables": variables(session)})
        request = self._next_request()
        self._typed = bool(request.get("keys"))
        return list(_acts(request))

    def _answer(self, state: Mapping[str, Any]) -> None:
        lines, self._lines[:] = self._lines[:_MOST_LINES], []
        said = [[line.kind, line.text[:_LONGEST]] for line in lines]
        try:
            wire.send(self._peer, {**state, "lines": said})
        except OSError:
            # Whoever asked is gone; the next one to ask goes on from here.
            pass
        finally:
            self._peer.close()
            end_turn()

    def _next_request(self) -> Mapping[str, Any]:
        while True:
            try:
                self._peer, _ = self._listener.accept()
            except TimeoutError as error:
                self._forget()
                raise Over from error
            self._peer.settimeout(10.0)
            try:
                request: Mapping[str, Any] = wire.receive(self._peer)
            except (EOFError, OSError, ValueError):
                self._peer.close()
                continue
            if request.get("close"):
                # Out of the directory before the answer: nobody finds it any more.
                self._forget()
                wire.send(self._peer, {"ended": "closed", "lines": []})
                raise Over
            begin_turn(TURN_SECONDS)
            return request


def _acts(request: Mapping[str, Any]) -> Iterator[Input | Silence]:
    """What the caller does: keys, words, silence or hanging up."""
    for key in str(request.get("keys") or "").upper():
        yield KeyPressed(key)
    if request.get("say"):
        yield Spoken(str(request["say"]))
    if request.get("silence"):
        yield Silence()
    if request.get("hangup"):
        yield Hangup()
