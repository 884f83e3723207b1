"""Who lives behind which number: the suffix table, the named behaviours and the seeded mix.

The last two digits of the called number choose the behaviour (`SUFFIXES`). Numbers ending in 50 to 99 are drawn from
`MIX` by a random generator seeded with the carrier's seed and the number, so a run can be repeated. A SIP URI whose
user part is a behaviour's name (`sip:busy@127.0.0.1`) gets that behaviour, and `everyone` overrides all of it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from common.errors import ConfigError
from simulators.carrier.behaviour import Behaviour, parse_script

_CARD = "keys:4111111111111111#"
_DECLINED_CARD = "keys:4000000000000002#"
_EXPIRY = "keys:1229"
_PAY = f"prompt keys:1 prompt keys:1 prompt {_CARD} prompt {_EXPIRY} prompt keys:1"
_PAUSING = "wait:0.3 say:0.4 wait:0.8 say:5 wait:0.4 beep"

#: Number suffix -> behaviour. 00-39 exercise signalling and media, 40-49 are the people of examples/collections.
SUFFIXES: Mapping[str, Behaviour] = {
    "00": Behaviour("listen", "rings 1 s, answers, listens for up to an hour", delay=1.0, patience=3600.0),
    "01": Behaviour("busy", "486 Busy Here", provisional=100, final=486),
    "02": Behaviour("ring-out", "180 for ever, until CANCEL", final=0),
    "03": Behaviour("decline", "603 Decline after 2 s of ringing", final=603, delay=2.0),
    "04": Behaviour("unknown", "404 Not Found, no provisional", provisional=0, final=404),
    "05": Behaviour("unavailable", "480 Temporarily Unavailable after 1 s of ringing", final=480, delay=1.0),
    "06": Behaviour("fast-busy", "503 Service Unavailable, no provisional", provisional=0, final=503),
    "07": Behaviour("silent", "never answers a packet", mute=True),
    "08": Behaviour("trying", "100 Trying and then nothing, until CANCEL", provisional=100, final=0),
    "09": Behaviour("congested", "100 Trying, then 503 after 1 s", provisional=100, final=503, delay=1.0),
    "10": Behaviour("direct", "200 at once, without a provisional, then listens", provisional=0, patience=3600.0),
    "11": Behaviour("late", "rings 12 s, then answers", delay=12.0),
    "12": Behaviour("early-media", "183 with ringback for 2 s, then answers", provisional=183, delay=2.0),
    "13": Behaviour("hang-up-early", "answers and hangs up after 1 s", delay=1.0, script="wait:1 hangup"),
    "14": Behaviour("hang-up-mid", "answers, hangs up 2 s into the prompt", delay=1.0, script="talk wait:2 hangup"),
    "15": Behaviour(
        "machine", "answering machine: greeting, beep, records 20 s", delay=2.0, script="say:4 beep", patience=20
    ),
    "16": Behaviour("machine-no-beep", "answering machine, long greeting, no beep", delay=2.0, script="say:9"),
    "17": Behaviour("sip-loss", "loses 20 % of SIP messages each way, else listens", delay=0.5, sip_loss=0.2),
    "18": Behaviour("rtp-loss", "loses 5 % of RTP packets each way, presses 1", rtp_loss=0.05, script="prompt keys:1"),
    "19": Behaviour("lost-ack", "overlooks the first two ACKs", delay=0.2, lost_acks=2),
    "20": Behaviour("busy-everywhere", "600 Busy Everywhere", final=600, delay=0.5),
    "21": Behaviour("gone", "410 Gone", provisional=0, final=410),
    "22": Behaviour("incomplete", "484 Address Incomplete", provisional=0, final=484),
    "23": Behaviour("moved", "302 Moved Temporarily, to suffix 00", provisional=0, final=302),
    "24": Behaviour("challenge", "407, then answers when the credentials are right", challenge=True, delay=0.5),
    "25": Behaviour("server-error", "500 Server Internal Error", provisional=100, final=500, delay=0.2),
    "26": Behaviour("unwanted", "607 Unwanted after 2 s of ringing", final=607, delay=2.0),
    "27": Behaviour("blocked", "608 Rejected, by an analytics engine", provisional=0, final=608),
    "28": Behaviour("forbidden", "403 Forbidden", provisional=0, final=403),
    "29": Behaviour("no-codec", "488 Not Acceptable Here", provisional=0, final=488),
    "30": Behaviour("hold", "answers, holds after 3 s and resumes 2 s later", delay=0.5, reinvite=3.0),
    "31": Behaviour("alaw", "answers with PCMA where it is offered, presses 1", codec="pcma", script="prompt keys:1"),
    "32": Behaviour("busy-then-pays", "busy on the first ring, then pays", provisional=100, final=486, then="pays"),
    "33": Behaviour("away-then-promises", "rings out first, then promises to pay", final=0, then="promises"),
    "34": Behaviour("keys", "answers at once, presses 1 after the first prompt", script="prompt keys:1"),
    "35": Behaviour("all-keys", "presses every key after the first prompt", script="prompt keys:1234567890*#"),
    "36": Behaviour("early-key", "presses 1 one second into the prompt (barge-in)", script="talk wait:1 keys:1"),
    "37": Behaviour("talker", "answers and talks for 3 s (hello?), then listens", delay=1.0, script="say:3"),
    "38": Behaviour("alternating", "every ring another draw of the mix"),
    "39": Behaviour("timeout", "408 Request Timeout after 3 s of ringing", final=408, delay=3.0),
    "40": Behaviour("pays", "right party, pays by card", delay=2.0, script=_PAY),
    "41": Behaviour(
        "promises",
        "right party, promises to pay on 15 December",
        delay=3.0,
        script="prompt keys:1 prompt keys:2 prompt keys:1215 prompt keys:1",
    ),
    "42": Behaviour("callback", "right party, asks to be called back", delay=2.0, script="prompt keys:1 prompt keys:3"),
    "43": Behaviour("wrong-person", "says that it is somebody else", delay=2.0, script="prompt keys:2"),
    "44": Behaviour(
        "no-commitment",
        "right party, hangs up during the menu",
        delay=2.0,
        script="prompt keys:1 talk wait:4 hangup",
    ),
    "45": Behaviour(
        "declined-card",
        "right party, the card is declined",
        delay=2.0,
        script=_PAY.replace(_CARD, _DECLINED_CARD),
    ),
    "46": Behaviour(
        "mistypes",
        "right party, mistypes the card once, then pays",
        delay=2.0,
        script=_PAY.replace(_CARD, f"keys:4111111111111112# prompt {_CARD}"),
    ),
    "47": Behaviour(
        "stop", "right party, asks never to be called again", delay=2.0, script="prompt keys:1 prompt keys:9"
    ),
    "48": Behaviour("says-nothing", "answers and neither talks nor presses a key", delay=2.0),
    "49": Behaviour(
        "fumbles",
        "presses a wrong key, then promises to pay",
        delay=2.0,
        script="prompt keys:7 prompt keys:1 prompt keys:2 prompt keys:1222 prompt keys:1",
    ),
}

#: Those that only a name calls: `sip:busy-tone@127.0.0.1:5060`.
BY_NAME: tuple[Behaviour, ...] = (
    Behaviour("says-hello", "answers, says a word and waits", delay=0.5, script="wait:0.4 say:0.6", patience=15.0),
    Behaviour(
        "machine-pauses",
        "answering machine: a word, a pause, the greeting, beep",
        delay=0.5,
        script=_PAUSING,
        patience=9,
    ),
    Behaviour("busy-tone", "183 with a busy tone, never a final status", provisional=183, early="busy", final=0),
    Behaviour("reorder-tone", "183 with a fast busy tone, never a final", provisional=183, early="reorder", final=0),
    Behaviour(
        "vacant-tone", "183 with SIT for a vacant code, never a final", provisional=183, early="sit-vacant", final=0
    ),
)

#: Behaviour by name, whether or not it has a suffix.
NAMED: Mapping[str, Behaviour] = {behaviour.name: behaviour for behaviour in (*SUFFIXES.values(), *BY_NAME)}

#: Name -> weight, for numbers that the suffix table leaves to chance.
MIX: Mapping[str, int] = {
    "pays": 14,
    "promises": 14,
    "callback": 7,
    "wrong-person": 7,
    "no-commitment": 8,
    "declined-card": 3,
    "mistypes": 4,
    "stop": 3,
    "fumbles": 4,
    "busy": 8,
    "ring-out": 12,
    "machine": 7,
    "decline": 3,
    "unknown": 3,
    "unavailable": 2,
    "fast-busy": 1,
}


class Population:
    """Chooses the behaviour of each ring. The same seed, number and ring count always give the same one."""

    def __init__(
        self,
        seed: int = 1,
        *,
        everyone: str | Behaviour = "",
        suffixes: Mapping[str, Behaviour] = SUFFIXES,
        mix: Mapping[str, int] = MIX,
    ) -> None:
        self.seed = seed
        self.suffixes = suffixes
        self.mix = mix
        self._everyone = self.by_name(everyone) if isinstance(everyone, str) and everyone else everyone or None

    def by_name(self, name: str) -> Behaviour:
        for behaviour in self.suffixes.values():
            if behaviour.name == name:
                return behaviour
        if name in NAMED:
            return NAMED[name]
        raise ConfigError(f"carrier: unknown behaviour {name!r}; the behaviours are {', '.join(sorted(NAMED))}")

    def behaviour(self, number: str, ring: int = 1) -> Behaviour:
        """`number` is the user part of the called address; `ring` counts its distinct rings from 1."""
        if isinstance(self._everyone, Behaviour):
            return self._everyone
        chosen = NAMED.get(number) or self.suffixes.get(number[-2:]) or self._draw(number, 1)
        if chosen.name == "alternating":
            return self._draw(number, ring)
        if ring > 1 and chosen.then:
            return self.by_name(chosen.then)
        return chosen

    def _draw(self, number: str, ring: int) -> Behaviour:
        chance = random.Random(f"{self.seed}:{number}:{ring}")
        (name,) = chance.choices(list(self.mix), weights=list(self.mix.values()))
        return self.by_name(name)


def load_population(path: Path, seed: int = 1) -> Population:
    """A population from a JSON file `{"suffixes": {"17": {"name": ..., ...}}, "mix": {"pays": 3}}`.

    Each suffix is a behaviour's name or an object of `Behaviour` fields; what the file leaves out stays as shipped.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: not a readable JSON population: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected an object with the keys suffixes and mix")
    suffixes = dict(SUFFIXES)
    for suffix, value in content.get("suffixes", {}).items():
        if not (len(suffix) == 2 and suffix.isdigit()):
            raise ConfigError(f"{path}: suffix {suffix!r}: use the last two digits of the number, such as 07")
        suffixes[suffix] = _behaviour_of(path, suffix, value)
    mix = content.get("mix", MIX)
    for name in mix:
        if name not in NAMED and name not in {behaviour.name for behaviour in suffixes.values()}:
            raise ConfigError(f"{path}: mix names an unknown behaviour {name!r}")
    return Population(seed, suffixes=suffixes, mix=mix)


def _behaviour_of(path: Path, suffix: str, value: Any) -> Behaviour:
    if isinstance(value, str):
        if value not in NAMED:
            raise ConfigError(f"{path}: suffix {suffix}: unknown behaviour {value!r}")
        return NAMED[value]
    known = {item.name for item in fields(Behaviour)}
    if not isinstance(value, dict) or not set(value) <= known:
        raise ConfigError(f"{path}: suffix {suffix}: use a behaviour's name or an object of {', '.join(sorted(known))}")
    behaviour = replace(Behaviour(name=f"suffix-{suffix}"), **value)
    parse_script(behaviour.script)
    return behaviour
