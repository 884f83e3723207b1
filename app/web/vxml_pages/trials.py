"""Pages of one test call while it lasts: the files of its revision, draft or published, and where its results go."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Engine, select

from app.db import write_transaction
from app.models import ScriptFile, TestCall, TestCallState
from app.web.vxml_pages.results import MOST_RESULTS, Stored, checked, code_among
from app.web.vxml_pages.revisions import File
from common.clock import isoformat, utcnow
from common.errors import Refused


class TrialPages:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def file(self, test_call_id: str, path: str) -> File | None:
        """None where the revision holds none at that path, or the test call is over."""
        statement = (
            select(ScriptFile.body, ScriptFile.content_type, ScriptFile.digest)
            .join(TestCall, TestCall.script_revision_id == ScriptFile.script_revision_id)
            .where(TestCall.id == test_call_id, TestCall.state == TestCallState.IN_PROGRESS, ScriptFile.path == path)
        )
        with self._engine.connect() as connection:
            row = connection.execute(statement).first()
        return None if row is None else File(row.body, row.content_type, row.digest)

    def store(self, test_call_id: str, posted: Iterable[tuple[str, str]]) -> Stored | None:
        """Keep the values with the test call; None where it is over or unknown. Raise Refused naming the field."""
        values = checked(posted)
        with write_transaction(self._engine) as session:
            call = session.get(TestCall, test_call_id, with_for_update=True)
            if call is None or call.state != TestCallState.IN_PROGRESS:
                return None
            earlier = call.posted or []
            if len(earlier) >= MOST_RESULTS:
                raise Refused(f"the call has posted {MOST_RESULTS} results already, which is the most")
            if values:
                call.posted = [*earlier, {"at": isoformat(utcnow()), "values": values}]
        return Stored(code_among(values))
