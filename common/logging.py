"""Logging: structured key=value or JSON lines on standard error, masked before they are written.

Call `configure` once at the start of a process; everything else says `structlog.get_logger()`.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from common.masking import mask_email, mask_number, mask_text
from common.settings import LogFormat, LogSettings

_NUMBER_KEYS = frozenset({"number", "phone", "to", "sender", "caller_id", "address"})
_SECRET_KEYS = frozenset({"password", "token", "auth_token", "secret", "secret_key", "authorization", "cookie", "dtmf"})
#: 13 to 19 digits, also in groups: a payment card, whatever else it may be.
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")
#: Signed addresses open what they name, so the signature stays out of logs.
_SIGNED = re.compile(r"(/(?:vxml/[rst]|u)/)([\w.~-]{6})[\w.~-]+")


def mask_value(value: str) -> str:
    """Free text with card numbers, emails, phone numbers and signed addresses masked."""
    value = _SIGNED.sub(r"\1\2...", value)
    value = _EMAIL.sub(lambda match: mask_email(match.group()), value)
    value = _CARD.sub("*" * 16, value)
    return mask_text(value)


def mask_personal_data(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The processor: every string of an event is masked, those under telling keys as a whole."""
    return {key: _mask(key, value) for key, value in event.items()}


def _mask(key: str, value: Any) -> Any:
    if key.lower() in _SECRET_KEYS and value:
        return "********"
    if isinstance(value, str):
        if key in _NUMBER_KEYS and value.removeprefix("+").isdigit():
            return mask_number(value)
        return mask_value(value)
    if isinstance(value, Mapping):
        return {name: _mask(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [_mask(key, inner) for inner in value]
    return value


def configure(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send structlog's and the standard library's records through the same masked formatter."""
    level = logging.getLevelNamesMapping()[settings.level]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = structlog.processors.LogfmtRenderer(key_order=["at", "level", "event"], bool_as_flag=False)
    if settings.format is LogFormat.JSON:
        renderer = structlog.processors.JSONRenderer()
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, mask_personal_data, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for noisy in ("asyncio", "sqlalchemy", "alembic", "aiohttp.access", "urllib3", "PIL", "twilio"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
