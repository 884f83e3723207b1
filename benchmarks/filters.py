"""Seconds in which a filter by a phone's town, state or carrier counts a whole list of a million contacts, with the
first ten of them, as the panel does; beside it the filter by the phone's country, which is kept with each number.

    python -m benchmarks.filters [--contacts N] [--only sqlite|postgresql]
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from sqlalchemy import text

from app.core.audience import Condition, Filter, Group, Operator
from app.db import make_engine, read_transaction
from app.security.access import Actor
from app.services import audience
from benchmarks.job_start import prepare
from benchmarks.support.on_both import on_both, server_folder
from benchmarks.support.usage import server_cpu
from common.clock import utcnow

#: Of the country's time; a filter by what digits tell may take so much more.
LIMIT = 4.0
_AREAS = "201212213214215216217303304305312313314315404405408415503504512602614617619702713718773801817872914917954972"
#: A tenth are German mobile numbers, the rest US numbers of some area code.
_NUMBERS = f"""
UPDATE address SET number_type = CASE contact_id % 10 WHEN 0 THEN 'mobile' ELSE 'fixed_or_mobile' END,
    country = CASE contact_id % 10 WHEN 0 THEN 'DE' ELSE 'US' END,
    value = CASE contact_id % 10
        WHEN 0 THEN '+4915' || (contact_id % 9 + 1) || (10000000 + contact_id * 7001 % 79999999)
        ELSE '+1' || substr('{_AREAS}', 3 * CAST(contact_id % {len(_AREAS) // 3} AS INTEGER) + 1, 3)
            || (2000000 + contact_id * 7001 % 7999999) END
WHERE kind = 'phone'"""
ASKED = (
    ("phone country is US", Condition("phone_country", Operator.EQUALS, "US")),
    ("town is Chicago, IL", Condition("phone_area", Operator.EQUALS, "Chicago, IL")),
    ("town or state contains ', CA'", Condition("phone_area", Operator.CONTAINS, ", CA")),
    ("town or state contains 'a'", Condition("phone_area", Operator.CONTAINS, "a")),
    ("town or state is empty", Condition("phone_area", Operator.EMPTY)),
    ("carrier is Vodafone", Condition("phone_carrier", Operator.EQUALS, "Vodafone")),
    ("carrier is empty", Condition("phone_carrier", Operator.EMPTY)),
)


def report(backend: str, home: Path, database_url: str, contacts: int) -> None:
    _, list_id = prepare(database_url, contacts)
    engine, server = make_engine(database_url), server_folder(database_url)
    with engine.begin() as connection:
        connection.execute(text(_NUMBERS))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if backend == "SQLite" else "VACUUM ANALYZE address"))
    print(f"\n{backend}: {contacts:,} contacts, load {os.getloadavg()[0]:.1f}", flush=True)
    peer = 0.0
    for name, condition in ASKED:
        with read_transaction(engine) as session:
            began, used = time.monotonic(), time.process_time() + server_cpu(server)
            made = Filter((Group((condition,)),))
            found = audience.preview(session, Actor.system(), list_id, made, utcnow(), whole=True)
            cpu = time.process_time() + server_cpu(server) - used
        peer = peer or cpu
        verdict = f"{cpu / peer:.2f} of it (limit {LIMIT:.0f}): {'met' if cpu < peer * LIMIT else 'NOT MET'}"
        print(f"  {name:30} {time.monotonic() - began:5.2f} s, {cpu:5.2f} s of processor, {found.counted:>9,} meant"
              f"  {verdict if cpu != peer else ''}", flush=True)  # fmt: skip
    engine.dispose()


if __name__ == "__main__":
    on_both(__doc__, report)
