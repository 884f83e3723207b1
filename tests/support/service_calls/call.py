"""What each case is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.security.access import Actor
from tests.support.organizations import World


@dataclass(frozen=True, slots=True)
class Call:
    """What a case may use: `it` is the organization whose rows are asked for."""

    engine: Engine
    session: Session
    actor: Actor
    it: World
    csv: Path


Cases = Mapping[str, Callable[[Call], Any]]
