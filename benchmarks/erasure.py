"""How long an erasure takes in a large installation, beside the minute that it may: from the request to the end of its
last step, without media servers, on each kind of database.

For each contact there are two addresses, an attempt with its trace (two kilobytes), an entry of the audit trail and a
change of the history; for each tenth a rejected row. The person has one of each, and names in texts besides.

    python -m benchmarks.erasure [--contacts N] [--only sqlite|postgresql]
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, text

from app.db import make_engine, read_transaction, upgrade, write_transaction
from app.models import ImportRun, Job
from app.security.access import Actor
from app.security.pseudonyms import attach
from app.security.secrets import Vault
from app.services import privacy
from app.services.privacy import emptying, erasure, stores
from benchmarks.support.on_both import on_both
from common.clock import utcnow
from tests.support.job_rows import make_job

LIMIT = 60.0
SECRET = "benchmarks only secret key"
ROOT = Actor.system()
#: What the trace of a call with a few prompts comes to.
_TRACE = '[{"kind": "vxml", "text": "' + "said and heard " * 130 + '"}]'


class NoServers(stores.HttpMediaServers):
    def __init__(self) -> None:
        pass

    def forget(self, calls: Sequence[stores.PastCall]) -> Mapping[str, int]:
        return {}


def fill(engine: Engine, contacts: int) -> int:
    """The organization's id. People are made by `make_job`; the database itself makes the rest of them."""
    job_id = make_job(engine, contacts)
    postgres = engine.dialect.name == "postgresql"
    moment = "CAST(:now AS timestamptz)" if postgres else ":now"
    json = (lambda value: f"CAST({value} AS jsonb)") if postgres else (lambda value: value)
    now = utcnow() - timedelta(days=1)
    with write_transaction(engine) as session:
        home = session.get_one(Job, job_id).organization_id
        run = ImportRun(organization_id=home, contact_list_id=1, file_name="x.csv", mapping={}, started_at=now)
        session.add(run)
        session.flush()
        values = {
            "home": home, "job": job_id, "run": run.id, "trace": _TRACE, "after": '{"fields": ["last_name"]}',
            "now": now if postgres else now.strftime("%Y-%m-%d %H:%M:%S.%f"),
        }  # fmt: skip
        for statement in (
            "INSERT INTO attempt (id, organization_id, job_id, job_contact_id, contact_id, number, channel, action,"
            " address, sender, state, completion_code, disposition, reason, nuisance, provider_id, owner, media_server,"
            " boot_id, started_at, ended_at) SELECT 'a' || id, :home, :job, id, contact_id, 1, 'voice', 'h',"
            " '+1202555' || contact_id, '', 'done', 'ANSWER_HUMAN', '', '', false, '', '', '', '', {now}, {now}"
            " FROM job_contact",
            "INSERT INTO attempt_trace (attempt_id, steps) SELECT id, {trace} FROM attempt",
            "INSERT INTO audit_entry (organization_id, at, action, kind, object_id, after, remote_address)"
            " SELECT :home, {now}, 'contact.update', 'contact', CAST(id AS text), {after}, '' FROM contact",
            "INSERT INTO contact_change (organization_id, contact_id, at, field, old, new)"
            " SELECT :home, id, {now}, 'last_name', first_name, 'other' FROM contact",
            'INSERT INTO import_reject (import_run_id, line, field, reason, "row")'
            " SELECT :run, id, 'phone1', 'too few digits', id || ',Somebody,Else,(202) 555' FROM contact"
            " WHERE id % 10 = 0",
        ):
            made = statement.format(now=moment, trace=json(":trace"), after=json(":after"))
            used = {name: value for name, value in values.items() if f":{name}" in made}
            session.execute(text(made), used)
    if postgres:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    return home


def report(name: str, folder: Path, url: str, contacts: int) -> None:
    upgrade(url)
    engine = attach(make_engine(url), SECRET)
    home = fill(engine, contacts)
    vault = Vault(SECRET)
    started, used = time.perf_counter(), time.process_time()
    with write_transaction(engine) as session:
        person = privacy.find_person(session, ROOT, "contact", str(contacts // 2), home)
        number = privacy.request_erasure(session, ROOT, vault, person).id
    requested = time.perf_counter() - started
    while not erasure.advance(engine, vault, number, stores.StateFiles(folder / "state"), NoServers()):
        time.sleep(0.1)
    taken, processor = time.perf_counter() - started, time.process_time() - used
    with read_transaction(engine) as session:
        reached = emptying.attempts_of(session, home, person.contact_ids, person.traces)
        assert not list(emptying.past_calls(session, reached))
    verdict = "met" if taken < LIMIT else "NOT MET"
    print(
        f"{name:11} {contacts:>9,} contacts: request {requested:5.2f} s, erased after {taken:6.1f} s "
        f"(ours {processor:.1f} s of processor); limit {LIMIT:.0f} s, {verdict}",
        flush=True,
    )
    engine.dispose()


if __name__ == "__main__":
    on_both(__doc__, report)
