"""VoiceXML scripts: upload, check, publish, and the files of a published revision."""

from __future__ import annotations

import hashlib
import io
import posixpath
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import RevisionState, Script, ScriptFile, ScriptRevision
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.audit import record
from app.services.organizations import organization_for
from common.clock import utcnow
from common.errors import Refused
from vxml.check import Problem
from vxml.check_project import check_project

MAX_UPLOAD_BYTES = 20 * 1024 * 1024
MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_FILES = 500
#: Of what is looked into, a file and all of an upload: checking takes time with its size.
MAX_CHECKED_FILE_BYTES = 2 * 1024 * 1024
MAX_CHECKED_BYTES = 8 * 1024 * 1024

#: Unit tests of the script, beside it: never fetched by a call.
TESTS_SUFFIX = ".vxmltest.yaml"
#: What a script may consist of; anything else in a zip is refused by name.
CONTENT_TYPES: Mapping[str, str] = {
    ".vxml": "application/voicexml+xml",
    ".xml": "application/voicexml+xml",
    ".grxml": "application/srgs+xml",
    ".gram": "application/srgs",
    ".js": "application/ecmascript",
    ".wav": "audio/x-wav",
    ".ul": "audio/basic",
    ".txt": "text/plain",
    TESTS_SUFFIX: "application/yaml",
}
_CHECKED = (".vxml", ".xml", ".grxml", ".gram", ".js")
_ENTRY_NAMES = ("main.vxml", "index.vxml", "start.vxml")


def list_scripts(session: Session, actor: Actor) -> list[Script]:
    actor.require(Permission.SCRIPTS_VIEW)
    return list(session.scalars(scoped(select(Script), Script, actor).order_by(Script.name)))


def get_script(session: Session, actor: Actor, script_id: int) -> Script:
    actor.require(Permission.SCRIPTS_VIEW)
    return get_scoped(session, actor, Script, script_id)


def create_script(
    session: Session, actor: Actor, name: str, description: str = "", organization_id: int | None = None
) -> Script:
    actor.require(Permission.SCRIPTS_EDIT)
    home = organization_for(session, actor, organization_id)
    name = name.strip()
    if not name:
        raise Refused("name: give the script a name")
    if session.scalar(select(Script.id).where(Script.organization_id == home, Script.name == name)) is not None:
        raise Refused(f"name: there is a script named {name!r} already; upload a new revision of it or choose another")
    script = Script(organization_id=home, name=name, description=description.strip(), created_at=utcnow())
    session.add(script)
    session.flush()
    record(session, actor, "script.create", script, after={"name": name})
    return script


@dataclass(frozen=True, slots=True)
class Prepared:
    """An upload unpacked and checked: what is left is to keep it."""

    files: Mapping[str, bytes]
    entry: str
    digest: str
    problems: Sequence[Problem]


def prepare(file_name: str, content: bytes, entry: str = "") -> Prepared:
    """Unpack and check an upload, one file or a zip. It may take seconds: do it outside of any transaction.

    Raise Refused where the upload itself is unusable (too large, bad zip, unsafe or unknown file names).
    """
    files = unpack(file_name, content)
    entry = choose_entry(files, entry)
    refuse_too_much_to_check(files)
    problems = check_files(files)
    return Prepared(files, entry, digest_of(files, entry), problems)


def upload_revision(session: Session, actor: Actor, script_id: int, prepared: Prepared) -> ScriptRevision:
    """Keep an upload as a draft with the problems found."""
    actor.require(Permission.SCRIPTS_EDIT)
    script = get_script(session, actor, script_id)
    number = (
        session.scalar(select(func.max(ScriptRevision.number)).where(ScriptRevision.script_id == script.id)) or 0
    ) + 1
    revision = ScriptRevision(
        organization_id=script.organization_id,
        script_id=script.id,
        number=number,
        digest=prepared.digest,
        entry=prepared.entry,
        problems=[asdict(problem) for problem in prepared.problems],
        created_by=actor.user_id,
        created_at=utcnow(),
    )
    session.add(revision)
    session.flush()
    for path, body in prepared.files.items():
        session.add(
            ScriptFile(
                script_revision_id=revision.id,
                path=path,
                content_type=content_type_of(path),
                digest=hashlib.sha256(body).hexdigest(),
                body=body,
            )
        )
    record(session, actor, "script.upload", script, after={"revision": number, "problems": len(prepared.problems)})
    return revision


def publish(session: Session, actor: Actor, revision_id: int) -> ScriptRevision:
    """Make a draft usable by campaigns, for ever unchanged. Raise Refused while it has errors."""
    actor.require(Permission.SCRIPTS_EDIT)
    revision = get_revision(session, actor, revision_id)
    if revision.state == RevisionState.PUBLISHED:
        return revision
    errors = [problem for problem in revision.problems if problem["severity"] == "error"]
    if errors:
        first = errors[0]
        raise Refused(
            f"revision {revision.number} has {len(errors)} error(s), the first in {first['file']}, "
            f"line {first['line']}: {first['message']}; mend them and upload again"
        )
    revision.state = RevisionState.PUBLISHED
    revision.published_at = utcnow()
    session.flush()
    record(session, actor, "script.publish", revision, after={"revision": revision.number})
    return revision


def get_revision(session: Session, actor: Actor, revision_id: int) -> ScriptRevision:
    actor.require(Permission.SCRIPTS_VIEW)
    return get_scoped(session, actor, ScriptRevision, revision_id)


def list_revisions(session: Session, actor: Actor, script_id: int) -> list[ScriptRevision]:
    """Newest first."""
    script = get_script(session, actor, script_id)
    return list(
        session.scalars(
            select(ScriptRevision).where(ScriptRevision.script_id == script.id).order_by(ScriptRevision.number.desc())
        )
    )


