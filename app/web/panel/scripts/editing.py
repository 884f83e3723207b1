"""The script editor: its page, and what the page asks for while somebody works (JSON in, JSON out)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

from flask import Response, abort, current_app, jsonify, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.models import ScriptRevision
from app.sandbox import wire
from app.sandbox.client import EXTENSION, Overrun, Sandbox
from app.security.access import Permission
from app.services import drafts, scripts
from app.services.test_calls import read_values
from app.web.database import reader, writing
from app.web.headers import style_nonce
from app.web.panel.gate import needs
from app.web.panel.scripts.views import blueprint
from app.web.viewer import actor
from common.errors import Refused
from vxml.schema.outline import outline

#: Acts of a caller that a request may bring, and how much of each.
_ACTS = {"keys": 64, "say": 500, "silence": 1, "hangup": 1}


@blueprint.get("/<int:script_id>/revisions/<int:revision_id>/edit")
def edit(script_id: int, revision_id: int) -> str:
    script = scripts.get_script(reader(), actor(), script_id)
    revision = _revision(script_id, revision_id)
    revisions = scripts.list_revisions(reader(), actor(), script_id)
    return render_template(
        "scripts/edit.html",
        script=script,
        revision=revision,
        newest=revisions[0],
        nonce=style_nonce(),
        work={
            "base": revision.id,
            "number": revision.number,
            "seen": revisions[0].id,
            "entry": revision.entry,
            "files": {file.path: _for_editor(file.path, file.body) for file in _files(revision_id)},
            "problems": revision.problems,
            "tests": revision.test_run,
            "editable": actor().may(Permission.SCRIPTS_EDIT),
            "at": url_for("scripts.show", script_id=script_id),
        },
        elements=[[element.name, element.children, dict(element.attributes)] for element in outline()],
    )


@blueprint.get("/<int:script_id>/revisions/<int:revision_id>/export")
def export(script_id: int, revision_id: int) -> Response:
    script = scripts.get_script(reader(), actor(), script_id)
    revision = _revision(script_id, revision_id)
    name = "".join(letter if letter.isalnum() else "-" for letter in script.name).strip("-") or "script"
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}-{revision.number}.zip"}
    return Response(drafts.export(reader(), actor(), revision_id), content_type="application/zip", headers=headers)


@blueprint.post("/<int:script_id>/draft/save")
@needs(Permission.SCRIPTS_EDIT)
def save(script_id: int) -> AnyResponse | tuple[Response, int]:
    """Check the work, then keep it as a new draft; 409 with both sides where somebody else was faster."""
    asked = _asked()
    work = _work(script_id, asked)
    problems = drafts.read_problems(_run("check", _readable(work))["problems"])
    base, seen = int(asked["base"]), int(asked.get("seen") or 0)
    try:
        with writing() as session:
            kept = drafts.save(session, actor(), script_id, work, problems, seen, base)
    except drafts.Conflict as conflict:
        return jsonify(_conflict(script_id, conflict)), 409
    return jsonify(
        base=kept.id,
        number=kept.number,
        entry=kept.entry,
        problems=kept.problems,
        edit=url_for("scripts.edit", script_id=script_id, revision_id=kept.id),
        page=url_for("scripts.revision", script_id=script_id, revision_id=kept.id),
    )


@blueprint.post("/<int:script_id>/draft/check")
def check(script_id: int) -> Response:
    return jsonify(_run("check", _readable(_work(script_id, _asked()))))


@blueprint.post("/<int:script_id>/draft/draw")
def draw(script_id: int) -> Response:
    asked = _asked()
    made = _run("draw", {**_readable(_work(script_id, asked)), "coverage": asked.get("coverage") or {}})
    page = render_template("scripts/_graph.html", drawing=made["drawing"])
    return jsonify(html=page)


@blueprint.post("/<int:script_id>/draft/tests")
def run_tests(script_id: int) -> Response:
    """Run the unit tests; the results of a saved revision are kept with it."""
    asked = _asked()
    work = _work(script_id, asked)
    done = _run("test", _readable(work))
    kept = not drafts.read_changes(asked["changes"]).paths and bool(done["results"])
    if kept and actor().may(Permission.SCRIPTS_EDIT):
        with writing() as session:
            drafts.keep_test_run(session, actor(), int(asked["base"]), done["results"], done["coverage"])
    return jsonify(done)


@blueprint.post("/<int:script_id>/draft/tries")
def start_try(script_id: int) -> Response:
    asked = _asked()
    values = read_values(str(asked.get("values") or "")[:20_000])
    request_ = {**_readable(_work(script_id, asked)), "values": values}
    try:
        key, answer = _sandbox().start_try(_owner(), request_)
    except Overrun as error:
        raise Refused(str(error)) from error
    return jsonify({**answer, "key": key})


@blueprint.post("/<int:script_id>/draft/tries/<key>")
def act(script_id: int, key: str) -> Response:
    """What the caller does next; `close` ends the try-out."""
    scripts.get_script(reader(), actor(), script_id)
    asked = _asked()
    if asked.get("close"):
        _sandbox().end_try(_owner(), key)
        return jsonify(ended="closed", lines=[])
    wanted = {name: str(asked[name])[:most] for name, most in _ACTS.items() if asked.get(name)}
    if wanted.get("keys", "").strip("0123456789*#ABCDabcd"):
        raise Refused("keys: 0 to 9, * and #")
    try:
        return jsonify(_sandbox().act(_owner(), key, wanted))
    except Overrun as error:
        raise Refused(str(error)) from error


# --- what the requests have in common


def _asked() -> Mapping[str, Any]:
    loaded = request.get_json()
    return loaded if isinstance(loaded, dict) else abort(400)


def _work(script_id: int, asked: Mapping[str, Any]) -> drafts.Work:
    base = asked.get("base")
    if not isinstance(base, int):
        abort(400)
    _revision(script_id, base)
    return drafts.put_together(reader(), actor(), base, drafts.read_changes(asked.get("changes")))


def _readable(work: drafts.Work) -> dict[str, Any]:
    return {"files": wire.pack(work.readable()), "entry": work.entry}


def _run(job: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return _sandbox().run(job, asked)
    except Overrun as error:
        raise Refused(str(error)) from error


def _sandbox() -> Sandbox:
    return cast("Sandbox", current_app.extensions[EXTENSION])


def _owner() -> int:
    owner = actor().user_id
    return owner if owner is not None else abort(403)


def _revision(script_id: int, revision_id: int) -> ScriptRevision:
    found = scripts.get_revision(reader(), actor(), revision_id)
    return found if found.script_id == script_id else abort(404)


def _files(revision_id: int) -> list[Any]:
    return list(scripts.list_files(reader(), actor(), revision_id))


def _for_editor(path: str, body: bytes) -> dict[str, Any]:
    """Text where it can be edited as such; a document in another encoding would say it was in that one still."""
    try:
        return {"text": body.decode("utf-8")} if drafts.is_text(path) else {"size": len(body)}
    except UnicodeDecodeError:
        return {"size": len(body)}


def _conflict(script_id: int, conflict: drafts.Conflict) -> dict[str, Any]:
    return {
        "seen": conflict.newest_id,
        "number": conflict.number,
        "by": conflict.by,
        "at": conflict.at.isoformat(),
        "theirs": list(conflict.theirs),
        "both": list(conflict.both),
        "page": url_for("scripts.revision", script_id=script_id, revision_id=conflict.newest_id),
    }
