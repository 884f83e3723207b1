"""A program that works for a dialog worker over its standard input and output: parts in, one part back.

A part is `length (4 bytes, big-endian) | bytes`. The first that comes, before anything was asked, says that it is up.
"""

from __future__ import annotations

import asyncio
import sys

#: What a helper that died leaves its asker with.
Died = (OSError, EOFError)


class Helper:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, module: str, *arguments: str, patience: float) -> Helper:
        """Run `module` by this Python. Raise OSError, EOFError or, after `patience` seconds, TimeoutError."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *arguments), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        helper = cls(process)
        try:
            async with asyncio.timeout(patience):
                await helper.read()
        except BaseException:
            await helper.end()
            raise
        return helper

    async def ask(self, *parts: bytes) -> bytes:
        """Raise OSError or EOFError when it dies; it is of no use after a cancelled question."""
        assert self._process.stdin is not None
        for part in parts:
            self._process.stdin.write(len(part).to_bytes(4) + part)
        await self._process.stdin.drain()
        return await self.read()

    async def read(self) -> bytes:
        assert self._process.stdout is not None
        length = int.from_bytes(await self._process.stdout.readexactly(4))
        return await self._process.stdout.readexactly(length)

    async def end(self) -> None:
        """Kill it and wait until it is gone."""
        if self._process.returncode is None:
            self._process.kill()
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
