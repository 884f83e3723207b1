"""Tables for people to take away: CSV that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from datetime import datetime

#: A cell that a spreadsheet would take for a formula; a plain number with a sign, or a phone number, is none.
_FORMULA = re.compile(r"[=@\t\r\n]|[+-](?![0-9 ().-]*$)")


def csv_lines(rows: Iterable[Iterable[object]]) -> str:
    """Whole lines; None is an empty cell, and what would be run as a formula is made text."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows([_cell(value) for value in row] for row in rows)
    return buffer.getvalue()


def csv_record(cells: Iterable[str], delimiter: str) -> str:
    """One record as a file had it, without the line's end; what leaves in a table goes through `csv_lines` as well."""
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, lineterminator="").writerow(cells)
    return buffer.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else value.isoformat() if isinstance(value, datetime) else str(value)
    return f"'{text}" if _FORMULA.match(text) else text
