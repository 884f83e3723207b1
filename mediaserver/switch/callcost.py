"""What calls cost of the switch's busiest thread, learnt from what is seen: a pure estimate."""

from __future__ import annotations

#: Before anything was seen: shares of a processor for a call that talks, seconds of it for one that is set up.
_TALKING, _SETUP = 0.001, 0.003
#: As much as an estimate falls or rises from there.
_SPAN = 20.0
#: Of what an observation weighs, what is left of it one observation later.
_MEMORY = 0.95
#: The weight of what was thought before anything was seen, as of so many calls and set-ups a second.
_PRIOR_CALLS, _PRIOR_SETUPS = 20.0, 5.0


class CallCost:
    """Least squares of `wanted = talking * calls + setup * set-ups a second`, of which older observations fade."""

    def __init__(self) -> None:
        self.talking = _TALKING
        self.setup = _SETUP
        self._calls = self._setups = self._both = self._by_calls = self._by_setups = 0.0

    def learn(self, wanted: float, calls: float, setups: float) -> None:
        """`wanted` as `processor.Wanted` has it, `calls` talking meanwhile, `setups` a second."""
        for name, seen in (
            ("_calls", calls * calls),
            ("_setups", setups * setups),
            ("_both", calls * setups),
            ("_by_calls", wanted * calls),
            ("_by_setups", wanted * setups),
        ):
            setattr(self, name, getattr(self, name) * _MEMORY + seen)
        self._solve()

    def _solve(self) -> None:
        calls, setups = self._calls + _PRIOR_CALLS**2, self._setups + _PRIOR_SETUPS**2
        by_calls = self._by_calls + _TALKING * _PRIOR_CALLS**2
        by_setups = self._by_setups + _SETUP * _PRIOR_SETUPS**2
        # Not singular: the prior stands on the diagonal.
        determinant = calls * setups - self._both**2
        self.talking = _near(_TALKING, (by_calls * setups - by_setups * self._both) / determinant)
        self.setup = _near(_SETUP, (by_setups * calls - by_calls * self._both) / determinant)


def _near(usual: float, found: float) -> float:
    return min(max(found, usual / _SPAN), usual * _SPAN)
