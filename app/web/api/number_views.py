"""How numbers are read, refused and dialled: dialing rules, reject patterns, opened ranges, formats of countries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from apiflask import APIBlueprint, Schema
from apiflask.fields import Boolean, Date, Integer, List, Nested, String
from apiflask.validators import Length, OneOf

from app.core.phone import NumberType, Written
from app.models import DialingRuleRow, NumberDefaultsRow, NumberFormatRow, OpenedRangeRow, RejectPatternRow
from app.security.access import NotFound
from app.services import dialing_rules, number_formats, refused_numbers
from app.services.dialing_rules import DialingRuleFields
from app.services.number_formats import NumberFormatFields
from app.services.refused_numbers import OpenedRangeFields, RejectPatternFields
from app.web.api.gate import actor, changing, writing_session
from app.web.api.views import REPEATABLE
from app.web.database import reader

blueprint = APIBlueprint("numbers", __name__, url_prefix="/api/v1/numbers", tag="Numbers")
_DOC: dict[str, Any] = {"security": "token", "responses": [401, 403, 422]}
_GONE: dict[str, Any] = {"security": "token", "responses": [204, 401, 403, 404], "description": REPEATABLE}
_COUNTRY = {"description": "Two letters, such as US; empty is every one"}


class DialingRule(Schema):
    """What is left out or empty matches every number."""

    name = String(required=True, validate=Length(1, 120))
    country = String(load_default="", metadata=_COUNTRY)
    prefix = String(load_default="", metadata={"description": "An area code, or + and the first digits"})
    type = String(load_default="", validate=OneOf(["", *NumberType]))
    trunk_id = Integer(load_default=None, allow_none=True)
    written = String(load_default=Written.E164.value, validate=OneOf([one.value for one in Written]))
    strip = Integer(load_default=0, metadata={"description": "How many digits are taken off in front"})
    strip_prefix = String(load_default="")
    prepend = String(load_default="")
    position = Integer(load_default=None, allow_none=True, metadata={"description": "The last if left out"})


class DialingRuleOut(DialingRule):
    id = Integer()


class DialingRulesOut(Schema):
    rules = List(Nested(DialingRuleOut))


class Move(Schema):
    up = Boolean(required=True)


class RejectPattern(Schema):
    pattern = String(required=True, validate=Length(1, 64), metadata={"description": "With * ? - [ ]"})
    country = String(load_default="", metadata=_COUNTRY)
    reason = String(load_default="")


class RejectPatternOut(RejectPattern):
    id = Integer()


class RejectPatternsOut(Schema):
    patterns = List(Nested(RejectPatternOut))


class OpenedRange(Schema):
    prefix = String(required=True, metadata={"description": "+ and the first digits, such as +1900"})
    last_day = Date(required=True, metadata={"description": "The last on which it is open, in UTC"})
    reason = String(required=True)


class OpenedRangeOut(Schema):
    id = Integer()
    prefix = String()
    last_day = String()
    reason = String()


class OpenedRangesOut(Schema):
    ranges = List(Nested(OpenedRangeOut))


class NumberFormat(Schema):
    lengths = String(load_default="", metadata={"description": "Such as 9, 10-11"})
    pad = Integer(load_default=0, metadata={"description": "Zeros are put back up to so many digits"})
    trunk_prefix = String(load_default="")
    local = String(load_default="", metadata={"description": "A line for each pattern and the digits before it"})


class NumberFormatOut(NumberFormat):
    country = String()


class FormatOut(NumberFormatOut):
    """Of the list; its path comes first in the description, where a schema has one place."""


class NumberFormatsOut(Schema):
    formats = List(Nested(FormatOut))


class Defaults(Schema):
    home_country = String(required=True, metadata={"description": "Of new lists and numbers without +; empty: none"})
    separator = String(required=True, metadata={"description": "Between country code and number; empty: none"})


@blueprint.post("/dialing-rules")
@blueprint.input(DialingRule, arg_name="body")
@blueprint.output(DialingRuleOut, status_code=201)
@blueprint.doc(summary="Add a dialing rule", description=f"Holds from the next call on. {REPEATABLE}", **_DOC)
@changing
def add_rule(body: dict[str, Any]) -> tuple[int, Any]:
    return 201, _rule(dialing_rules.add_dialing_rule(writing_session(), actor(), DialingRuleFields(**body)))


@blueprint.get("/dialing-rules")
@blueprint.output(DialingRulesOut)
@blueprint.doc(summary="Dialing rules, in their order", **_DOC)
def show_rules() -> dict[str, Any]:
    return {"rules": [_rule(row) for row in dialing_rules.list_dialing_rules(reader(), actor())]}


@blueprint.post("/dialing-rules/<int:rule_id>/move")
@blueprint.input(Move, arg_name="body")
@blueprint.doc(summary="Let a dialing rule change places with its neighbour", **_GONE)
@changing
def move_rule(rule_id: int, body: dict[str, Any]) -> tuple[int, Any]:
    dialing_rules.move_dialing_rule(writing_session(), actor(), rule_id, up=body["up"])
    return 204, None


@blueprint.delete("/dialing-rules/<int:rule_id>")
@blueprint.doc(summary="Delete a dialing rule", **_GONE)
@changing
def delete_rule(rule_id: int) -> tuple[int, Any]:
    dialing_rules.delete_dialing_rule(writing_session(), actor(), rule_id)
    return 204, None


@blueprint.post("/reject-patterns")
@blueprint.input(RejectPattern, arg_name="body")
@blueprint.output(RejectPatternOut)
@blueprint.doc(
    summary="Refuse numbers of a pattern",
    description=f"One that is there gets the reason given. Holds from the next dial on. {REPEATABLE}", **_DOC,
)  # fmt: skip
@changing
def put_pattern(body: dict[str, Any]) -> tuple[int, Any]:
    fields = RejectPatternFields(**body)
    return 200, _pattern(refused_numbers.put_reject_pattern(writing_session(), actor(), fields))


@blueprint.get("/reject-patterns")
@blueprint.output(RejectPatternsOut)
@blueprint.doc(summary="Patterns of numbers that are refused", **_DOC)
def show_patterns() -> dict[str, Any]:
    return {"patterns": [_pattern(row) for row in refused_numbers.list_reject_patterns(reader(), actor())]}


@blueprint.delete("/reject-patterns/<int:pattern_id>")
@blueprint.doc(summary="Refuse numbers of a pattern no more", **_GONE)
@changing
def delete_pattern(pattern_id: int) -> tuple[int, Any]:
    refused_numbers.delete_reject_pattern(writing_session(), actor(), pattern_id)
    return 204, None


@blueprint.post("/opened-ranges")
@blueprint.input(OpenedRange, arg_name="body")
@blueprint.output(OpenedRangeOut)
@blueprint.doc(
    summary="Open a range for a time", description=f"One that is open gets another end. {REPEATABLE}", **_DOC
)
@changing
def open_range(body: dict[str, Any]) -> tuple[int, Any]:
    return 200, _range(refused_numbers.open_range(writing_session(), actor(), OpenedRangeFields(**body)))


@blueprint.get("/opened-ranges")
@blueprint.output(OpenedRangesOut)
@blueprint.doc(summary="Ranges that are dialled though their kind never is", **_DOC)
def show_ranges() -> dict[str, Any]:
    return {"ranges": [_range(row) for row in refused_numbers.list_opened_ranges(reader(), actor())]}


@blueprint.delete("/opened-ranges/<int:range_id>")
@blueprint.doc(summary="Close a range", **_GONE)
@changing
def close_range(range_id: int) -> tuple[int, Any]:
    refused_numbers.close_range(writing_session(), actor(), range_id)
    return 204, None


@blueprint.put("/formats/<country>")
@blueprint.input(NumberFormat, arg_name="body")
@blueprint.output(NumberFormatOut)
@blueprint.doc(
    summary="Say how numbers of a country are written",
    description=f"What was said before is replaced; numbers that lists have stay. {REPEATABLE}", **_DOC,
)  # fmt: skip
@changing
def put_format(country: str, body: dict[str, Any]) -> tuple[int, Any]:
    fields = NumberFormatFields(country, **body)
    return 200, _format(number_formats.put_number_format(writing_session(), actor(), fields))


@blueprint.get("/formats")
@blueprint.output(NumberFormatsOut)
@blueprint.doc(summary="How numbers of countries are written", **_DOC)
def show_formats() -> dict[str, Any]:
    return {"formats": [_format(row) for row in number_formats.list_number_formats(reader(), actor())]}


@blueprint.delete("/formats/<country>")
@blueprint.doc(summary="Forget how numbers of a country are written", **_GONE)
@changing
def delete_format(country: str) -> tuple[int, Any]:
    session, wanted = writing_session(), country.upper()
    found = [row for row in number_formats.list_number_formats(session, actor()) if row.country == wanted]
    if not found:
        raise NotFound(f"format {wanted[:8]}: there is none")
    number_formats.delete_number_format(session, actor(), found[0].id)
    return 204, None


@blueprint.put("/defaults")
@blueprint.input(Defaults, arg_name="body")
@blueprint.output(Defaults)
@blueprint.doc(summary="Say what holds for numbers of all countries", description=REPEATABLE, **_DOC)
@changing
def put_defaults(body: dict[str, Any]) -> tuple[int, Any]:
    return 200, _defaults(number_formats.put_number_defaults(writing_session(), actor(), **body))


@blueprint.get("/defaults")
@blueprint.output(Defaults)
@blueprint.doc(summary="What holds for numbers of all countries", **_DOC)
def show_defaults() -> dict[str, Any]:
    found = number_formats.list_number_defaults(reader(), actor())
    return _defaults(found[0]) if found else {"home_country": "", "separator": ""}


def _rule(row: DialingRuleRow) -> dict[str, Any]:
    names = ("id", *DialingRuleFields.__dataclass_fields__)
    return {name: getattr(row, name) for name in names}


def _pattern(row: RejectPatternRow) -> dict[str, Any]:
    return {"id": row.id, "pattern": row.pattern, "country": row.country, "reason": row.reason}


def _range(row: OpenedRangeRow) -> dict[str, Any]:
    last_day = (row.until - timedelta(days=1)).date().isoformat()
    return {"id": row.id, "prefix": row.prefix, "last_day": last_day, "reason": row.reason}


def _format(row: NumberFormatRow) -> dict[str, Any]:
    local = "\n".join(" ".join(line) for line in row.local)
    values = {name: getattr(row, name) for name in ("country", "lengths", "pad", "trunk_prefix")}
    return {**values, "local": local}


def _defaults(row: NumberDefaultsRow) -> dict[str, str]:
    return {"home_country": row.home_country, "separator": row.separator}
