"""Files to take away."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flask import Response
from sqlalchemy.orm import Session

from app.db import read_transaction
from app.models.base import Base
from app.services.audit import record
from app.web.database import engine, writing
from app.web.viewer import actor


def csv_download(file_name: str, pieces: Iterator[str]) -> Response:
    return Response(
        pieces,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file_name}"'},
    )


def note_export(subject: Base, action: str = "") -> None:
    """Personal data leaves by what comes next: an audit entry on `subject`, before the first byte."""
    with writing() as session:
        record(session, actor(), action or f"{subject.__tablename__}.export", subject)


def csv_of(file_name: str, export: Callable[[Session], Iterator[str]]) -> Response:
    """A service's export, in one transaction that lasts as long as the download."""
    database = engine()

    def pieces() -> Iterator[str]:
        with read_transaction(database) as session:
            yield from export(session)

    return csv_download(file_name, pieces())
