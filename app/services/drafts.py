"""Editing a script: what somebody changed since a revision, put together, checked, tried and saved as a new draft."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Script, ScriptFile, ScriptRevision, User
from app.security.access import Actor, Permission
from app.services import scripts
from app.services.audit import record
from common.clock import utcnow
from common.errors import Refused
from vxml.check import Problem, Severity

#: Files that are text to whoever edits them; the others are kept, downloaded and replaced whole.
TEXT = (".vxml", ".xml", ".grxml", ".gram", ".js", ".txt", scripts.TESTS_SUFFIX)


@dataclass(frozen=True, slots=True)
class Changes:
    """`files` maps paths to new bodies, None for what is deleted; `moved` new paths to the old ones that they had."""

    files: Mapping[str, bytes | None] = field(default_factory=dict)
    moved: Mapping[str, str] = field(default_factory=dict)
    entry: str = ""

    @property
    def paths(self) -> set[str]:
        return {*self.files, *self.moved, *self.moved.values()}


@dataclass(frozen=True, slots=True)
class Work:
    """A script as it stands in somebody's editor."""

    files: Mapping[str, bytes]
    entry: str

    def readable(self) -> dict[str, bytes]:
        """What the interpreter and the checker look into; of others only that they are there."""
        return {path: body if is_text(path) else b"" for path, body in self.files.items()}


class Conflict(Refused):
    """Somebody saved another revision since this one was opened."""

    def __init__(self, newest: ScriptRevision, by: str, theirs: Sequence[str], both: Sequence[str]) -> None:
        super().__init__()
        self.newest_id = newest.id
        self.number = newest.number
        self.at = newest.created_at
        self.by = by
        self.theirs = theirs
        self.both = both


def is_text(path: str) -> bool:
    return path.lower().endswith(TEXT)


def read_changes(loaded: object) -> Changes:
    """Changes as the editor sends them. Raise Refused naming the file and the mend.

    `{"files": {path: {"text": ...} | {"base64": ...} | null}, "moved": {new path: old path}, "entry": path}`
    """
    if not isinstance(loaded, Mapping):
        raise Refused("the changes cannot be read; load the page again")
    files = loaded.get("files") or {}
    moved = loaded.get("moved") or {}
    if not isinstance(files, Mapping) or not isinstance(moved, Mapping):
        raise Refused("the changes cannot be read; load the page again")
    return Changes(
        {_path(path): _body(path, given) for path, given in files.items()},
        {_path(path): str(old) for path, old in moved.items()},
        str(loaded.get("entry") or ""),
    )


def _path(path: object) -> str:
    clean = scripts.safe_path("the script", str(path))
    scripts.content_type_of(clean)
    return clean


def _body(path: object, given: object) -> bytes | None:
    if given is None:
        return None
    if isinstance(given, Mapping) and isinstance(given.get("text"), str):
        body: bytes = given["text"].encode("utf-8", "replace")
    elif isinstance(given, Mapping) and isinstance(given.get("base64"), str):
        try:
            body = base64.b64decode(given["base64"], validate=True)
        except binascii.Error as error:
            raise Refused(f"{path}: did not arrive whole; add it again") from error
    else:
        raise Refused(f"{path}: the changes cannot be read; load the page again")
    if len(body) > scripts.MAX_FILE_BYTES:
        raise Refused(f"{path}: larger than {scripts.MAX_FILE_BYTES // 2**20} MiB")
    return body


def put_together(session: Session, actor: Actor, base_id: int, changes: Changes) -> Work:
    """The base revision's files with the changes made. Raise Refused where they make no script."""
    base = scripts.get_revision(session, actor, base_id)
    files = {file.path: file.body for file in scripts.list_files(session, actor, base_id)}
    for old in changes.moved.values():
        if old not in files:
            raise Refused(f"{old}: there is no such file to rename in revision {base.number}")
    kept = {path: body for path, body in files.items() if path not in changes.moved.values()}
    kept.update((new, files[old]) for new, old in changes.moved.items())
    for path, body in changes.files.items():
        if body is None:
            kept.pop(path, None)
        else:
            kept[path] = body
    if len(kept) > scripts.MAX_FILES:
        raise Refused(f"a script may hold {scripts.MAX_FILES} files; this one has {len(kept)}")
    total = sum(len(body) for body in kept.values())
    if total > scripts.MAX_UPLOAD_BYTES * 4:
        raise Refused(f"the script is larger than {scripts.MAX_UPLOAD_BYTES * 4 // 2**20} MiB; split it or its audio")
    scripts.refuse_too_much_to_check(kept)
    renamed = next((new for new, old in changes.moved.items() if old == base.entry), base.entry)
    entry = changes.entry or renamed
    return Work(kept, scripts.choose_entry(kept, entry if entry in kept else ""))


def save(
    session: Session, actor: Actor, script_id: int, work: Work, problems: Sequence[Problem], seen: int, base: int
) -> ScriptRevision:
    """Keep the work as a new draft. `seen` is the newest revision its author knows of.

    Raise Conflict where there is a newer one by now: nothing is lost, since that one stays and this one is not kept
    until the author has said how the two go together.
    """
    actor.require(Permission.SCRIPTS_EDIT)
    script = scripts.get_script(session, actor, script_id)
    # Nobody else may number a revision until this one is kept.
    session.scalars(select(Script.id).where(Script.id == script.id).with_for_update()).one()
    newest = scripts.list_revisions(session, actor, script_id)[0]
    if newest.id != seen:
        raise _conflict(session, newest, base, work)
    prepared = scripts.Prepared(work.files, work.entry, scripts.digest_of(work.files, work.entry), problems)
    return scripts.upload_revision(session, actor, script_id, prepared)


def _conflict(session: Session, newest: ScriptRevision, base: int, work: Work) -> Conflict:
    author = session.get(User, newest.created_by) if newest.created_by else None
    before, after = _digests(session, base), _digests(session, newest.id)
    mine = {path: hashlib.sha256(body).hexdigest() for path, body in work.files.items()}
    theirs = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    both = [path for path in theirs if mine.get(path) != before.get(path) and mine.get(path) != after.get(path)]
    return Conflict(newest, (author.name or author.login) if author else "somebody", theirs, both)


def _digests(session: Session, revision_id: int) -> dict[str, str]:
    rows = session.execute(
        select(ScriptFile.path, ScriptFile.digest).where(ScriptFile.script_revision_id == revision_id)
    )
    return {path: digest for path, digest in rows}


def keep_test_run(
    session: Session, actor: Actor, revision_id: int, results: Sequence[Mapping[str, Any]], coverage: Mapping[str, Any]
) -> None:
    """Remember what the unit tests of a revision said last."""
    actor.require(Permission.SCRIPTS_EDIT)
    revision = scripts.get_revision(session, actor, revision_id)
    failed = sum(bool(result["problems"]) for result in results)
    revision.test_run = {"at": utcnow().isoformat(), "results": list(results), "coverage": dict(coverage)}
    session.flush()
    record(
        session,
        actor,
        "script.test",
        revision,
        after={"revision": revision.number, "passed": len(results) - failed, "failed": failed},
    )


def export(session: Session, actor: Actor, revision_id: int) -> bytes:
    """A zip of all files of a revision, which can be uploaded again."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in scripts.list_files(session, actor, revision_id):
            archive.writestr(file.path, file.body)
    return packed.getvalue()


def read_problems(loaded: Sequence[Mapping[str, Any]]) -> list[Problem]:
    """Problems as the sandbox answers them."""
    return [Problem(**{**one, "severity": Severity(one["severity"])}) for one in loaded]
