"""Real FTP, FTPS and SFTP servers on loopback, each over one folder with the login `reader` and PASSWORD."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

PASSWORD = "seven blue teapots"
LOGIN = "reader"


@contextmanager
def ftp(folder: Path, certificate: Path | None = None, *, mlsd: bool = True) -> Iterator[int]:
    """The port; with a certificate (and its key in the same file) it wants TLS on both connections."""
    authorizer = DummyAuthorizer()
    authorizer.add_user(LOGIN, PASSWORD, str(folder), perm="elradfmw")
    base = TLS_FTPHandler if certificate else FTPHandler
    settings: dict[str, object] = {"authorizer": authorizer}
    if certificate:
        settings |= {"certfile": str(certificate), "tls_control_required": True, "tls_data_required": True}
    if not mlsd:
        settings["proto_cmds"] = {name: how for name, how in base.proto_cmds.items() if not name.startswith("MLS")}
    loop = IOLoop()
    server = FTPServer(("127.0.0.1", 0), type("Handler", (base,), settings), ioloop=loop)
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            loop.loop(timeout=0.02, blocking=False)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.address[1]
    finally:
        ended.set()
        thread.join()
        server.close_all()


class _Login(asyncssh.SSHServer):
    def __init__(self, seen: list[str]) -> None:
        self._seen = seen

    def begin_auth(self, username: str) -> bool:
        self._seen.append(username)
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (LOGIN, PASSWORD)


class Sftp:
    """`logins` are the names that anybody has told the server."""

    def __init__(self, folder: Path, keys: Path | None = None) -> None:
        self.logins: list[str] = []
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.fingerprint = self.key.get_fingerprint()
        self.port = 0
        self._folder = folder
        self._keys = keys
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Sftp:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._loop.close()

    async def _listen(self) -> None:
        self._ended = asyncio.Event()
        root = str(self._folder)
        server = await asyncssh.create_server(
            lambda: _Login(self.logins),
            "127.0.0.1",
            0,
            server_host_keys=[self.key],
            authorized_client_keys=str(self._keys) if self._keys else None,
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=root),
        )
        self.port = server.get_port()
        self._ready.set()
        await self._ended.wait()
        server.close()
        await server.wait_closed()
