"""Names and lists of names as VoiceXML writes them."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(r"[^\W\d][\w$]*|\$[\w$]*")
_RESERVED: Final = frozenset(
    """
    break case catch class const continue debugger default delete do else enum export extends false finally for
    function if import in instanceof new null return super switch this throw true try typeof var void while with
    """.split()
)


def is_name(text: str) -> bool:
    """Whether an author may declare a variable so: an ECMAScript identifier without "." or "$" in it."""
    return bool(_NAME.fullmatch(text)) and "$" not in text and text not in _RESERVED
