"""What a script finds in the sandbox: its own files, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote

from vxml.messages import Fetch, Fetched, FetchFailed, FetchProblem
from vxml.text import Fetcher

#: Where the files of the script seem to lie.
BASE: Final = "http://script.invalid/"
#: Where results of the call are posted to, as `session.connection.ccxml.values.result_url` says.
RESULT_URL: Final = "http://clarion.invalid/result"
_STORED: Final = b'<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"/>'


def serve(files: Mapping[str, bytes], posted: Callable[[str], None] = lambda _: None) -> Fetcher:
    """`posted` hears what the script sends to its result address."""

    def fetch(request: Fetch) -> Fetched | FetchFailed:
        address = request.url.partition("#")[0]
        path = address.partition("?")[0]
        if path == RESULT_URL:
            sent = request.body or address.partition("?")[2].encode()
            posted(unquote(sent.decode("utf-8", "replace").replace("+", " "))[:500])
            return Fetched(request.id, address, 200, _STORED)
        if not path.startswith(BASE):
            return FetchFailed(request.id, FetchProblem.FORBIDDEN, "other servers are not asked here")
        body = files.get(unquote(path.removeprefix(BASE)))
        if body is None:
            return Fetched(request.id, address, 404, b"")
        return Fetched(request.id, address, 200, body)

    return fetch
