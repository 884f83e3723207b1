"""Who hears whom: pure rules for bridges, conferences, holding, muting, and supervisors.

A supervisor LISTENs unheard, WHISPERs to the agents alone, or BARGEs in and is heard by all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from common.conversation import Part, Supervision


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a conversation. `held` members hear nobody and are heard by nobody; `muted` ones are not heard."""

    call: str
    part: Part
    muted: bool = False
    held: bool = False
    supervision: Supervision = Supervision.LISTEN


def hearing(members: Iterable[Member]) -> set[tuple[str, str]]:
    """Pairs of calls: the first hears the second."""
    everybody = tuple(members)
    return {
        (listener.call, speaker.call)
        for listener in everybody
        for speaker in everybody
        if listener.call != speaker.call and _hears(listener, speaker)
    }


def _hears(listener: Member, speaker: Member) -> bool:
    if listener.held or speaker.held or speaker.muted:
        return False
    if speaker.part is not Part.SUPERVISOR:
        return True
    match speaker.supervision:
        case Supervision.LISTEN:
            return False
        case Supervision.WHISPER:
            return listener.part is Part.AGENT
        case Supervision.BARGE:
            return True
