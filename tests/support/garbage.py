"""What waits for the garbage collector: objects in cycles, which the switch collects only when nobody calls."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def garbage(package: str) -> Iterator[list[str]]:
    """Fills the list at the block's end: kinds of the package's objects that became garbage in it."""
    found: list[str] = []
    # What there is already is set aside for good: the collector would take seconds to walk through it.
    gc.freeze()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        kinds = {f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.garbage}
        found += sorted(kind for kind in kinds if kind.startswith(f"{package}."))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
