"""Where numbers are from: the shared table beside phonenumbers' own geocoder and carrier, each in processes of its own.

    python -m benchmarks.regions [--numbers N]

Memory is what the process has more after the first look-ups than before it had any names: of its own, and shared with
others. Two processes hold the table, so its pages count as shared.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from random import Random

import phonenumbers
from phonenumbers import PhoneNumberFormat

MOST_MEGABYTES = 8.0
MOST_MICROSECONDS = 50.0
Names = list[tuple[str, str]]


def numbers(count: int) -> list[str]:
    """Of all countries alike, and of each country's kinds alike: valid ones, most of them."""
    chance, found = Random(5), []
    countries = sorted(phonenumbers.SUPPORTED_REGIONS)
    while len(found) < count:
        example = phonenumbers.example_number_for_type(chance.choice(countries), chance.choice((0, 0, 1, 1, 3)))
        if example is not None:
            e164 = phonenumbers.format_number(example, PhoneNumberFormat.E164)
            found.append(e164[:-4] + "".join(chance.choices("0123456789", k=4)))
    return found


def memory() -> tuple[float, float]:
    """Megabytes of this process alone, and all that it has in memory."""
    values = dict.fromkeys(("Rss", "Private_Clean", "Private_Dirty"), 0)
    with open("/proc/self/smaps_rollup", encoding="ascii") as rollup:
        for line in rollup:
            name, _, rest = line.partition(":")
            if name in values:
                values[name] = int(rest.split()[0])
    return (values["Private_Clean"] + values["Private_Dirty"]) / 1000, values["Rss"] / 1000


def _table() -> Callable[[str], tuple[str, str]]:
    from app.services import regions

    def look(e164: str) -> tuple[str, str]:
        found = regions.origin(e164)
        return found.region, found.carrier

    return look


def _plain() -> Callable[[str], tuple[str, str]]:
    from phonenumbers import carrier, geocoder

    def look(e164: str) -> tuple[str, str]:
        number = phonenumbers.parse(e164)
        return geocoder.description_for_number(number, "en"), carrier.name_for_number(number, "en")

    return look


def _measure(pipe: Connection, plain: bool, texts: list[str]) -> None:
    from app.core.phone import parse_number

    # What both have in common, numbering plans and the program itself, is there before.
    for text in ("+13125550123", "+442079460958", "+4930123456"):
        phonenumbers.number_type(phonenumbers.parse(text))
        parse_number(text, "")
    look = None if plain else _table()
    own, whole = memory()
    started = time.process_time()
    look = look or _plain()
    look(texts[0])
    first = time.process_time() - started
    own_after, whole_after = memory()
    taken = []
    for _ in range(2):
        started = time.process_time()
        names = [look(text) for text in texts]
        taken.append((time.process_time() - started) / len(texts) * 1e6)
    pipe.send((own_after - own, whole_after - whole, first, taken, names))
    pipe.recv()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", type=int, default=20_000)
    texts = numbers(parser.parse_args().numbers)
    context = multiprocessing.get_context("spawn")
    results: dict[str, Names] = {}
    held = []
    for name, plain in (("table (one more holds it)", False), ("table", False), ("phonenumbers", True)):
        ours, theirs = context.Pipe()
        child = context.Process(target=_measure, args=(theirs, plain, texts))
        child.start()
        held.append((ours, child))
        own, whole, first, (once, again), results[name] = ours.recv()
        print(
            f"{name:<26} {own:6.1f} MB of its own, {whole:6.1f} MB with shared pages; first {first * 1e3:6.1f} ms, "
            f"then {once:6.1f} us a number, {again:6.1f} when asked again"
        )
        if name == "table":
            small, quick = own < MOST_MEGABYTES and whole < MOST_MEGABYTES, again < MOST_MICROSECONDS
    for ours, child in held:
        ours.send(None)
        child.join()
    differing = sum(one != other for one, other in zip(results["table"], results["phonenumbers"], strict=True))
    told = sum(bool(region) for region, _ in results["phonenumbers"])
    print(f"{differing} of {len(texts):,} numbers differ ({told:,} have a region)")
    print("VERDICT:", "ok" if small and quick and not differing else "MISSED")


if __name__ == "__main__":
    main()
