"""Claim-and-finish rows a second: the engine's store beside a bare SQL loop that does the same row writes.

A row is claimed, its attempt committed, its outcome and its contact's next state written: three transactions a batch.
The bare loop talks to the driver with nothing between; both work on the same database with the same settings, turn by
turn, and on SQLite each turn ends with the checkpoint of what it wrote. Beside the rows a second of the wall clock,
where waiting for the disk counts, stands the processor time a row, which a busy machine leaves as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, make_url, text

from app.db import SQLITE_PRAGMAS, make_engine, upgrade, write_transaction
from common.ids import new_id
from engine.store import FinishedAttempt, NewAttempt, Next, Outcome, SqlStore
from tests.support.job_rows import START, make_job
from tests.support.postgres import private_postgres

BATCH = 100
TARGET = 0.8
NOW = START + timedelta(days=1)
UNTIL = NOW + timedelta(minutes=1)
LATER = NOW + timedelta(minutes=5)
STATE = {"handler": "call", "phase": "ready", "retries": {"*": 1}, "only": [], "used": [], "due": None, "attempts": 1}


def fill(engine: Engine, rows: int) -> int:
    """A running job of so many contacts, all due; the rows are made by the database itself."""
    job_id = make_job(engine, 0)
    numbers = (
        "SELECT generate_series(1, :rows) AS n"
        if engine.dialect.name == "postgresql"
        else "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < :rows) SELECT n FROM s"
    )
    values = {"rows": rows, "now": START if engine.dialect.name == "postgresql" else _text(START), "job": job_id}
    with write_transaction(engine) as session:
        session.execute(
            text(
                "INSERT INTO contact (id, organization_id, contact_list_id, external_id, first_name, last_name,"
                " language, time_zone, attributes, last_completion_code, created_at, updated_at)"
                " SELECT n, 1, 1, 'c' || n, 'Name', '', '', '', '{}', '', :now, :now FROM (" + numbers + ") AS numbers"
            ),
            values,
        )
        session.execute(
            text(
                "INSERT INTO job_contact (id, organization_id, job_id, contact_id, lane, state, due_at, lease_owner,"
                " strategy_state, attempt_count, last_code, final_code, hold_code, hold_detail, updated_at)"
                " SELECT n, 1, :job, n, n % 64, 'ready', :now, '', '{}', 0, '', '', '', '', :now FROM ("
                + numbers
                + ") AS numbers"
            ),
            values,
        )
    # What filling left to be done is no part of what is measured.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("VACUUM ANALYZE"))
            connection.execute(text("CHECKPOINT"))
        else:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    os.sync()
    return job_id


def through_store(store: SqlStore, job_id: int) -> int:
    """One batch through the engine's store; how many rows."""
    claims = store.claim(job_id, "bench", NOW, UNTIL, BATCH)
    attempts = [
        NewAttempt(
            id=new_id(),
            organization_id=claim.organization_id,
            job_id=claim.job_id,
            job_contact_id=claim.id,
            contact_id=claim.contact_id,
            address_id=None,
            number=claim.attempt_count + 1,
            channel="voice",
            action="call/voice",
            address=_number(claim.contact_id),
            sender="+12025550101",
            owner="bench",
            started_at=NOW,
            media_server="local",
            boot_id="boot",
        )
        for claim in claims
    ]
    begun = store.begin(attempts, NOW)
    outcome = Outcome("CALL_BUSY", NOW, "refused", 486, "Busy Here", result={"exit": {}, "dtmf": ""})
    following = Next(LATER, STATE, "CALL_BUSY")
    store.finish(
        [
            FinishedAttempt(item.id, item.job_contact_id, item.contact_id, item.number, outcome, following)
            for item in attempts
        ],
        NOW,
    )
    return len(begun)


_ATTEMPT = (
    "id, organization_id, job_id, job_contact_id, contact_id, number, channel, action, address, sender, owner,"
    " started_at, media_server, boot_id, state, completion_code, disposition, reason, nuisance, provider_id"
)


