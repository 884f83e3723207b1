"""What stands for a value that may not be seen."""

from __future__ import annotations

MASK = "********"
