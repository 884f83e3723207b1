"""Uploading a script keeps nobody else from writing, however long its check takes."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from app.db import read_transaction, write_transaction
from app.models import ContactList, ScriptRevision
from app.services import scripts
from common.clock import utcnow
from tests.support.panel import World
from vxml.check import Problem

PAGE = b'<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><block>Hello</block></form></vxml>'


def upload(client: FlaskClient, path: str, **fields: str) -> int:
    return client.post(path, data={**fields, "file": (BytesIO(PAGE), "main.vxml")}).status_code


def test_others_write_while_an_upload_is_checked(
    admin: FlaskClient, sqlite_engine: Engine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def check_while_another_writes(files: Mapping[str, bytes]) -> list[Problem]:
        # It waits for the write lock, and in vain if the upload has it.
        with write_transaction(sqlite_engine) as session:
            list_id = session.scalars(select(ContactList.id)).first()
            assert list_id is not None
            session.get_one(ContactList, list_id).updated_at = utcnow()
            written.append(list_id)
        return []

    monkeypatch.setattr(scripts, "check_files", check_while_another_writes)
    assert upload(admin, "/scripts/new", name="Visit") == 302
    with read_transaction(sqlite_engine) as session:
        script_id = session.scalars(select(ScriptRevision.script_id).order_by(ScriptRevision.id.desc())).first()
    assert upload(admin, f"/scripts/{script_id}") == 302
    assert len(written) == 2
