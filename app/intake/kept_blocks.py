"""Number blocks kept on disk between imports: to learn them took half of the time of a file of 10,000 rows.

A file for each home country, named by it. It is good for one version of phonenumbers and of our own code alone; any
other, and one that is damaged, is passed over and written anew. Of several imports at once the last one's is kept.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

import phonenumbers

import app.core.phone
from app.core.phone import NumberReader, is_country, recall, remembered

#: The folder within the state directory.
KEPT_BLOCKS = "number_blocks"
#: Blocks learnt that are worth writing the file again.
_WORTH_KEEPING = 16
#: Bytes of a file at most; a reader's hundred thousand blocks take 2 MB.
_LARGEST = 8_000_000


@contextmanager
def going_on(folder: str, reader: NumberReader) -> Iterator[None]:
    """Begin with what is kept in `folder`, "" for none, and keep there what is learnt meanwhile."""
    if not folder:
        yield
        return
    name = reader.home_country if is_country(reader.home_country) else "none"
    path = Path(folder, f"{name}.json")
    _recall(path, reader)
    before = reader.fresh
    yield
    if reader.fresh - before >= _WORTH_KEEPING:
        _keep(path, reader)


def _recall(path: Path, reader: NumberReader) -> None:
    try:
        if path.stat().st_size > _LARGEST:
            return
        head, _, body = path.read_bytes().partition(b"\n")
    except OSError:
        return
    if head == _head(body):
        recall(reader, json.loads(body))


def _keep(path: Path, reader: NumberReader) -> None:
    body = json.dumps(remembered(reader), separators=(",", ":")).encode()
    # Where nothing can be written, the next import has to learn again, and that is all.
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_head(body) + b"\n" + body)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)


def _head(body: bytes) -> bytes:
    """What whoever wrote the body was, and that it is whole."""
    return f"{_judge()} {sha256(body).hexdigest()}".encode()


@cache
def _judge() -> str:
    """All that an answer hangs on: phonenumbers and our reading of its patterns."""
    digest = sha256(phonenumbers.__version__.encode())
    for source in sorted(Path(app.core.phone.__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()
