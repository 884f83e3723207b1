"""Files of published revisions, kept in memory: a signed key names a content that never changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Engine, bindparam, select

from app.models import RevisionState, ScriptFile, ScriptRevision
from app.security.tokens import Tokens

#: Files larger than this (long recordings) are read from the database each time; media servers cache them anyway.
LARGEST_KEPT = 256 * 1024
_KEPT_FILES = 512

_FILE = (
    select(ScriptFile.body, ScriptFile.content_type, ScriptFile.digest)
    .join(ScriptRevision, ScriptRevision.id == ScriptFile.script_revision_id)
    .where(
        ScriptRevision.digest == bindparam("digest"),
        ScriptRevision.state == RevisionState.PUBLISHED,
        ScriptFile.path == bindparam("path"),
    )
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class File:
    body: bytes
    content_type: str
    digest: str


class RevisionFiles:
    def __init__(self, engine: Engine, tokens: Tokens) -> None:
        self._engine = engine
        self._digest_of: Callable[[str], str] = lru_cache(maxsize=1024)(tokens.read_revision_key)
        self._kept: Callable[[str, str], File] = lru_cache(maxsize=_KEPT_FILES)(self._read)

    def get(self, key: str, path: str) -> File | None:
        """The file; None where the revision (published ones only) has none at that path. Raise BadToken."""
        digest = self._digest_of(key)
        try:
            return self._kept(digest, path)
        except _Uncached as uncached:
            return uncached.file

    def _read(self, digest: str, path: str) -> File:
        with self._engine.connect() as connection:
            row = connection.execute(_FILE, {"digest": digest, "path": path}).first()
        if row is None:
            raise _Uncached(None)
        file = File(row.body, row.content_type, row.digest)
        if len(file.body) > LARGEST_KEPT:
            raise _Uncached(file)
        return file


class _Uncached(Exception):
    """Raised through the cache so that the answer is not kept: a revision may still be published later."""

    def __init__(self, file: File | None) -> None:
        super().__init__()
        self.file = file
