"""Every SIPp scenario of an outbound call over every way, by `clarion call`, and a table of what held."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping

from tests.support.sip_catalog import BEHAVIOURS, WAYS
from tests.support.sip_product import Pair, play_all


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/soak sip", description=__doc__)
    parser.add_argument("--at-once", type=int, default=3, metavar="N", help="calls side by side (%(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="behaviours whose name holds this")
    args = parser.parse_args()
    names = [name for name in BEHAVIOURS if args.only in name]
    pairs = [(name, way) for name in names for way in BEHAVIOURS[name].ways()]
    outcomes = asyncio.run(play_all(pairs, args.at_once, _tell))
    _print_table(names, outcomes)
    failed = sum(bool(wrong) for wrong in outcomes.values())
    print(f"{len(outcomes) - failed} of {len(outcomes)} passed: {'NOT MET' if failed else 'MET'}")
    return int(failed > 0)


def _tell(pair: Pair, wrong: str) -> None:
    if wrong:
        print(f"FAIL {pair[0]} over {pair[1]}: {wrong}", flush=True)


def _print_table(names: list[str], outcomes: Mapping[Pair, str]) -> None:
    width = max(map(len, names), default=0)
    print(" ".join([" " * width, *(f"{way:>9}" for way in WAYS)]))
    reasons = []
    for name in names:
        cells = []
        for way in WAYS:
            why = BEHAVIOURS[name].not_over.get(way)
            if why is not None and why not in reasons:
                reasons.append(why)
            cells.append(
                f"({reasons.index(why) + 1})" if why is not None else "FAIL" if outcomes[name, way] else "pass"
            )
        print(" ".join([f"{name:{width}}", *(f"{cell:>9}" for cell in cells)]))
    for number, reason in enumerate(reasons, 1):
        print(f"({number}) {reason}")


if __name__ == "__main__":
    sys.exit(main())
