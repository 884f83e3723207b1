"""Sounds of ours in calls: music again and again, tones once, beside what scripts play."""

from __future__ import annotations

import itertools

from mediaserver.switch.live import LiveCall
from mediaserver.switch.record import CallState
from mediaserver.switch.roster import Roster
from mediaserver.switch.sounds import MUSIC, Sounds

#: Numbers of plays that are ours: scripts count theirs from 0, and the dialog's own (its beep, audio while it waits or
#: transfers) are the last ones of 32 bits.
FIRST_PLAY, _END = 1 << 30, 1 << 31


class Sounder:
    """One for all calls."""

    def __init__(self, sounds: Sounds, roster: Roster) -> None:
        self._sounds = sounds
        self._roster = roster
        sounds.on_ready = self._begin
        self._numbers = itertools.count(FIRST_PLAY)

    def music(self, call: LiveCall, on: bool) -> None:
        """Until it is turned off; what the script plays meanwhile is heard instead."""
        call.tune = (call.request.music or MUSIC) if on else ""
        if on:
            self._sounds.get_ready()
            self.resume(call)
        elif call.sound is not None:
            call.line.stop_play(call.id)

    def tone(self, call: LiveCall, name: str) -> bool:
        """Once, over the music; False while the script plays, which would be cut."""
        return call.playing is None and self._play(call, name)

    def played(self, call: LiveCall, play: int) -> bool:
        """False for a play that is none of ours."""
        if not FIRST_PLAY <= play < _END:
            return False
        if play == call.sound:
            call.sound = None
        return True

    def resume(self, call: LiveCall) -> None:
        """What was played is over: the music goes on."""
        idle = call.playing is None and call.sound is None
        if call.tune and idle and not self._play(call, call.tune):
            self._play(call, MUSIC)

    def _begin(self) -> None:
        for call in self._roster.under_way():
            self.resume(call)

    def _play(self, call: LiveCall, name: str) -> bool:
        clip = self._sounds[name]
        if not clip or call.record.state is not CallState.ANSWERED:
            return False
        call.sound = next(self._numbers)
        call.line.play(call.id, call.sound, (clip,), False)
        return True