def list_files(session: Session, actor: Actor, revision_id: int) -> list[ScriptFile]:
    revision = get_revision(session, actor, revision_id)
    return list(
        session.scalars(
            select(ScriptFile).where(ScriptFile.script_revision_id == revision.id).order_by(ScriptFile.path)
        )
    )


def latest_published(session: Session, script_id: int) -> ScriptRevision | None:
    return session.scalar(
        select(ScriptRevision)
        .where(ScriptRevision.script_id == script_id, ScriptRevision.state == RevisionState.PUBLISHED)
        .order_by(ScriptRevision.number.desc())
        .limit(1)
    )


def unpack(file_name: str, content: bytes) -> dict[str, bytes]:
    """Paths and bodies of an upload. Raise Refused naming the file and the mend."""
    if len(content) > MAX_UPLOAD_BYTES:
        raise Refused(f"{file_name}: larger than {MAX_UPLOAD_BYTES // 2**20} MiB; split the application or its audio")
    if not content:
        raise Refused(f"{file_name}: the file is empty")
    if not zipfile.is_zipfile(io.BytesIO(content)):
        name = posixpath.basename(file_name.replace("\\", "/"))
        content_type_of(name)
        return {name: content}
    files: dict[str, bytes] = {}
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [item for item in archive.infolist() if not item.is_dir() and not _is_clutter(item.filename)]
            if len(entries) > MAX_FILES:
                raise Refused(f"{file_name}: holds {len(entries)} files; {MAX_FILES} is the most")
            for item in entries:
                path = safe_path(file_name, item.filename)
                content_type_of(path)
                body = _read_bounded(file_name, archive, item)
                total += len(body)
                if total > MAX_UPLOAD_BYTES * 4:
                    raise Refused(f"{file_name}: unpacks to more than {MAX_UPLOAD_BYTES * 4 // 2**20} MiB")
                files[path] = body
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise Refused(f"{file_name}: the zip cannot be read ({error}); pack it again without a password") from error
    if not files:
        raise Refused(f"{file_name}: the zip holds no files")
    return _without_common_folder(files)


def choose_entry(files: Mapping[str, bytes], entry: str) -> str:
    """The document a call starts with: the one named, or main, index, start, or the only one at the top."""
    documents = sorted(path for path in files if path.endswith((".vxml", ".xml")))
    if not documents:
        raise Refused("the upload holds no .vxml document; a script needs at least one")
    if entry:
        if entry not in documents:
            raise Refused(f"entry {entry!r}: not in the upload; it holds {', '.join(documents)}")
        return entry
    for name in _ENTRY_NAMES:
        if name in documents:
            return name
    top = [path for path in documents if "/" not in path] or documents
    if len(top) > 1:
        raise Refused(f"which document does a call start with? Name it main.vxml, or give the entry: {', '.join(top)}")
    return top[0]


def check_files(files: Mapping[str, bytes]) -> list[Problem]:
    """Problems of each file and between them, as `clarion vxml check` finds them; audio is not looked into."""
    return check_project(files)


def refuse_too_much_to_check(files: Mapping[str, bytes]) -> None:
    """Checking takes time with the size."""
    total = 0
    for path, body in sorted(files.items()):
        if not path.endswith(_CHECKED):
            continue
        if len(body) > MAX_CHECKED_FILE_BYTES:
            raise Refused(f"{path}: larger than {MAX_CHECKED_FILE_BYTES // 2**20} MiB; split it into several files")
        total += len(body)
        if total > MAX_CHECKED_BYTES:
            raise Refused(
                f"{path}: with it, documents, grammars and programs are more than {MAX_CHECKED_BYTES // 2**20} MiB; "
                "make two scripts of them"
            )


def digest_of(files: Mapping[str, bytes], entry: str) -> str:
    """SHA-256 over entry, paths and bodies: equal uploads share a revision URL, and so the media servers' cache."""
    total = hashlib.sha256(entry.encode())
    for path in sorted(files):
        total.update(f"\0{path}\0{len(files[path])}\0".encode())
        total.update(files[path])
    return total.hexdigest()


def content_type_of(path: str) -> str:
    suffix = TESTS_SUFFIX if path.lower().endswith(TESTS_SUFFIX) else posixpath.splitext(path)[1].lower()
    if suffix not in CONTENT_TYPES:
        raise Refused(f"{path}: a script may hold {', '.join(sorted(CONTENT_TYPES))} files only")
    return CONTENT_TYPES[suffix]


def _is_clutter(path: str) -> bool:
    return path.startswith("__MACOSX/") or posixpath.basename(path) in (".DS_Store", "Thumbs.db")


def safe_path(file_name: str, path: str) -> str:
    """`path` made plain. Raise Refused where it leads out of the script; `file_name` is what it came in."""
    clean = posixpath.normpath(path.replace("\\", "/"))
    if clean.startswith(("/", "..")) or ":" in clean or any(ord(char) < 32 for char in clean) or len(clean) > 255:
        raise Refused(f"{file_name}: {path!r} is not a path inside the script; use plain relative paths")
    return clean


def _read_bounded(file_name: str, archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> bytes:
    with archive.open(item) as stream:
        body = stream.read(MAX_FILE_BYTES + 1)
    if len(body) > MAX_FILE_BYTES:
        raise Refused(f"{file_name}: {item.filename} is larger than {MAX_FILE_BYTES // 2**20} MiB unpacked")
    return body


def _without_common_folder(files: dict[str, bytes]) -> dict[str, bytes]:
    """A zip of a folder is as good as a zip of its contents."""
    heads = {path.partition("/")[0] for path in files}
    if len(heads) == 1 and all("/" in path for path in files):
        return {path.partition("/")[2]: body for path, body in files.items()}
    return files
