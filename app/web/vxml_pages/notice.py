"""The built-in application: speaks the campaign's message with the contact's attributes in it, and offers it again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from html import escape
from typing import Any

from sqlalchemy import Engine, bindparam, select

from app.core.strategy.text import render
from app.models import Attempt, AttemptState, Contact, Job
from app.web.vxml_pages.direct import DirectQuery, from_json
from common.errors import Refused

# One indexed look-up a page: this is the path that must hold thousands of pages a second.
_CALL = (
    select(
        Attempt.job_id,
        Contact.external_id,
        Contact.first_name,
        Contact.last_name,
        Contact.language,
        Contact.attributes,
    )
    .join(Contact, Contact.id == Attempt.contact_id)
    .where(Attempt.id == bindparam("attempt_id"), Attempt.state == AttemptState.IN_PROGRESS)
)
_SETTINGS = select(Job.settings).where(Job.id == bindparam("job_id"))
_KEPT_MESSAGES = 1024

#: "To hear this again, press 1" and the farewell, by language; others get English where the voice has no better.
_PHRASES: Mapping[str, tuple[str, str]] = {
    "en": ("To hear this message again, press 1.", "Goodbye."),
    "es": ("Para escuchar este mensaje otra vez, pulse 1.", "Adiós."),
    "fr": ("Pour réécouter ce message, appuyez sur 1.", "Au revoir."),
    "de": ("Um diese Nachricht noch einmal zu hören, drücken Sie die 1.", "Auf Wiederhören."),
    "it": ("Per riascoltare questo messaggio, prema 1.", "Arrivederci."),
    "pt": ("Para ouvir esta mensagem novamente, pressione 1.", "Adeus."),
}
_PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml" xml:lang="%(language)s">
  <var name="repeats" expr="0"/>
  <form id="notice">
    <field name="again" type="digits?length=1">
      <property name="timeout" value="4s"/>
      <prompt bargein="true">%(message)s <break time="400ms"/> %(again)s</prompt>
      <noinput><goto next="#end"/></noinput>
      <nomatch><goto next="#end"/></nomatch>
      <filled>
        <if cond="again == '1' &amp;&amp; repeats &lt; 3">
          <assign name="repeats" expr="repeats + 1"/>
          <clear namelist="again"/>
        <else/>
          <goto next="#end"/>
        </if>
      </filled>
    </field>
  </form>
  <form id="end">
    <block>
      <prompt bargein="false">%(farewell)s</prompt>
      <exit namelist="repeats"/>
    </block>
  </form>
</vxml>
"""


class NoticePages:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._call = DirectQuery(engine, _CALL)
        self._message_of = lru_cache(maxsize=_KEPT_MESSAGES)(self._read_message)

    def page(self, attempt_id: str) -> str | None:
        """The document for this call; None where the attempt is unknown or over."""
        row = self._call.first(attempt_id=attempt_id)
        if row is None:
            return None
        job_id, external_id, first_name, last_name, language, attributes = row
        message, hidden = self._message_of(job_id)
        values: dict[str, Any] = {
            **{name: value for name, value in from_json(attributes).items() if name not in hidden},
            "id": external_id,
            "first_name": first_name,
            "last_name": last_name,
            "language": language,
        }
        return notice(message, language or "en-US", values)

    def _read_message(self, job_id: int) -> tuple[str, frozenset[str]]:
        """With what a list's owner keeps private. A job's settings never change, so they are read once."""
        with self._engine.connect() as connection:
            settings = connection.execute(_SETTINGS, {"job_id": job_id}).scalar_one()
        message = str(settings.get("message", ""))
        if not message:
            raise Refused(f"job {job_id}: its campaign has no message to speak")
        return message, frozenset(settings.get("hidden_attributes", ()))


def notice(message: str, language: str, values: Mapping[str, Any]) -> str:
    """The document that speaks `message` filled in with `values`; everything in them is text, never markup."""
    again, farewell = _PHRASES.get(language[:2].lower(), _PHRASES["en"])
    return _PAGE % {
        "language": escape(language),
        "message": escape(render(message, values), quote=False),
        "again": again,
        "farewell": farewell,
    }
