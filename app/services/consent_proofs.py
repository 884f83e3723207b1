"""The files that prove consents: packed into a zip beside the lines that name them."""

from __future__ import annotations

import zipfile
from contextlib import ExitStack
from pathlib import Path

from app.services import consents
from common.errors import Refused

_MOST_PROOFS = 10_000


class Proofs:
    """A zip of evidence, by plain names, of which there may be no two; nothing is ever unpacked to disk."""

    def __init__(self, stack: ExitStack, path: Path | None) -> None:
        self._members: dict[str, zipfile.ZipInfo] = {}
        if path is None:
            return
        try:
            self._zip = stack.enter_context(zipfile.ZipFile(path))
        except zipfile.BadZipFile as error:
            raise Refused(f"evidence: {path.name} is no zip; pack the files that the lines name into one") from error
        members = [member for member in self._zip.infolist() if not member.is_dir()]
        if len(members) > _MOST_PROOFS:
            raise Refused(f"evidence: {_MOST_PROOFS:,} files at most in one zip")
        for member in members:
            self._add(member)

    def _add(self, member: zipfile.ZipInfo) -> None:
        name = consents.plain_name(member.filename)
        if name.startswith("."):
            return  # What a Mac leaves in every folder: .DS_Store, ._form.pdf
        if (other := self._members.get(name)) is not None:
            both = f"{other.filename[:80]} and {member.filename[:80]}"
            raise Refused(f"evidence: {both} have one name in the zip; give each file a name of its own")
        self._members[name] = member

    def holds(self, named: str) -> bool:
        """Raise Refused where the zip has a file of that name, but in another folder than the line names."""
        member = self._members.get(consents.plain_name(named))
        if member is None:
            return False
        folders = zip(reversed(_parts(named)), reversed(_parts(member.filename)), strict=False)
        if any(asked != packed for asked, packed in folders):
            raise Refused(f"evidence: {named[:80]} is not in the zip, which has {member.filename[:80]}; name that")
        return True

    def body(self, name: str) -> bytes:
        """By its plain name. Raise Refused for one that cannot be read or is too large, whatever the zip says of it."""
        try:
            with self._zip.open(self._members[name]) as file:
                body = file.read(consents.LARGEST_EVIDENCE + 1)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError) as error:
            raise Refused(f"evidence: {name} in the zip cannot be read: {type(error).__name__}") from error
        if len(body) > consents.LARGEST_EVIDENCE:
            raise Refused(f"evidence: {name} is larger than {consents.LARGEST_EVIDENCE:,} bytes")
        return body


def _parts(path: str) -> list[str]:
    return [part for part in path.replace("\\", "/").split("/")[:-1] if part not in ("", ".", "..")]
