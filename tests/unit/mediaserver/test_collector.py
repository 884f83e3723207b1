"""The switch's garbage collector after start-up."""

from __future__ import annotations

import subprocess
import sys

#: In an interpreter of its own: what one test sets aside would stay so for all.
_CODE = """
import gc
from mediaserver.collector import calm
made_at_start = [[] for _ in range(1000)]
count = calm()
made_later = []
seen = [id(one) for one in gc.get_objects()]
print(count == gc.get_freeze_count() > 1000, id(made_at_start) in seen, id(made_later) in seen, gc.get_threshold()[2])
"""


def test_what_start_up_made_is_set_aside_and_full_collections_never_come_by_themselves() -> None:
    run = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=True)
    assert run.stdout == "True False True 1000000\n"
