from __future__ import annotations

from flask import current_app, g, render_template, request

from app.security.access import Permission
from app.services import reveals
from app.web.database import reader, writing
from app.web.panel.gate import area, needs
from app.web.viewer import actor
from common.errors import Refused
from common.setting_types import Reason
from common.settings import Settings

blueprint = area("reveal", __name__, "/reveal")
#: Seconds for which a value is shown.
SHOWN = 30


@blueprint.get("/<what>/<key>")
@needs(Permission.NUMBERS_REVEAL)
def ask(what: str, key: str) -> str:
    return _asking(what, key)


@blueprint.post("/<what>/<key>")
@needs(Permission.NUMBERS_REVEAL)
def show(what: str, key: str) -> str | tuple[str, int]:
    reason = request.form.get("reason", "")
    try:
        with writing() as session:
            found = reveals.reveal(session, actor(), what, key, reason, must_say=_must_say())
    except Refused as refused:
        # htmx shows what is wrong only where the answer is a success.
        page = _asking(what, key, str(refused).partition(": ")[2] or str(refused))
        return page if _is_fragment() else (page, 422)
    # The door masks everything but this one answer.
    g.reveals = True
    return render_template(_page("reveal/_shown.html"), what=what, key=key, found=found, seconds=SHOWN)


@blueprint.get("/<what>/<key>/hidden")
@needs(Permission.NUMBERS_REVEAL)
def hide(what: str, key: str) -> str:
    return render_template(
        "reveal/_hidden.html", what=what, key=key, value=reveals.masked(reader(), actor(), what, key)
    )


def _asking(what: str, key: str, problem: str = "") -> str:
    value = reveals.masked(reader(), actor(), what, key)
    return render_template(
        _page("reveal/_ask.html"), what=what, key=key, value=value, must_say=_must_say(), problem=problem
    )


def _page(fragment: str) -> str:
    """Without scripts the fragment is a page of its own."""
    g.fragment = fragment
    return fragment if _is_fragment() else "reveal/page.html"


def _is_fragment() -> bool:
    return request.headers.get("HX-Request") == "true"


def _must_say() -> bool:
    settings: Settings = current_app.config["CLARION"]
    return settings.web.reveal_reason is Reason.REQUIRED
