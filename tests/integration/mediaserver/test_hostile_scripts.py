"""Scripts that mean harm, in real worker processes under the switch's own pool: each ends its session, for little."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from mediaserver.switch.workers import WorkerKey
from tests.support.hostile_bench import Dialogs, hostile_bench
from tests.support.hostile_scripts import SCRIPTS

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.integration, pytest.mark.timeout(150)]
#: Of the worker's process, as the kernel accounts for it.
CPU_SECONDS, MEGABYTES = 2.0, 100.0

INTERRUPTED, MEMORY, TIME, KILLED = "interrupted", "out of memory|null", "processor time", "no sign of life"
LOOP, LARGE, MARKS, LONG = "endless loop", "too_large", "tags and attributes", "too long to be used"
#: Extravagant, and yet within what a script may do.
HARMLESS = "^$"
ENDS = {
    "endless goto": LOOP,
    "endless goto by fetching": "fetches without waiting",
    "endless submit": "fetches without waiting",
    "endless clear": LOOP,
    "endless reprompt": LOOP,
    "endless throw": "events in a row",
    "endless recording": f"{LOOP}|{TIME}",
    "subdialog recursion": "endless recursion",
    "function recursion": INTERRUPTED,
    "document of 100 MB": LARGE,
    "document of 3 MB of elements": MARKS,
    "document of 3 MB of attributes": MARKS,
    "document of 140,000 elements": HARMLESS,
    "document of 140,000 attributes": HARMLESS,
    "document of 10,000 levels": "Excessive depth",
    "document of 200 levels": HARMLESS,
    "billion laughs": "entity declarations are refused",
    "external entity": "entity declarations are refused",
    "while(1)": INTERRUPTED,
    "while(1) that catches": INTERRUPTED,
    "sort of 1e8": KILLED,
    "join of 1e8": f"{MEMORY}|{INTERRUPTED}|{KILLED}",
    "indexOf of 4e9": INTERRUPTED,
    "big power": "BigInt is too large",
    "regular expression": INTERRUPTED,
    "string doubling": "string too long",
    "strings kept": MEMORY,
    "typed array": MEMORY,
    "deep JSON": f"{MEMORY}|stack size",
    "deep value": "stack size",
    "wide value": f"{INTERRUPTED}|{MEMORY}",
    "getter traps": INTERRUPTED,
    "toString traps": INTERRUPTED,
    "error traps": KILLED,
    "scope traps": INTERRUPTED,
    "spoilt builtins": INTERRUPTED,
    "huge log": LONG,
    "large logs": "handed out more than",
    "huge prompt": LONG,
    "large prompts": "queued to be spoken",
    "a million vars": LARGE,
    "60,000 vars": LOOP,
    "200,000 vars": MARKS,
    "foreach over 1e7": f"{MEMORY}|{LOOP}",
    "long namelist": TIME,
    "data of 50 MB": LARGE,
    "data of 3 MB": MARKS,
    "data of 140,000 tags": MEMORY,
    "grammar that doubles": HARMLESS,
    "grammar of repeats": "grammar is too large",
    "grammar that is left recursive": HARMLESS,
    "tag that never ends": INTERRUPTED,
    "30,000 alternatives with tags": HARMLESS,
    "tags without number": MARKS,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dialogs(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Dialogs]:
    directory: Path = tmp_path_factory.mktemp("clips")
    async with hostile_bench(directory, SCRIPTS) as bench:
        yield bench


@pytest.mark.parametrize(("number", "name"), list(enumerate(SCRIPTS)), ids=list(SCRIPTS))
async def test_a_hostile_script_ends_its_own_session_soon_and_cheaply(dialogs: Dialogs, number: int, name: str) -> None:
    ending = await dialogs.run(f"call-{number}", f"{number}/start.vxml")

    # A switch that stands still kills nobody meanwhile.
    assert ending.cpu <= CPU_SECONDS + ending.blind
    assert ending.memory <= MEGABYTES
    if "no sign of life" in ending.detail:
        # The machine is so busy that the worker did not get its turns: that ends the session too, and says so.
        assert ending.reason == "lost"
    elif ENDS[name] == HARMLESS:
        assert ending.reason in ("exit", "finished")
    elif ENDS[name] == KILLED:
        assert ending.reason == "lost"
        assert KILLED in ending.detail
    else:
        assert ending.reason in ("error", "lost"), ending
        assert any(part in ending.detail for part in ENDS[name].split("|")), ending.detail
        assert ending.reason == "lost" or ending.steps[-1].startswith("end: error: ")


async def test_another_revisions_dialog_goes_on_while_a_worker_is_killed(dialogs: Dialogs) -> None:
    """Its worker is another process, which nobody touches."""
    talk, sort = list(SCRIPTS).index("grammar that doubles"), list(SCRIPTS).index("sort of 1e8")
    other = dialogs.begin("bystander", f"{talk}/start.vxml", WorkerKey("organization", "bystander"))

    assert (await dialogs.run("culprit", f"{sort}/start.vxml")).reason == "lost"

    assert not other.gone
    assert (await dialogs.ended("bystander"))[0] == "exit"
