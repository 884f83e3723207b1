"""Somebody who uses the served panel: signs in once, then asks for pages and notes how long each took."""

from __future__ import annotations

import re
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Sequence
from http.cookiejar import CookieJar

import numpy as np


class Visitor:
    def __init__(self, base: str, login: str, password: str) -> None:
        self._base = base
        jar = urllib.request.HTTPCookieProcessor(CookieJar())
        # What stands in the environment about proxies is not meant for the loopback.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get("/sign-in"))
        assert token is not None
        form = urllib.parse.urlencode({"login": login, "password": password, "csrf_token": token[1]})
        request = urllib.request.Request(f"{base}/sign-in", form.encode(), {"Referer": f"{base}/sign-in"})
        with self._opener.open(request, timeout=60) as answer:
            assert "/sign-in" not in answer.url, "the sign-in was refused"

    def get(self, path: str) -> str:
        with self._opener.open(self._base + path, timeout=60) as answer:
            return str(answer.read().decode())

    def seconds(self, path: str) -> float:
        started = time.monotonic()
        self.get(path)
        return time.monotonic() - started


class Watch:
    """Asks for the pages in turn, so many a second, from its start to its end."""

    def __init__(self, visitor: Visitor, paths: Sequence[str], pause: float = 0.1) -> None:
        self.taken: dict[str, list[float]] = {path: [] for path in paths}
        self._visitor = visitor
        self._pause = pause
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            for path, taken in self.taken.items():
                taken.append(self._visitor.seconds(path))
                if self._over.wait(self._pause):
                    return

    def p95(self) -> float:
        """Milliseconds, over all pages."""
        return float(np.percentile([one for taken in self.taken.values() for one in taken], 95)) * 1000

    def lines(self) -> list[str]:
        return [
            f"    {path:28} {len(taken):4} times, p50 {np.percentile(taken, 50) * 1000:6.0f} ms,"
            f" greatest {max(taken) * 1000:6.0f} ms"
            for path, taken in self.taken.items()
            if taken
        ]
