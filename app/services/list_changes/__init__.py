"""Many contacts of a list changed at once, in the background: asked for here, done by a worker, undone for a while."""

from __future__ import annotations

from app.core.retention import UNDO_FOR
from app.services.list_changes.asking import (
    Look,
    cancel,
    get_change,
    is_over,
    list_changes,
    look,
    may_undo,
    start_deletion,
    undo,
)
from app.services.list_changes.splitting import (
    Part,
    Plan,
    SplitLook,
    look_split,
    part_words,
    start_split,
)

__all__ = [
    "UNDO_FOR",
    "Look",
    "Part",
    "Plan",
    "SplitLook",
    "cancel",
    "get_change",
    "is_over",
    "list_changes",
    "look",
    "look_split",
    "may_undo",
    "part_words",
    "start_deletion",
    "start_split",
    "undo",
]
