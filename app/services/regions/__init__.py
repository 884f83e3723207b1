"""Where numbers are from: one file for each environment, mapped by all processes that ask.

phonenumbers' own data takes a hundred megabytes in each process that reads it. So a process of its own reads it once
for each version of phonenumbers, and writes the table that everybody maps: `script/setup` has it done, and whoever
finds no table, or a broken one, has it done again.
"""

from __future__ import annotations

import mmap
import subprocess
import sys
from functools import cache
from pathlib import Path
from threading import Lock

import phonenumbers
import structlog

from app.core.phone import BrokenTable, Origin, RegionTable, origin_of
from app.core.phone.region_table import pack

log = structlog.get_logger()

#: Seconds; it takes two on an idle machine.
_LONGEST = 120
_LOCK = Lock()


def table_path() -> Path:
    return Path(sys.prefix) / "share" / "clarion" / f"number-regions-{phonenumbers.__version__}.bin"


def table() -> RegionTable:
    """An empty one where there is none and none can be made."""
    with _LOCK:
        return _shared()


def origin(e164: str, *, seen: bool = True) -> Origin:
    """What the digits of a number tell; without region and carrier where there is no table and none can be made, and
    for those by whom the number is not `seen` whole: a small place or network would tell masked digits."""
    found = origin_of(e164, table())
    return found if seen else Origin(found.type)


@cache
def _shared() -> RegionTable:
    return load(table_path())


def load(path: Path) -> RegionTable:
    """The table, made first where it is missing or broken; an empty one, and a word in the log, where that fails."""
    try:
        return mapped(path)
    except (OSError, BrokenTable) as error:
        log.info("number_regions.made", because=str(error))
    try:
        subprocess.run(
            [sys.executable, "-m", "app.services.regions", str(path)], check=True, capture_output=True, timeout=_LONGEST
        )
        return mapped(path)
    except (OSError, BrokenTable, subprocess.SubprocessError) as error:
        log.warning("number_regions.missing", error=str(error), mend="run script/setup as the environment's owner")
        return RegionTable(pack({}, {}, {}))


def mapped(path: Path) -> RegionTable:
    """Raise OSError or BrokenTable."""
    with path.open("rb") as file:
        try:
            return RegionTable(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
        except ValueError as error:
            raise BrokenTable(str(error)) from error
