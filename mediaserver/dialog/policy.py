"""Where one call's script may fetch from, asked anew at every redirect."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from common.origins import BadUrl, Origin, is_public, split_url
from mediaserver.dialog.answer import Problem, loggable
from vxml.messages import FetchProblem


class Reach(StrEnum):
    """How far a permission goes."""

    #: Named by who runs the machine: at whatever address it has.
    ANYWHERE = "anywhere"
    #: Named by an organization: at public addresses only.
    PUBLIC = "public"
    #: A file beside a script that was named on the command line.
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Place:
    """`url` is spelt anew and has no fragment; `path` is a file's."""

    reach: Reach
    url: str
    origin: Origin | None = None
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """`trusted` are the application server and the operator's other origins (`http://host:port`), and directories
    ending in a slash (`file:///dir/`); `listed` are the organization's origins.
    """

    trusted: tuple[str, ...]
    listed: tuple[str, ...] = ()

    def place(self, url: str) -> Place:
        """Raise Problem unless `url` may be fetched; the address it is found at is checked on connecting."""
        url = url.partition("#")[0]
        if url[:5].lower() == "file:":
            return self._file(url)
        try:
            origin, target = split_url(url)
        except BadUrl as error:
            raise _forbidden(f"{url.partition('?')[0][:200]}: {error}") from error
        address = str(origin) + target
        if origin in _origins(self.trusted):
            return Place(Reach.ANYWHERE, address, origin)
        if origin in _origins(self.listed):
            if origin.address is not None and not is_public(origin.address):
                raise _forbidden(f"{origin} is no public address")
            return Place(Reach.PUBLIC, address, origin)
        raise _forbidden(f"{loggable(address)} is not among the hosts this call may use")

    def _file(self, url: str) -> Place:
        parts = urlsplit(url)
        path = Path(unquote(parts.path)).resolve()
        folders = (entry for entry in self.trusted if entry.startswith("file:"))
        if not parts.netloc and any(
            path.is_relative_to(_folder(entry)) and path != _folder(entry) for entry in folders
        ):
            return Place(Reach.FILE, url, path=path)
        raise _forbidden("only files beside the script are read")


def _forbidden(detail: str) -> Problem:
    return Problem(FetchProblem.FORBIDDEN, detail)


@lru_cache(maxsize=256)
def _origins(entries: tuple[str, ...]) -> frozenset[Origin]:
    """Settings and requests were checked where they came in; what is no origin here allows nothing."""
    found = set()
    for entry in entries:
        try:
            found.add(split_url(entry)[0])
        except BadUrl:
            continue
    return frozenset(found)


def _folder(entry: str) -> Path:
    return Path(unquote(urlsplit(entry).path)).resolve()
