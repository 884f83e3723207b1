"""The tests' own PostgreSQL must never outlive them or be reachable from outside."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from tests.support.postgres import private_postgres

pytestmark = [pytest.mark.integration, pytest.mark.postgres]


def is_running(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until_gone(pid: int, seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while is_running(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def postmaster(socket_directory: Path) -> int:
    return int((socket_directory / "data/postmaster.pid").read_text().splitlines()[0])


def test_serves_databases_on_a_private_socket_and_leaves_nothing() -> None:
    with private_postgres() as server:
        pid, directory = postmaster(server.socket_directory), server.socket_directory
        engine = sa.create_engine(server.create_database("shop"))
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT current_database()")) == "shop"
            assert connection.scalar(sa.text("SHOW listen_addresses")) == ""
        engine.dispose()
        server.drop_database("shop")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(host=str(directory), user="clarion", dbname="shop")
    assert not is_running(pid)
    assert not directory.exists()


def test_dies_with_the_process_that_started_it() -> None:
    code = (
        "import time\nfrom tests.support.postgres import private_postgres\n"
        "with private_postgres() as server:\n    print(server.socket_directory, flush=True)\n    time.sleep(60)\n"
    )
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen([sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        directory = Path(owner.stdout.readline().strip())
        pid = postmaster(directory)
        owner.kill()
    assert wait_until_gone(pid)
    subprocess.run(["rm", "-rf", directory], check=True)
