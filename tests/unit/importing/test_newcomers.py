from __future__ import annotations

from app.services.importing.newcomers import Newcomers


def test_asks_for_whoever_was_noted_and_for_next_to_nobody_else() -> None:
    newcomers, ids = Newcomers(400_000), [f"A{number}" for number in range(2000)]
    asked = [name for start in range(0, 2000, 100) for name in newcomers.perhaps_known(ids[start : start + 100])]
    assert len(asked) < 200
    assert newcomers.perhaps_known(ids) == ids
