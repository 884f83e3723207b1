"""A whole installation of real processes on random loopback ports: web, engine, media server, simulated carrier.

Roles are started, killed and started again by name. Everything dies with the test process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import processes
from tests.support.ports import free_range

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 100.0
SECRET = "tests-only-secret-key-0123456789"
CARRIER, WEB, MEDIASERVER, ENGINE = "carrier", "web", "mediaserver", "engine"


class RoleDied(AssertionError):
    """A process ended by itself, or never became ready."""


RTP_PORTS = 200


@dataclass(slots=True)
class Addresses:
    """host:port of everything that listens, out of one block of free ports; the live streams take the web's next."""

    first: int = field(default_factory=lambda: free_range(10 + RTP_PORTS))

    def _at(self, offset: int) -> str:
        return f"127.0.0.1:{self.first + offset}"

    @property
    def web(self) -> str:
        return self._at(0)

    @property
    def control(self) -> str:
        return self._at(2)

    @property
    def sip(self) -> str:
        return self._at(3)

    @property
    def carrier_sip(self) -> str:
        return self._at(4)

    @property
    def sinks(self) -> str:
        return self._at(5)

    @property
    def smtp(self) -> str:
        return self._at(6)

    @property
    def pages(self) -> str:
        return self._at(7)

    @property
    def rtp(self) -> str:
        return f"{self.first + 10}-{self.first + 9 + RTP_PORTS}"


class Installation:
    """`home` holds state, logs and the carrier's ring journal."""

    def __init__(self, home: Path, database_url: str, extra: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.database_url = database_url
        self.at = Addresses()
        self.journal = home / "rings.jsonl"
        self.environment = {**_clean_environment(), **self._settings(), **(extra or {})}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def _settings(self) -> dict[str, str]:
        return {
            "CLARION_HOME": str(self.home),
            "CLARION_DATABASE_URL": self.database_url,
            "CLARION_SECRET_KEY": SECRET,
            "CLARION_WEB_BIND": self.at.web,
            "CLARION_PAGES_BIND": self.at.pages,
            "CLARION_PAGE_WORKERS": "1",
            "CLARION_MEDIASERVER_LISTEN": self.at.control,
            "CLARION_MEDIASERVER_TOKEN": SECRET,
            # The far ends and the engine share the machine with it.
            "CLARION_MEDIASERVER_PRIORITY": "normal",
            "CLARION_MEDIASERVER_SIP": self.at.sip,
            "CLARION_MEDIASERVER_RTP_PORTS": self.at.rtp,
            "CLARION_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "CLARION_TWILIO_AUTH_TOKEN": SECRET,
            "CLARION_TWILIO_API_URL": f"http://{self.at.sinks}",
            "CLARION_TWILIO_FROM": "+15550100000",
            "CLARION_SMTP_HOST": "127.0.0.1",
            "CLARION_SMTP_PORT": self.at.smtp.rpartition(":")[2],
            "CLARION_SMTP_TLS": "none",
            "CLARION_SMTP_FROM": "clarion@example.org",
            "CLARION_SIMULATOR_SIP": self.at.carrier_sip,
            "CLARION_SIMULATOR_HTTP": self.at.sinks,
            "CLARION_SIMULATOR_SMTP": self.at.smtp,
        }

    def _command(self, role: str) -> list[str]:
        options = ["--journal", str(self.journal)] if role == CARRIER else []
        return ["-m", "app.cli", role.partition(":")[0], *options]

    def _ready_urls(self, role: str) -> list[str]:
        return {
            WEB: [f"http://{self.at.web}/healthz", f"http://{self.at.pages}/healthz"],
            MEDIASERVER: [f"http://{self.at.control}/v1/status"],
            CARRIER: [f"http://{self.at.sinks}/calls.json"],
        }.get(role, [])

    def start(self, *roles: str) -> None:
        """Start roles in order, each when the one before it is ready; `engine:2` is another engine."""
        for role in roles:
            assert role not in self._running, f"{role} runs already"
            self._running[role] = processes.start(
                [sys.executable, *self._command(role)], self.log(role), cwd=ROOT, env=self.environment
            )
            for url in self._ready_urls(role):
                self.wait_for(f"{role} to be ready", lambda url=url: _answers(url), READY_SECONDS)

    def kill(self, role: str) -> None:
        """`kill -9` the role's process; children of its own must notice by themselves."""
        process = self._running.pop(role)
        process.kill()
        process.wait()

    def stop(self, role: str, seconds: float = 15.0) -> int:
        """SIGTERM, and wait; the exit status."""
        return processes.stop(self._running.pop(role), seconds=seconds)

    def pid(self, role: str) -> int:
        return self._running[role].pid

    def close(self) -> None:
        for role in reversed(list(self._running)):
            processes.stop(self._running.pop(role), by=signal.SIGTERM, seconds=5)

    def wait_for(self, what: str, condition: Callable[[], bool], seconds: float) -> None:
        """Poll until `condition` holds; fail with the roles' logs when it does not, or when a role has died."""
        deadline = time.monotonic() + seconds
        while not condition():
            for role, process in self._running.items():
                if process.poll() is not None:
                    raise RoleDied(f"{role} ended with {process.returncode} while waiting for {what}:\n{self.tails()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds:.0f} s for {what}\n{self.tails()}")
            time.sleep(0.1)

    def log(self, role: str) -> Path:
        return self.home / f"{role}.log"

    def tails(self, lines: int = 25) -> str:
        parts = []
        for path in sorted(self.home.glob("*.log")):
            text = path.read_text(encoding="utf-8", errors="replace").splitlines()
            parts += [f"--- {path.name}", *text[-lines:]]
        return "\n".join(parts)

    def get_json(self, url: str) -> object:
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {SECRET}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


def _clean_environment() -> dict[str, str]:
    """Ours without settings of a developer's own installation."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CLARION_")}


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError as error:
        # 401 without a token, 302 to the sign-in page: it serves.
        return error.code < 500
    except OSError:
        return False


@contextmanager
def installation(home: Path, database_url: str, extra: Mapping[str, str] | None = None) -> Iterator[Installation]:
    """Nothing runs yet; whatever was started is stopped at the end."""
    made = Installation(home, database_url, extra)
    try:
        yield made
    finally:
        made.close()
