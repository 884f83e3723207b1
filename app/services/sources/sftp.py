"""SFTP over SSH. The host key is pinned by its fingerprint: without one nothing is sent, not even the login."""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
import stat
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar, cast

import asyncssh

from app.services.sources.places import BLOCK, MOST_FILES, PATIENCE, Bounded, Found, is_plain, means
from app.services.sources.servers import Server
from common.errors import Refused, RemoteError

T = TypeVar("T")
# It tells hosts and logins at INFO, and what fails comes as an exception.
asyncssh.set_log_level("WARNING")


class Sftp:
    """Its own event loop, in the thread that made it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._connection: asyncssh.SSHClientConnection | None = None
        try:
            self._client = self._do(self._connected())
        except BaseException:
            self.close()
            raise

    def files(self) -> list[Found]:
        found = [file for file in self._do(self._listed()) if is_plain(file.name)]
        return sorted(found, key=lambda file: file.name)[:MOST_FILES]

    def fetch(self, file: Found, target: Path, go_on: Callable[[], None]) -> None:
        with target.open("wb") as out:
            bounded = Bounded(out, file.name, go_on)
            self._do(self._fetched(file, bounded), seconds=None)
        if bounded.size != file.size:
            raise Refused(f"{file.name}: was still being written; it is taken when it lies still")

    def finish(self, file: Found, *, taken: bool) -> None:
        self._do(self._finished(file, taken))

    def leave(self, file: Found) -> None:
        pass

    def close(self) -> None:
        if self._connection is not None:
            self._connection.abort()
            # It is hung up already; what the other side says to that is of no use.
            with contextlib.suppress(OSError, asyncssh.Error, TimeoutError):
                self._loop.run_until_complete(asyncio.wait_for(self._connection.wait_closed(), PATIENCE))
        self._loop.close()

    async def _connected(self) -> asyncssh.SFTPClient:
        server = self._server
        key = await host_key(server.host, server.port)
        shown = key.get_fingerprint()
        if server.fingerprint != shown:
            said = "it is not the one that is saved here" if server.fingerprint else "none is saved here yet"
            raise Refused(f"fingerprint: the server's host key is {shown}; {said}. Compare it with its owner's first")
        keys = [asyncssh.import_private_key(server.secret)] if server.secret.startswith("-----BEGIN") else None
        self._connection = await asyncssh.connect(
            server.host,
            server.port,
            username=server.username,
            password=None if keys else server.secret,
            client_keys=keys,
            known_hosts=([key], [], []),
            server_host_key_algs=[key.get_algorithm()] if not key.get_algorithm().startswith("ssh-rsa") else (),
            agent_path=None,
            config=None,
            connect_timeout=PATIENCE,
        )
        return await self._connection.start_sftp_client()

    async def _listed(self) -> list[Found]:
        found = []
        async for entry in self._client.scandir(self._server.path or "."):
            name, about = str(entry.filename), entry.attrs
            if about.permissions is not None and stat.S_ISREG(about.permissions) and means(self._server.pattern, name):
                found.append(Found(name, about.size if about.size is not None else -1, str(about.mtime or "")))
        return found

    async def _fetched(self, file: Found, bounded: Bounded) -> None:
        async with self._client.open(self._path(file.name), "rb") as source:
            while block := await asyncio.wait_for(source.read(BLOCK), PATIENCE):
                # A file opened as "rb" gives bytes, which the library's types do not tell.
                bounded.write(cast("bytes", block))

    async def _finished(self, file: Found, taken: bool) -> None:
        if self._server.afterwards == "delete" and taken:
            await self._client.remove(self._path(file.name))
        elif self._server.afterwards == "move":
            folder = self._path("processed" if taken else "failed")
            await self._client.makedirs(folder, exist_ok=True)
            await self._client.rename(self._path(file.name), posixpath.join(folder, file.name))

    def _path(self, name: str) -> str:
        return posixpath.join(self._server.path or ".", name)

    def _do(self, work: Coroutine[Any, Any, T], seconds: float | None = PATIENCE * 2) -> T:
        host = self._server.host
        try:
            return self._loop.run_until_complete(asyncio.wait_for(work, seconds))
        except asyncssh.PermissionDenied as error:
            raise RemoteError(f"{host} refuses login or password", permanent=True) from error
        except asyncssh.KeyImportError as error:
            raise Refused(f"secret: is no private key that can be read: {error}") from error
        except (asyncssh.Error, OSError, TimeoutError) as error:
            raise RemoteError(f"{host} does not answer as an SFTP server: {str(error)[:200] or 'too slow'}") from error


async def host_key(host: str, port: int) -> asyncssh.SSHKey:
    key = await asyncssh.get_server_host_key(host, port, config=None)
    if key is None:
        raise RemoteError(f"{host} shows no host key")
    return key
