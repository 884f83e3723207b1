"""How long an erasure takes in a large installation, beside the minute that it may: from the request to the end of its
last step, without media servers, on each kind of database.

For each contact there are two addresses, ten attempts with their traces (two kilobytes each), an entry of the audit
trail and a change of the history; for each tenth a rejected row. The person has one of each, and names in texts
besides. Marks of the attempts are made beforehand, as a keeper does while calls are made; what they cost is printed.

    python -m benchmarks.erasure [--contacts N] [--only sqlite|postgresql]
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, func, select, text

from app.db import make_engine, read_transaction, upgrade, write_transaction
from app.models import Attempt, AttemptMarks, ImportRun, Job
from app.security.access import Actor
from app.security.pseudonyms import attach
from app.security.secrets import Vault
from app.services import privacy
from app.services.privacy import emptying, erasure, marking, stores
from benchmarks.support.on_both import on_both
from common.clock import utcnow
from tests.support.job_rows import make_job

LIMIT = 60.0
SECRET = "benchmarks only secret key"
ROOT = Actor.system()
ATTEMPTS = 10
#: What the trace of a call with a few prompts comes to: mostly the same for all, with a name and a number of its own.
_TRACE = (
    """'[{"kind": "sip", "text": "-> INVITE"}, {"kind": "vxml", "text": "prompt: hello Given' || (contact_id % 997)"""
    """ || ' Family' || (contact_id % 7919) || ', """
    + "this was said and heard, and answered by a key; " * 40
    + """"}, {"kind": "sip", "text": "-> BYE +1202*****' || (contact_id % 100) || '"}]'"""
)
_ATTEMPT = (
    "INSERT INTO attempt (id, organization_id, job_id, job_contact_id, contact_id, number, channel, action,"
    " address, sender, state, completion_code, disposition, reason, nuisance, provider_id, owner, media_server,"
    " boot_id, started_at, ended_at) SELECT {id}, :home, :job, id, contact_id, CAST(:number AS integer), 'voice', 'h',"
    " '+1202555' || contact_id, '', 'done', 'ANSWER_HUMAN', '', '', false, '', '', '', '', {now}, {now}"
    " FROM job_contact",
    "INSERT INTO attempt_trace (attempt_id, steps) SELECT id, {trace} FROM attempt"
    " WHERE number = CAST(:number AS integer)",
)
_ONCE = (
    "INSERT INTO audit_entry (organization_id, at, action, kind, object_id, after, remote_address)"
    " SELECT :home, {now}, 'contact.update', 'contact', CAST(id AS text), {after}, '' FROM contact",
    "INSERT INTO contact_change (organization_id, contact_id, at, field, old, new)"
    " SELECT :home, id, {now}, 'last_name', first_name, 'other' FROM contact",
    'INSERT INTO import_reject (import_run_id, line, field, reason, "row")'
    " SELECT :run, id, 'phone1', 'too few digits', id || ',Somebody,Else,(202) 555' FROM contact WHERE id % 10 = 0",
)


class NoServers(stores.HttpMediaServers):
    def __init__(self) -> None:
        pass

    def forget(self, calls: Sequence[stores.PastCall]) -> Mapping[str, int]:
        return {}


def fill(engine: Engine, contacts: int) -> int:
    """The organization's id. People are made by `make_job`; the database itself makes the rest of them."""
    job_id = make_job(engine, contacts)
    postgres = engine.dialect.name == "postgresql"
    now = utcnow() - timedelta(days=1)
    with write_transaction(engine) as session:
        home = session.get_one(Job, job_id).organization_id
        run = ImportRun(organization_id=home, contact_list_id=1, file_name="x.csv", mapping={}, started_at=now)
        session.add(run)
        session.flush()
        run_id = run.id
    values = {"home": home, "job": job_id, "run": run_id, "after": '{"fields": ["last_name"]}', "contacts": contacts}
    values["now"] = now if postgres else now.strftime("%Y-%m-%d %H:%M:%S.%f")
    # Ids in the order of time, as the product's are, and older than anything that is made now.
    names = {
        "now": "CAST(:now AS timestamptz)" if postgres else ":now",
        "after": "CAST(:after AS jsonb)" if postgres else ":after",
        "trace": f"CAST({_TRACE} AS jsonb)" if postgres else _TRACE,
        "id": "lpad(CAST(CAST(:number AS bigint) * :contacts + id AS text), 26, '0')"
        if postgres
        else "printf('%026d', CAST(:number AS bigint) * :contacts + id)",
    }
    for number in range(1, ATTEMPTS + 1):
        for statement in _ATTEMPT if number > 1 else (*_ATTEMPT, *_ONCE):
            made = statement.format_map(names)
            used = {name: value for name, value in {**values, "number": number}.items() if f":{name}" in made}
            with write_transaction(engine) as session:
                session.execute(text(made), used)
    if postgres:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    return home


def mark_all(engine: Engine) -> str:
    """What a keeper does as time goes by."""
    used = time.process_time()
    while marking.mark(engine, utcnow()):
        pass
    used = time.process_time() - used
    with read_transaction(engine) as session:
        size = session.scalar(select(func.sum(func.length(AttemptMarks.marks)))) or 0
        attempts = session.scalar(select(func.count()).select_from(Attempt)) or 1
    return f"marks of {attempts:,} attempts: {used / attempts * 1e6:.0f} us and {size / attempts:.0f} bytes each"


def report(name: str, folder: Path, url: str, contacts: int) -> None:
    upgrade(url)
    engine = attach(make_engine(url), SECRET)
    home = fill(engine, contacts)
    marked = mark_all(engine)
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
        f"(ours {processor:.1f} s of processor); limit {LIMIT:.0f} s, {verdict}; {marked}",
        flush=True,
    )
    engine.dispose()


if __name__ == "__main__":
    on_both(__doc__, report)
