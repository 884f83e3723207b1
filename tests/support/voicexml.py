"""Talking to a VoiceXML session in tests: pages as text, keys as a string."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urljoin

from vxml import Limits, SessionConfig
from vxml.interpreter.platform_objects import PlatformObject
from vxml.messages import Input
from vxml.text import Silence, Transcript, from_mapping, keys, run_text

BASE = "http://app.example/pages/"
START = BASE + "start.vxml"


def page(body: str, attributes: str = "") -> str:
    return f'<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml" xml:lang="en-US" {attributes}>\n{body}\n</vxml>'


def talk(
    body: str,
    script: str | Iterable[Input | Silence] = "",
    *,
    pages: Mapping[str, str | bytes] | None = None,
    values: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    recognizer: bool = False,
    transfers: Iterable[str] = (),
    objects: Mapping[str, PlatformObject] | None = None,
    attributes: str = "",
) -> Transcript:
    """Run the document whose content is `body`. `pages` are further documents by name below the same folder."""
    served: dict[str, str | bytes] = {START: page(body, attributes)}
    served |= {urljoin(BASE, name): content for name, content in (pages or {}).items()}
    config = SessionConfig(
        START,
        values or {},
        limits=limits or Limits(),
        recognizer=recognizer,
        transfers=frozenset(transfers),
        objects=objects or {},
    )
    inputs = keys(script) if isinstance(script, str) else script
    return run_text(config, from_mapping(served), inputs)


def exit_values(transcript: Transcript) -> dict[str, Any]:
    assert transcript.ended is not None, str(transcript)
    return dict(transcript.ended.values)
