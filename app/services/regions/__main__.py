"""The process that reads phonenumbers' data and writes the table: `python -m app.services.regions [PATH]`."""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from app.core.phone import BrokenTable
from app.core.phone.region_table import pack
from app.services.regions import mapped, table_path

_LANGUAGE = "en"


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else table_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / f"{path.name}.lock").open("w") as lock:
        # Several that find it missing at a time: the first makes it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            mapped(path)
        except (OSError, BrokenTable):
            _write(path, compiled())


def compiled() -> bytes:
    from phonenumbers.carrierdata import CARRIER_DATA
    from phonenumbers.geodata import GEOCODE_DATA
    from phonenumbers.geodata.locale import LOCALE_DATA

    return pack(dict(_named(GEOCODE_DATA)), dict(_named(CARRIER_DATA)), dict(_countries(LOCALE_DATA)))


def _named(data: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    """Prefixes without a name in English leave it to shorter ones."""
    return ((prefix, names[_LANGUAGE]) for prefix, names in data.items() if _LANGUAGE in names)


def _countries(data: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    """`*aa` is "as in the language aa"."""
    for code, names in data.items():
        name = names.get(_LANGUAGE, "")
        yield code, names.get(name[1:], "") if name.startswith("*") else name


def _write(path: Path, body: bytes) -> None:
    """Whole or not at all; what an earlier version of phonenumbers had is not needed any more."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    for older in path.parent.glob("number-regions-*.bin"):
        if older != path:
            older.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
