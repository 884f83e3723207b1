"""Imports every file of a folder with limited memory: `python -m tests.support.hostile_import DATABASE FOLDER`.

Prints one JSON line a file: its name, the run's state or "refused", the words, and what was taken and rejected; at the
end the most memory that the process ever held, in MB.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from app.db import make_engine, read_transaction, write_transaction
from app.models import Organization
from app.security.access import Actor
from app.services import importing, lists
from common.clock import utcnow
from common.errors import Refused

#: A net beneath the figure that the test asserts: without it a bomb would take the machine along.
_MOST_ADDRESS_SPACE = 3 * 1024**3
ACTOR = Actor.system()


def main(database_url: str, folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_ADDRESS_SPACE, _MOST_ADDRESS_SPACE))
    engine = make_engine(database_url)
    with write_transaction(engine) as session:
        session.add(Organization(name="Hostile", created_at=utcnow()))
    for path in sorted(folder.iterdir()):
        with write_transaction(engine) as session:
            list_id = lists.create_list(session, ACTOR, path.name).id
        try:
            run_id = importing.import_file(engine, ACTOR, list_id, path)
        except Refused as refused:
            print(json.dumps([path.name, "refused", str(refused), 0, 0]))
            continue
        with read_transaction(engine) as session:
            done = importing.summary(session, ACTOR, run_id)
        words = done.first_rejects[0].reason if done.first_rejects else done.detail
        print(json.dumps([path.name, done.state, words, done.rows_added, done.rows_rejected]))
    # Not `ru_maxrss`, which counts what the parent held when it started us.
    status = Path("/proc/self/status").read_text("ascii")
    print(int(status.partition("VmHWM:")[2].split()[0]) // 1024)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
