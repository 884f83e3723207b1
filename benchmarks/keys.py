"""1,000 keys in real calls, in every style that far ends have: each is to be recognised, once.

Also what a fallback must not do: take speech for keys. An hour of synthetic speech in six voices is heard by the
detector of tones (ITU-T Q.24 speaks of talk-off); `--speech 0` leaves it out.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import soxr

from common.setting_types import PumpKind
from mediaserver.dialog import g711
from mediaserver.switch.rtp.tone_keys import ToneKeys
from tests.support.key_count import count_keys
from tests.support.key_styles import STYLES

VOICES = ("en-us", "en-us+f3", "de", "fr", "es+f2", "it+m7")
RATE = 8000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pump", type=PumpKind, default=PumpKind.AUTO, help="auto, fast or python")
    parser.add_argument("--speech", type=float, default=60.0, metavar="MINUTES")
    arguments = parser.parse_args()
    met = _keys(arguments.pump)
    if arguments.speech:
        met = _talk_off(arguments.speech * 60) and met
    return 0 if met else 1


def _keys(pump: PumpKind) -> bool:
    numbers = {name: style.keys for name, style in STYLES.items()}
    print(f"keys recognised once each, pump {pump.value}, one call for each style")
    counted = asyncio.run(count_keys(numbers, pump))
    for one in counted:
        print(f"  {one.style:30s} {one.recognised:4d} of {one.pressed:4d}" + (f", {one.extra} extra" * bool(one.extra)))
    pressed, extra = sum(one.pressed for one in counted), sum(one.extra for one in counted)
    recognised = sum(one.recognised for one in counted)
    met = recognised == pressed and not extra
    print(f"  together {recognised} of {pressed}, {extra} extra: target all, {'met' if met else 'NOT MET'}")
    return met


def _talk_off(seconds: float) -> bool:
    """Keys found where nobody pressed any."""
    heard, false, used = 0.0, "", 0.0
    text = " ".join(path.read_text("utf-8") for path in sorted(Path("docs").rglob("*.md")))
    while heard < seconds:
        for number, voice in enumerate(VOICES):
            start = int(heard * 7 + number * 9000) % max(1, len(text) - 9000)
            audio = _spoken(text[start : start + 9000], voice)
            ear, begun = ToneKeys(), time.process_time()
            for at in range(0, len(audio), 160):
                false += "".join(ear.hear(audio[at : at + 160]))
            used += time.process_time() - begun
            heard += len(audio) / RATE
    print(f"speech of {heard / 60:.0f} minutes in {len(VOICES)} voices: {len(false)} taken for keys {false} (target 0)")
    print(f"  the detector in Python takes {used / heard:.2%} of a core for a call that talks all the time")
    return not false


def _spoken(text: str, voice: str) -> bytes:
    """As loud as a line takes it, in mu-law."""
    run = subprocess.run(
        ["espeak-ng", "-v", voice, "--stdin", "--stdout"], input=text.encode(), capture_output=True, check=True
    )
    wav = run.stdout
    start = wav.index(b"data") + 8
    samples = np.frombuffer(wav[start : start + (len(wav) - start) // 2 * 2], dtype="<i2").astype(np.float32)
    line = soxr.resample(samples, 22_050, RATE)
    return g711.encode_ulaw((line / np.abs(line).max() * 16_000).astype(np.int16))


if __name__ == "__main__":
    sys.exit(main())