class BareSqlite:
    def __init__(self, url: str) -> None:
        self._db = sqlite3.connect(str(make_url(url).database), isolation_level=None)
        for pragma in SQLITE_PRAGMAS:
            self._db.execute(f"PRAGMA {pragma}")

    def end_turn(self) -> None:
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def batch(self, job_id: int) -> int:
        now, until, later = _text(NOW), _text(UNTIL), _text(LATER)
        with self._transaction():
            rows = self._db.execute(
                "UPDATE job_contact SET state = 'leased', lease_owner = 'bare', lease_until = ?, updated_at = ?"
                " WHERE id IN (SELECT id FROM job_contact WHERE job_id = ? AND state = 'ready' AND due_at <= ?"
                " ORDER BY due_at, id LIMIT ?)"
                " RETURNING id, organization_id, job_id, contact_id, attempt_count, strategy_state, last_code",
                (until, now, job_id, now, BATCH),
            ).fetchall()
        keys = [new_id() for _ in rows]
        with self._transaction():
            self._db.executemany(
                "UPDATE job_contact SET state = 'attempting', attempt_count = attempt_count + 1, lease_owner = '',"
                " lease_until = NULL, updated_at = ? WHERE id = ?",
                [(now, row[0]) for row in rows],
            )
            self._db.executemany(
                f"INSERT INTO attempt ({_ATTEMPT}) VALUES (?, ?, ?, ?, ?, ?, 'voice', 'call/voice', ?,"
                " '+12025550101', 'bare', ?, 'local', 'boot', 'in_progress', 'ATTEMPT_IN_PROGRESS', '', '', 0, '')",
                [
                    (key, row[1], row[2], row[0], row[3], row[4] + 1, _number(row[3]), now)
                    for key, row in zip(keys, rows, strict=True)
                ],
            )
        state, result = json.dumps(STATE), json.dumps({"exit": {}, "dtmf": ""})
        with self._transaction():
            self._db.executemany(
                "UPDATE attempt SET state = 'done', completion_code = 'CALL_BUSY', ended_at = ?,"
                " disposition = 'refused', sip_status = 486, reason = 'Busy Here', result = ? WHERE id = ?",
                [(now, result, key) for key in keys],
            )
            self._db.executemany(
                "UPDATE job_contact SET state = 'ready', due_at = ?, strategy_state = ?, last_code = 'CALL_BUSY',"
                " updated_at = ? WHERE id = ?",
                [(later, state, now, row[0]) for row in rows],
            )
            self._db.executemany(
                "UPDATE contact SET last_attempt_at = ?, last_completion_code = 'CALL_BUSY' WHERE id = ?",
                [(now, row[3]) for row in rows],
            )
        return len(rows)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        yield
        self._db.execute("COMMIT")


class BarePostgres:
    def __init__(self, url: str) -> None:
        self._db = psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))

    def end_turn(self) -> None:
        """The server writes back by itself."""

    def batch(self, job_id: int) -> int:
        with self._db.transaction(), self._db.cursor() as cursor:
            rows = cursor.execute(
                "WITH due AS (SELECT id FROM job_contact WHERE job_id = %s AND state = 'ready' AND due_at <= %s"
                " ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED)"
                " UPDATE job_contact j SET state = 'leased', lease_owner = 'bare', lease_until = %s, updated_at = %s"
                " FROM due WHERE j.id = due.id"
                " RETURNING j.id, organization_id, job_id, contact_id, attempt_count, strategy_state, last_code",
                (job_id, NOW, BATCH, UNTIL, NOW),
            ).fetchall()
        keys, ids, contacts = [new_id() for _ in rows], [row[0] for row in rows], [row[3] for row in rows]
        with self._db.transaction(), self._db.cursor() as cursor:
            cursor.execute(
                "UPDATE job_contact SET state = 'attempting', attempt_count = attempt_count + 1, lease_owner = '',"
                " lease_until = NULL, updated_at = %s WHERE id = ANY(%s)",
                (NOW, ids),
            )
            cursor.execute(
                f"INSERT INTO attempt ({_ATTEMPT}) SELECT k, 1, %s, j, c, n, 'voice', 'call/voice', a,"
                " '+12025550101', 'bare', %s, 'local', 'boot', 'in_progress', 'ATTEMPT_IN_PROGRESS', '', '', false, ''"
                " FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::int[], %s::text[]) t (k, j, c, n, a)",
                (job_id, NOW, keys, ids, contacts, [row[4] + 1 for row in rows], list(map(_number, contacts))),
            )
        with self._db.transaction(), self._db.cursor() as cursor:
            cursor.execute(
                "UPDATE attempt SET state = 'done', completion_code = 'CALL_BUSY', ended_at = %s,"
                " disposition = 'refused', sip_status = 486, reason = 'Busy Here', result = %s WHERE id = ANY(%s)",
                (NOW, json.dumps({"exit": {}, "dtmf": ""}), keys),
            )
            cursor.execute(
                "UPDATE job_contact SET state = 'ready', due_at = %s, strategy_state = %s, last_code = 'CALL_BUSY',"
                " updated_at = %s WHERE id = ANY(%s)",
                (LATER, json.dumps(STATE), NOW, ids),
            )
            cursor.execute(
                "UPDATE contact SET last_attempt_at = %s, last_completion_code = 'CALL_BUSY' WHERE id = ANY(%s)",
                (NOW, contacts),
            )
        return len(rows)


