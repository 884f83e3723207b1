from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from common.logging import configure, mask_value
from common.settings import LogFormat, LogSettings


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield io.StringIO()
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("dialling +12025550123 now", "dialling +1202*****23 now"),
        ("card 4111 1111 1111 1111 typed", "card **************** typed"),
        ("card 4111111111111111", "card ****************"),
        ("mail to anna.smith@example.org failed", "mail to a***@example.org failed"),
        ("GET /vxml/s/IjAxYWJjIg.Zx12.abcdef/notice.vxml", "GET /vxml/s/IjAxYW.../notice.vxml"),
        ("GET /vxml/t/IjAxYWJjIg.Zx12.abcdef/main.vxml", "GET /vxml/t/IjAxYW.../main.vxml"),
        ("POST /u/WzEsImVtYWls.sig", "POST /u/WzEsIm..."),
        ("attempt 01jd3k8zq2m4x7 ended", "attempt 01jd3k8zq2m4x7 ended"),
    ],
)
def test_masks_personal_data_in_free_text(text: str, masked: str) -> None:
    assert mask_value(text) == masked


def test_masks_whatever_way_a_number_comes(stream: io.StringIO) -> None:
    configure(LogSettings("INFO", LogFormat.JSON), stream)
    log = structlog.get_logger()
    log.info("call.started", to="+12025550123", values={"phone": ["2025550123"]}, dtmf="4111", password="x")
    log.info("to +12025550123")
    logging.getLogger("some.library").warning("number %s", "+12025550123")
    assert "55501" not in stream.getvalue()
    first = lines(stream)[0]
    assert first["to"] == "+1202*****23"
    assert first["dtmf"] == first["password"] == "********"
    assert first["level"] == "info"
    assert first["event"] == "call.started"


def test_masks_inside_tracebacks(stream: io.StringIO) -> None:
    configure(LogSettings("INFO", LogFormat.JSON), stream)
    try:
        raise ValueError("no route to +12025550123")
    except ValueError:
        structlog.get_logger().exception("call.failed")
    assert "+12025550123" not in stream.getvalue()
    assert "ValueError" in stream.getvalue()


def test_leaves_out_what_is_below_the_level(stream: io.StringIO) -> None:
    configure(LogSettings("WARNING", LogFormat.TEXT), stream)
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud", job=7)
    text = stream.getvalue()
    assert "quiet" not in text
    assert "event=loud" in text
    assert "job=7" in text
