"""FTP (RFC 959) and FTPS (explicit TLS, RFC 4217): passive, binary, with the data connection protected too.

The server's certificate is checked by the machine's authorities, or against the SHA-256 fingerprint of the source.
"""

from __future__ import annotations

import contextlib
import ftplib
import hashlib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.services.sources.places import BLOCK, MOST_FILES, PATIENCE, Bounded, Found, is_plain, means
from app.services.sources.servers import Server
from common.errors import Refused, RemoteError


class _PinnedTls(ftplib.FTP_TLS):
    """FTPS to a server whose certificate is known by its fingerprint, on both connections."""

    fingerprint = ""

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[object, int | None]:  # type: ignore[override]
        connection, size = super().ntransfercmd(cmd, rest)
        assert isinstance(connection, ssl.SSLSocket)
        self.check(connection)
        return connection, size

    def check(self, connection: ssl.SSLSocket) -> None:
        shown = hashlib.sha256(connection.getpeercert(binary_form=True) or b"").hexdigest()
        if self.fingerprint and shown != self.fingerprint:
            connection.close()
            raise Refused(f"fingerprint: the server shows {shown}; compare it with its owner's, then save it here")


class Ftp:
    def __init__(self, server: Server, *, tls: bool) -> None:
        self._server = server
        with _told(server):
            self._ftp = _connected(server, tls)
            try:
                if server.path:
                    self._ftp.cwd(server.path)
            except BaseException:
                self._ftp.close()
                raise

    def files(self) -> list[Found]:
        with _told(self._server):
            found = [
                Found(name, size, modified)
                for name, size, modified in self._listed()
                if is_plain(name) and means(self._server.pattern, name)
            ]
        return sorted(found, key=lambda file: file.name)[:MOST_FILES]

    def fetch(self, file: Found, target: Path, go_on: Callable[[], None]) -> None:
        with _told(self._server), target.open("wb") as out:
            bounded = Bounded(out, file.name, go_on)
            self._ftp.retrbinary(f"RETR {file.name}", bounded.write, BLOCK)
        if bounded.size != file.size:
            raise Refused(f"{file.name}: was still being written; it is taken when it lies still")

    def finish(self, file: Found, *, taken: bool) -> None:
        with _told(self._server):
            if self._server.afterwards == "delete" and taken:
                self._ftp.delete(file.name)
            elif self._server.afterwards == "move":
                folder = "processed" if taken else "failed"
                with contextlib.suppress(ftplib.error_perm):
                    self._ftp.mkd(folder)
                self._ftp.rename(file.name, f"{folder}/{file.name}")

    def leave(self, file: Found) -> None:
        pass

    def close(self) -> None:
        with contextlib.suppress(OSError, EOFError, ftplib.Error):
            self._ftp.quit()
        self._ftp.close()

    def _listed(self) -> Iterator[tuple[str, int, str]]:
        """By MLSD (RFC 3659), and where a server has none by asking for each file's size and time."""
        try:
            for name, facts in list(self._ftp.mlsd(facts=["type", "size", "modify"])):
                if facts.get("type", "file").lower() == "file":
                    yield name, int(facts.get("size", -1)), facts.get("modify", "")
            return
        except ftplib.error_perm as error:
            if not str(error).startswith("50"):
                raise
        names = self._ftp.nlst()
        self._ftp.voidcmd("TYPE I")
        for name in names:
            with contextlib.suppress(ftplib.error_perm):  # a folder has no size
                size = self._ftp.size(name)
                modified = self._ftp.sendcmd(f"MDTM {name}").partition(" ")[2]
                yield name, size if size is not None else -1, modified


def _connected(server: Server, tls: bool) -> ftplib.FTP:
    ftp: ftplib.FTP
    if tls:
        context = ssl.create_default_context()
        if server.fingerprint:
            # The certificate itself is known, which says more than who signed it.
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        ftp = _PinnedTls(context=context, timeout=PATIENCE)
        ftp.fingerprint = server.fingerprint
    else:
        ftp = ftplib.FTP(timeout=PATIENCE)  # noqa: S321 - what a partner has; the panel says that it is open to all
    try:
        ftp.connect(server.host, server.port)
        if isinstance(ftp, _PinnedTls):
            ftp.auth()
            assert isinstance(ftp.sock, ssl.SSLSocket)
            ftp.check(ftp.sock)
        ftp.login(server.username or "anonymous", server.secret)
        if isinstance(ftp, ftplib.FTP_TLS):
            ftp.prot_p()
    except BaseException:
        ftp.close()
        raise
    return ftp


@contextmanager
def _told(server: Server) -> Iterator[None]:
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise Refused(
            f"fingerprint: {server.host} has a certificate that no authority of this machine vouches for "
            f"({error.verify_message}); save its fingerprint here if it is the right one"
        ) from error
    except ftplib.error_perm as error:
        raise RemoteError(f"{server.host} refuses: {str(error)[:200]}", permanent=True) from error
    except (OSError, EOFError, ftplib.Error) as error:
        raise RemoteError(f"{server.host} does not answer as an FTP server: {str(error)[:200]}") from error
