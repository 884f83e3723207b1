"""Durations: where they come from and how a scenario file names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import Refused

Floats = NDArray[np.float64]
_SHAPES = ("constant", "exponential", "lognormal", "gamma", "empirical")


@dataclass(frozen=True, slots=True)
class Durations:
    """Seconds: a `shape` with `mean` and coefficient of variation `cv`, moved by `shift`, or drawn from `values`."""

    shape: str
    mean: float = 0.0
    cv: float = 1.0
    shift: float = 0.0
    values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.shape not in _SHAPES:
            raise Refused(f"shape: {self.shape!r} is unknown; use one of {', '.join(_SHAPES)}")
        if self.shape == "empirical" and not self.values:
            raise Refused("values: give at least one duration in seconds")
        if min(self.values, default=0.0) < 0 or self.mean < 0 or self.shift < 0 or self.cv <= 0:
            raise Refused("durations cannot be negative, and cv must be above 0")

    @classmethod
    def read(cls, body: Any, field: str) -> Durations:
        """From a scenario file: a number of seconds, a list of observed ones, or a mapping. Raise Refused."""
        if isinstance(body, cls):
            return body
        try:
            if isinstance(body, int | float) and not isinstance(body, bool):
                return cls("constant", mean=float(body))
            if isinstance(body, Sequence) and not isinstance(body, str):
                return cls("empirical", values=tuple(float(value) for value in body))
            if isinstance(body, Mapping):
                return cls(**{**body, "values": tuple(float(value) for value in body.get("values", ()))})
        except (TypeError, ValueError) as error:
            raise Refused(f"{field}: {error}") from error
        except Refused as error:
            raise Refused(f"{field}.{error}") from error
        raise Refused(f"{field}: give seconds, a list of seconds, or shape, mean and cv")

    @property
    def average(self) -> float:
        return self.shift + (float(np.mean(self.values)) if self.values else self.mean)

    def draw(self, chance: np.random.Generator, count: int) -> Floats:
        if self.shape == "empirical":
            drawn: Floats = chance.choice(np.asarray(self.values), count)
        elif self.shape == "constant" or self.mean == 0:
            drawn = np.full(count, self.mean)
        elif self.shape == "exponential":
            drawn = chance.exponential(self.mean, count)
        elif self.shape == "gamma":
            k = 1.0 / self.cv**2
            drawn = chance.gamma(k, self.mean / k, count)
        else:
            variance = np.log1p(self.cv**2)
            drawn = chance.lognormal(np.log(self.mean) - variance / 2, np.sqrt(variance), count)
        return drawn + self.shift
