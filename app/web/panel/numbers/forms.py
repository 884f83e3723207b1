from __future__ import annotations

from typing import ClassVar

from wtforms import DateField, IntegerField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from app.core.phone import SEPARATORS, Written
from app.services.dialing_rules import DialingRuleFields
from app.services.number_formats import NumberFormatFields
from app.services.refused_numbers import OpenedRangeFields, RejectPatternFields
from app.web.panel.owned import OwnedForm
from app.web.words import TYPE_WORDS

WRITTEN_WORDS = {
    Written.E164.value: "International, with +",
    Written.DIGITS.value: "International, without +",
    Written.NATIONAL.value: "National, as in its own country",
    Written.SIGNIFICANT.value: "National, without the leading 0",
    Written.FROM_TRUNK.value: "As from the trunk's country",
}
_LITERAL = {"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}


class TryForm(OwnedForm):
    elsewhere: ClassVar[dict[str, str]] = {"organization": "trunk_id"}

    number = StringField(
        "Number", [InputRequired("Give a number."), Length(max=60)], description="As a file may have it.",
        render_kw={**_LITERAL, "inputmode": "tel"},
    )  # fmt: skip
    home_country = StringField(
        "Home country", [Optional(), Length(2, 2, "Write two letters, such as US.")], description="Of one without +."
    )
    trunk_id = SelectField("Trunk", coerce=int)
    pattern = StringField(
        "And a pattern",
        [Optional(), Length(max=60)],
        description="Would it refuse the number? Such as 900*.",
        render_kw=_LITERAL,
    )


class DialingForm(OwnedForm):
    name = StringField(
        "Name", [InputRequired("Give the rule a name."), Length(max=120)], description="Calls are told by it."
    )
    trunk_id = SelectField("Trunk", coerce=int, default=0)
    country = StringField(
        "Country",
        [Optional(), Length(2, 2, "Write two letters, such as US.")],
        description="Of the number; empty: any.",
    )
    prefix = StringField(
        "Begins with",
        [Optional(), Length(max=16)],
        description="An area code such as 212, or +4420.",
        render_kw=_LITERAL,
    )
    type = SelectField(
        "Kind of number",
        choices=[SelectChoice("", "Any"), *(SelectChoice(name, words) for name, words in TYPE_WORDS.items())],
    )
    written = SelectField(
        "Write it", choices=[SelectChoice(name, words) for name, words in WRITTEN_WORDS.items()], default=Written.E164
    )
    strip = IntegerField(
        "Take off digits",
        [Optional(), NumberRange(0, 15, "Give a whole number from 0 to 15.")],
        default=0,
        description="How many, from the front.",
    )
    strip_prefix = StringField(
        "Then take off",
        [Optional(), Length(max=16)],
        description="Where it begins so. +1212555 leaves the extensions of an exchange.",
        render_kw=_LITERAL,
    )
    prepend = StringField(
        "Put before it", [Optional(), Length(max=16)], description="Digits, * and #: 9, *67, 1234#.", render_kw=_LITERAL
    )

    def values(self) -> DialingRuleFields:
        return DialingRuleFields(
            self.name.data or "",
            self.country.data or "",
            self.prefix.data or "",
            self.type.data,
            self.trunk_id.data or None,
            self.written.data,
            self.strip.data or 0,
            self.strip_prefix.data or "",
            self.prepend.data or "",
        )


class PatternForm(OwnedForm):
    elsewhere: ClassVar[dict[str, str]] = {"name": "pattern"}

    pattern = StringField(
        "Pattern",
        [InputRequired("Give the pattern."), Length(max=60)],
        description="Of the number without its country code, or with + of the whole: 900*, *0000000*, +1212555????. "
        "* any digits, ? one, [2-9] one of those, 100-199 a range.",
        render_kw=_LITERAL,
    )
    country = StringField(
        "Country",
        [Optional(), Length(2, 2, "Write two letters, such as US.")],
        description="Of the number; empty: any.",
    )
    reason = StringField(
        "Reason", [Optional(), Length(max=255)], description="Stands in the error file beside each number."
    )

    def values(self) -> RejectPatternFields:
        return RejectPatternFields(self.pattern.data or "", self.reason.data or "", self.country.data or "")


class RangeForm(OwnedForm):
    elsewhere: ClassVar[dict[str, str]] = {"name": "prefix"}

    prefix = StringField(
        "Numbers that begin with",
        [InputRequired("Give the first digits."), Length(max=16)],
        description="Such as +1900 or +881.",
        render_kw=_LITERAL,
    )
    last_day = DateField("Until", [InputRequired("Choose the last day.")], description="The last day, in UTC.")
    reason = StringField("Reason", [InputRequired("Say why."), Length(max=255)], description="Kept in the audit trail.")

    def values(self) -> OpenedRangeFields:
        assert self.last_day.data is not None
        return OpenedRangeFields(self.prefix.data or "", self.last_day.data, self.reason.data or "")


class FormatForm(OwnedForm):
    elsewhere: ClassVar[dict[str, str]] = {"name": "country"}

    country = StringField(
        "Country", [InputRequired("Give the country."), Length(2, 2, "Write two letters, such as US.")]
    )
    lengths = StringField(
        "Digits",
        [Optional(), Length(max=60)],
        description="Without country code and leading 0; 9 or 10-11. Numbers of other lengths are refused.",
        render_kw=_LITERAL,
    )
    pad = IntegerField(
        "Put zeros back up to",
        [Optional(), NumberRange(0, 15, "Give a whole number from 0 to 15.")],
        default=0,
        description="Digits as dialled there: spreadsheets lose zeros.",
    )
    trunk_prefix = StringField(
        "Prefix that people write",
        [Optional(), Length(max=8)],
        description="Besides the country's own: 9 for an outside line.",
        render_kw=_LITERAL,
    )
    local = TextAreaField(
        "Local numbers",
        [Optional(), Length(max=2000)],
        description="A line each: a pattern, and the digits before it. [2-9]?????? 212 makes 5550123 to 2125550123.",
        render_kw={"rows": 3, **_LITERAL},
    )

    def values(self) -> NumberFormatFields:
        return NumberFormatFields(
            self.country.data or "",
            self.lengths.data or "",
            self.pad.data or 0,
            self.trunk_prefix.data or "",
            self.local.data or "",
        )


class DefaultsForm(OwnedForm):
    elsewhere: ClassVar[dict[str, str]] = {"name": "home_country"}

    home_country = StringField(
        "Home country",
        [Optional(), Length(2, 2, "Write two letters, such as US.")],
        description="Of new lists; a list or a file may have another.",
    )
    separator = SelectField(
        "Between country code and number",
        choices=[SelectChoice("", "Nothing"), *(SelectChoice(sign, sign) for sign in SEPARATORS)],
        description="With #, a file may have 44#2079460958, and #2079460958 at home.",
    )
