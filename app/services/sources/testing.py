"""Whether a data source can be reached, told at once; nothing is taken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from app.security.access import Actor, Permission
from app.security.secrets import Vault
from app.services.sources.records import get_source
from app.services.sources.running import open_place
from common.errors import Refused, RemoteError


@dataclass(frozen=True, slots=True)
class Probe:
    good: bool
    words: str
    #: What the server showed, where it is not the one that is kept.
    fingerprint: str = ""


def probe(session: Session, actor: Actor, source_id: int, home: Path, vault: Vault) -> Probe:
    """Connect and look; a fault is an answer, not an error."""
    actor.require(Permission.LISTS_EDIT)
    source = get_source(session, actor, source_id)
    try:
        place = open_place(source, home, vault)
        try:
            columns = getattr(place, "columns", None)
            if columns is not None:
                return Probe(True, f"The query answers with the columns {', '.join(columns())}.")
            names = [file.name for file in place.files()]
        finally:
            place.close()
    except (Refused, RemoteError) as error:
        return Probe(False, str(error), _shown(str(error)))
    if not names:
        return Probe(True, "It answers; no file there is meant by the pattern.")
    return Probe(True, f"It answers; {len(names)} files are meant: {', '.join(names[:10])}")


def _shown(problem: str) -> str:
    """The fingerprint in a refusal that names one."""
    if not problem.startswith("fingerprint: "):
        return ""
    words = problem.replace(";", " ").split()
    return next((word for word in words if word.startswith("SHA256:") or len(word) == 64), "")
