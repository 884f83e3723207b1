"""How well answers are told apart: Clarion's classifier beside a naive word counter, on the same calls.

The peer decides by loudness and words alone, with the rules and default figures of Asterisk's AMD application (written
anew here). The figure that matters is how many people are taken for machines. `--recordings FOLDER` adds an operator's
own calls (LABEL-anything.wav), `--save FOLDER` writes the corpus to listen to.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.support.answers import Sample, corpus, recordings, save
from mediaserver.cpa.classifier import Classifier
from mediaserver.cpa.events import CpaEvent, Decided, Heard, MessageMayStart
from mediaserver.cpa.networks import NETWORKS
from mediaserver.cpa.profile import QUICK, Profile
from mediaserver.dialog import g711

_FRAME = 0.02


@dataclass(frozen=True, slots=True)
class Judged:
    sample: Sample
    verdict: str
    #: Seconds after the answer; of a network's tone, after it began.
    after: float
    message_at: float | None = None


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
    return Judged(sample, decided.verdict.value, decided.at, started)


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


def report(name: str, judged: list[Judged]) -> float:
    """Print it; the rate of people taken for machines."""
    sys.stdout.write(f"\n{name}\n")
    for label in sorted({one.sample.label for one in judged}):
        mine = [one for one in judged if one.sample.label == label]
        told = Counter(one.verdict for one in mine)
        right = sum(one.verdict in _ACCEPTED.get(label, (label,)) for one in mine)
        after = sorted(one.after for one in mine)
        confused = ", ".join(f"{verdict} {count}" for verdict, count in told.most_common())
        p95 = after[min(len(after) - 1, int(0.95 * len(after)))]
        sys.stdout.write(
            f"  {label:8} {right:4}/{len(mine):<4} {right / len(mine):6.1%}"
            f"   decided after {statistics.median(after):.2f} s (p95 {p95:.2f})   {confused}\n"
        )
    people = [one for one in judged if one.sample.label == "human"]
    rate = sum(one.verdict == "machine" for one in people) / max(len(people), 1)
    voices = [one.after for one in judged if one.sample.label in ("human", "machine")]
    sys.stdout.write(
        f"  people taken for machines: {rate:.1%};"
        f"  people and machines decided after {statistics.median(voices):.2f} s (median)\n"
    )
    return rate


#: Music is no person; a call without a sound is SILENCE with silence detection on.
_ACCEPTED = {"music": ("machine",)}


def report_messages(judged: list[Judged]) -> None:
    beeps = [one for one in judged if one.sample.beep is not None and one.verdict == "machine"]
    late = [
        one.message_at - one.sample.beep for one in beeps if one.message_at is not None and one.sample.beep is not None
    ]
    early = sum(delay < -0.05 for delay in late)
    sys.stdout.write(
        f"  messages after a beep: {len(late)} of {len(beeps)}; begun before its end: {early};"
        f" median {statistics.median(late) * 1000:.0f} ms after it\n"
    )


def report_tones(judged: list[Judged]) -> None:
    wrong = [one for one in judged if one.verdict != one.sample.label.rpartition(":")[2]]
    sys.stdout.write(
        f"\ntones while ringing: {len(judged) - len(wrong)} of {len(judged)} right, recognised"
        f" {statistics.median(one.after for one in judged):.2f} s after the line opened (median)\n"
    )
    for one in wrong:
        sys.stdout.write(f"  {one.sample.label} was heard as {one.verdict}\n")


def _all(samples: Iterable[Sample], how: Callable[[Sample], Judged]) -> list[Judged]:
    return [how(sample) for sample in samples]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--recordings", type=Path)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--show-wrong", action="store_true")
    arguments = parser.parse_args()
    samples = [
        *corpus(arguments.calls, arguments.seed),
        *(recordings(arguments.recordings) if arguments.recordings else ()),
    ]
    for sample in samples if arguments.save else ():
        save(sample, arguments.save)
    answered = [sample for sample in samples if ":" not in sample.label]
    profile = Profile(silence_detection=True)
    begun = time.process_time()
    mine = _all(answered, lambda sample: judge(sample, profile))
    spent = time.process_time() - begun
    report("Clarion, human first (the default)", mine)
    report_messages(mine)
    audio_seconds = sum(len(sample.frames) for sample in answered) * _FRAME
    sys.stdout.write(f"  {spent / audio_seconds:.2%} of a core for each call that is classified\n")
    quick = replace(QUICK, silence_detection=True)
    report("Clarion, quick", _all(answered, lambda sample: judge(sample, quick)))
    report("word counter (rules of Asterisk's AMD)", _all(answered, WordCounter().judge))
    report_tones([judge(sample, profile) for sample in samples if ":" in sample.label])
    if arguments.show_wrong:
        for one in mine:
            if one.verdict not in _ACCEPTED.get(one.sample.label, (one.sample.label,)):
                sys.stdout.write(f"  {one.sample.name} was heard as {one.verdict} after {one.after:.2f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