@dataclass(slots=True)
class Turns:
    """What one loop did in its turns: rows a second, and microseconds of our processor time a row."""

    rates: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def take(self, batch: Callable[[], int], end: Callable[[], None], batches: int) -> None:
        started, worked = time.perf_counter(), time.process_time()
        done = sum(batch() for _ in range(batches))
        end()
        assert done == batches * BATCH, f"{done} rows instead of {batches * BATCH}: the job ran out of due contacts"
        self.rates.append(done / (time.perf_counter() - started))
        self.processor.append((time.process_time() - worked) / done * 1e6)


def compare(url: str, rows: int) -> tuple[Turns, Turns]:
    """Bare, and through the store, turn by turn."""
    upgrade(url)
    engine = make_engine(url)
    job_id = fill(engine, rows)
    store = SqlStore(engine)
    bare = BareSqlite(url) if engine.dialect.name == "sqlite" else BarePostgres(url)
    turns = 8
    batches = max(2, min(25, rows // BATCH // (2 * turns) - 1))
    bare.batch(job_id)
    through_store(store, job_id)
    bares, ours = Turns(), Turns()
    for _ in range(turns):
        bares.take(lambda: bare.batch(job_id), bare.end_turn, batches)
        ours.take(lambda: through_store(store, job_id), bare.end_turn, batches)
    store.close()
    engine.dispose()
    return bares, ours


def _number(contact_id: int) -> str:
    return f"+1202{contact_id:07d}"


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 1_000_000], help="contacts in the job")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="clarion-claims-") as folder, private_postgres(()) as server:
        for kind in ("sqlite", "postgresql"):
            for rows in options.rows:
                name = f"claims_{rows}"
                url = f"sqlite:///{Path(folder) / name}.db" if kind == "sqlite" else server.create_database(name)
                _show(_result(kind, rows, *compare(url, rows)), as_json=options.json)
    if not options.json:
        print(f"target: at least {TARGET:.0%} of the bare loop, flat from the fewest rows to the most")


def _result(kind: str, rows: int, bare: Turns, ours: Turns) -> dict[str, Any]:
    rates = statistics.median(bare.rates), statistics.median(ours.rates)
    return {
        "database": kind,
        "rows": rows,
        "bare": round(rates[0]),
        "store": round(rates[1]),
        "share": round(rates[1] / rates[0], 3),
        "bare_us": round(statistics.median(bare.processor), 1),
        "store_us": round(statistics.median(ours.processor), 1),
    }


def _show(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result), flush=True)
        return
    verdict = "met" if result["share"] >= TARGET else "MISSED"
    print(
        f"{result['database']:<11}{result['rows']:>9} rows   bare {result['bare']:>7}/s   store {result['store']:>7}/s"
        f"   {result['share']:.0%} of bare, {verdict}"
        f"   (processor: bare {result['bare_us']:.1f} us, store {result['store_us']:.1f} us a row)",
        flush=True,
    )


if __name__ == "__main__":
    main()
