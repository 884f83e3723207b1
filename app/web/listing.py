"""A list in the panel: narrowed by words and by one choice, shown as a page or taken away as CSV.

Words are looked for in what the export says of a row, so that nothing is found by what cannot be seen. For what is set
up by hand and counted in hundreds; contacts, attempts and the audit trail page through the database instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode

from flask import Response, request

from app.services.csv_text import csv_lines
from app.web.downloads import csv_download

Row = TypeVar("Row")
#: Heading in the export, and what stands under it.
Columns = Mapping[str, Callable[[Row], object]]
#: Words of a choice, and whether a row is meant.
Choices = Mapping[str, Callable[[Row], bool]]


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """What the request asked for, out of `total` rows."""

    name: str
    rows: Sequence[Row]
    total: int
    search: str
    choice: str
    choices: tuple[str, ...]
    columns: Columns[Row]

    @property
    def query(self) -> str:
        """What narrows the list, for a URL."""
        return urlencode({"search": self.search, "show": self.choice})

    @property
    def taken_away(self) -> bool:
        return request.args.get("format") == "csv"

    def csv(self) -> Response:
        table: list[list[object]] = [list(self.columns)]
        table += [[tell(row) for tell in self.columns.values()] for row in self.rows]
        return csv_download(f"{self.name}.csv", (csv_lines([line]) for line in table))


def narrowed(
    name: str, rows: Sequence[Row], columns: Columns[Row], choices: Choices[Row] | None = None
) -> Listing[Row]:
    """The rows that hold every word of `?search=` and are meant by `?show=`, in their order."""
    offered = choices or {}
    search, choice = request.args.get("search", "").strip(), request.args.get("show", "")
    words = search.lower().split()
    meant = offered.get(choice)
    found = [
        row
        for row in rows
        if (meant is None or meant(row)) and (not words or _holds(" ".join(_texts(row, columns)).lower(), words))
    ]
    return Listing(name, found, len(rows), search, choice if meant else "", tuple(offered), columns)


def _texts(row: Row, columns: Columns[Row]) -> Sequence[str]:
    return ["" if value is None else str(value) for value in (tell(row) for tell in columns.values())]


def _holds(text: str, words: Sequence[str]) -> bool:
    return all(word in text for word in words)
