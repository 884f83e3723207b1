"""How well answers are told apart: Clarion's classifier beside a naive word counter, on the same calls.

The figures of the profiles were chosen on the half `tuning` of the corpus; what is measured and published is the half
`held-out`, which has other sentences and other English voices.

The peer decides by loudness and words alone, with the rules and default figures of Asterisk's AMD application (written
anew here). The figure that matters is how many people are taken for machines. `--recordings FOLDER` adds an operator's
own calls (LABEL-anything.wav), `--save FOLDER` writes the corpus to listen to, and `--publish` the figures into the
reference.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.support.answers import Sample, corpus, recordings, save, tones
from benchmarks.support.cpa_report import Judged, published, summary, write
from benchmarks.support.greetings import Half
from common.profiles import HUMAN_FIRST, PROFILES, Profile
from mediaserver.cpa.classifier import Classifier
from mediaserver.cpa.events import Corrected, CpaEvent, Decided, Heard, MessageMayStart
from mediaserver.cpa.networks import NETWORKS
from mediaserver.dialog import g711

_FRAME = 0.02


def judge(sample: Sample, profile: Profile) -> Judged:
    _, _, rest = sample.label.partition(":")
    country, _, wanted = rest.partition(":")
    classifier = Classifier(profile, NETWORKS.get(country, NETWORKS["US"]))
    if not wanted:
        classifier.answered(0.0)
    events: list[CpaEvent] = []
    started: float | None = None
    for number, frame in enumerate(sample.frames, 1):
        if frame is not None:
            classifier.receive(frame, number * _FRAME)
        else:
            classifier.handle_timer(number * _FRAME)
        for event in classifier.events():
            events.append(event)
            if isinstance(event, MessageMayStart):
                started = number * _FRAME
    classifier.handle_timer(max(profile.timeout + 1, len(sample.frames) * _FRAME))
    events += classifier.events()
    if wanted:
        heard = next((event for event in events if isinstance(event, Heard)), None)
        return Judged(sample, "nothing" if heard is None else heard.sound.value, 0.0 if heard is None else heard.at)
    decided = next(event for event in events if isinstance(event, Decided))
    corrected = next((event.at for event in events if isinstance(event, Corrected)), None)
    return Judged(sample, decided.verdict.value, decided.at, corrected, started)


class WordCounter:
    """Asterisk's defaults, in milliseconds; amplitude of 16-bit samples."""

    initial_silence, greeting, after_greeting, total = 2500, 1500, 800, 5000
    shortest_word, between_words, most_words, threshold = 100, 50, 3, 256

    def judge(self, sample: Sample) -> Judged:
        silence = voice = words = spoken = 0
        word = False
        for number, frame in enumerate(sample.frames, 1):
            at = number * _FRAME
            if at * 1000 >= self.total:
                return Judged(sample, "unsure", at)
            if frame is None:
                continue
            if float(np.mean(np.abs(g711.decode_ulaw(frame).astype(np.int32)))) < self.threshold:
                silence += 20
                if silence >= self.between_words:
                    word, voice = False, 0
                if not words and silence >= self.initial_silence:
                    return Judged(sample, "machine", at)
                if words and silence >= self.after_greeting:
                    return Judged(sample, "human", at)
                continue
            silence, voice, spoken = 0, voice + 20, spoken + 20
            if voice >= self.shortest_word and not word:
                word, words = True, words + 1
            if words >= self.most_words or (words and voice >= self.greeting) or spoken >= 2 * self.greeting:
                return Judged(sample, "machine", at)
        return Judged(sample, "unsure", len(sample.frames) * _FRAME)


def report(name: str, judged: list[Judged]) -> None:
    sys.stdout.write(f"\n{name}\n")
    for label in sorted({one.sample.label for one in judged}):
        mine = summary(judged, label)
        told = Counter(one.verdict for one in judged if one.sample.label == label)
        confused = ", ".join(f"{verdict} {count}" for verdict, count in told.most_common())
        sys.stdout.write(
            f"  {label:8} known {mine.first}, in the end {mine.known}"
            f"   decided after {mine.median:.2f} s (p95 {mine.p95:.2f})   {confused}\n"
        )
    if any(one.sample.label == "human" for one in judged):
        people, both = summary(judged, "human"), summary(judged, "human", "machine")
        sys.stdout.write(
            f"  people taken for machines: {people.machines};"
            f"  people and machines decided after {both.median:.2f} s (median; p95 {both.p95:.2f})\n"
        )


def report_messages(judged: list[Judged]) -> None:
    beeps = [one for one in judged if one.sample.beep is not None and one.ends_as == "machine"]
    late = [
        one.message_at - one.sample.beep for one in beeps if one.message_at is not None and one.sample.beep is not None
    ]
    early = sum(delay < -0.05 for delay in late)
    sys.stdout.write(
        f"  messages after a beep: {len(late)} of {len(beeps)}; begun before its end: {early};"
        f" median {statistics.median(late) * 1000:.0f} ms after it\n"
    )


def report_tones(judged: list[Judged]) -> None:
    wrong = [one for one in judged if not one.right]
    sys.stdout.write(
        f"\ntones while ringing: {len(judged) - len(wrong)} of {len(judged)} right, recognised"
        f" {statistics.median(one.after for one in judged):.2f} s after the line opened (median)\n"
    )
    for one in wrong:
        sys.stdout.write(f"  {one.sample.label} was heard as {one.verdict}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--half", type=Half, choices=tuple(Half), default=Half.HELD_OUT)
    parser.add_argument("--recordings", type=Path)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--publish", type=Path, help="the reference page whose figures are to be replaced")
    parser.add_argument("--show-wrong", action="store_true")
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    answered = list(corpus(arguments.calls, arguments.seed, arguments.half))
    while_ringing = [sample for seed in range(_TONE_SEEDS) for sample in tones(arguments.seed + seed)]
    for sample in (*answered, *while_ringing) if arguments.save else ():
        save(sample, arguments.save)
    begun = time.process_time()
    mine = _all(answered, HUMAN_FIRST)
    spent = (time.process_time() - begun) / (sum(len(sample.frames) for sample in answered) * _FRAME)
    report(f"Clarion, human-first (the default), {arguments.half} half", mine)
    report_messages(mine)
    sys.stdout.write(f"  {spent:.2%} of a core for each call that is classified\n")
    others = {f"`{name}`": _all(answered, PROFILES[name]) for name in PROFILES if name != "human-first"}
    others["rules of Asterisk's AMD, its default figures"] = [WordCounter().judge(sample) for sample in answered]
    for name, judged in others.items():
        report(name, judged)
    ringing = _all(while_ringing, HUMAN_FIRST)
    report_tones(ringing)
    if arguments.publish:
        write(arguments.publish, published({"`human-first`": mine, **others}, ringing, arguments.calls, arguments.seed))
    if arguments.recordings:
        own = _all(recordings(arguments.recordings), HUMAN_FIRST)
        report(f"recordings in {arguments.recordings}", own)
        mine += own
    for one in mine if arguments.show_wrong else ():
        if not one.right:
            sys.stdout.write(f"  {one.sample.name} was heard as {one.ends_as} after {one.after:.2f} s\n")
    return 0


def _all(samples: Iterable[Sample], profile: Profile) -> list[Judged]:
    return [judge(sample, replace(profile, silence_detection=True)) for sample in samples]


#: Every tone is judged over so many lines.
_TONE_SEEDS = 5


if __name__ == "__main__":
    sys.exit(main())
