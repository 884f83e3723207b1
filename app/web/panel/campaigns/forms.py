from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from app.models import Campaign
from app.services.campaigns import PACING_PERIODS, CampaignFields
from app.services.choices import Choice, Choices
from app.web.panel.campaigns.answers import BLAMED, AnswerFields

_CALLER_ID_HELP = "What people see, and call back: + and the number, such as +15550100000."
_MESSAGE_HELP = "Contact attributes in braces, with words for when one is missing: Hello {first_name|there}."
#: Names in refusals of the campaigns service, where they are not the form's.
_SHARING = ("priority", "weight", "reserved", "minimum", "maximum")
_PACING = {f"pacing {name}": name for name in ("ports", "rate", *_SHARING)}
_FIELDS = _PACING | BLAMED
_ONLY_NUMBERS = "Give a whole number of 1 or more."


class CampaignForm(AnswerFields, FlaskForm):
    name = StringField("Name", [InputRequired("Give the campaign a name."), Length(max=120)])
    contact_list_id = SelectField("Contact list", coerce=int, description="Who is to be reached.")
    filter_id = SelectField(
        "Filter", coerce=int, default=0, description="Who of the list, and in which order. Jobs take it as it is then."
    )
    strategy_id = SelectField(
        "Strategy", coerce=int, description="When to try again, by which address and channel, and when to give up."
    )
    says = RadioField(
        "What is said when somebody answers",
        choices=[SelectChoice("script", "A script"), SelectChoice("message", "A spoken message")],
        default="script",
    )
    script_id = SelectField("Script", coerce=int)
    message = TextAreaField("Message", [Optional(), Length(max=4000)], description=_MESSAGE_HELP, render_kw={"rows": 4})
    trunk_id = SelectField("Trunk", coerce=int, description="Where calls leave.")
    calling_window_id = SelectField(
        "Calling window", coerce=int, description="When people may be called, each in their own time zone."
    )
    caller_id = StringField(
        "Caller ID", [InputRequired("Give the number that people see."), Length(max=32)], description=_CALLER_ID_HELP
    )
    display_name = StringField(
        "Display name",
        [Optional(), Length(max=64)],
        description="Shown beside the number where the network carries it.",
    )
    asserted = StringField(
        "Asserted identity",
        [Optional(), Length(max=32)],
        description="The number the carrier knows you by, where it is not the caller ID (P-Asserted-Identity).",
    )
    diversion = StringField(
        "On behalf of", [Optional(), Length(max=32)], description="For whom the call is made (Diversion)."
    )
    user_to_user = StringField(
        "User-to-user information", [Optional(), Length(max=128)], description="For the called party's system."
    )
    private = BooleanField(
        "Withhold the number",
        description="From the called person, not from the carrier. Many laws forbid it to callers.",
    )
    pacing = RadioField(
        "Pacing",
        choices=[
            SelectChoice("ports", "A number of calls at a time"),
            SelectChoice("timed", "A number of attempts in a time"),
            SelectChoice("none", "As fast as trunk and media servers allow"),
        ],
        default="ports",
    )
    ports = IntegerField("Calls at a time", [Optional(), NumberRange(1, 10000, _ONLY_NUMBERS)], default=10)
    rate = IntegerField("Attempts", [Optional(), NumberRange(1, 1_000_000, _ONLY_NUMBERS)], default=1)
    per = SelectField("in each", choices=[SelectChoice(period) for period in PACING_PERIODS])
    priority = IntegerField(
        "Priority", [Optional(), NumberRange(0, 9, _ONLY_NUMBERS)], default=0, description="A higher one goes first."
    )
    weight = IntegerField(
        "Weight",
        [Optional(), NumberRange(1, 1000, _ONLY_NUMBERS)],
        default=1,
        description="Its part among jobs of the same priority.",
    )
    reserved = IntegerField(
        "Ports kept for it",
        [Optional(), NumberRange(0, 10000, _ONLY_NUMBERS)],
        default=0,
        description="Free even while it does not use them.",
    )
    minimum = IntegerField(
        "Ports it gets first",
        [Optional(), NumberRange(0, 10000, _ONLY_NUMBERS)],
        default=0,
        description="Before weights count; others have them while it does not call.",
    )
    maximum = IntegerField(
        "Ports at the most", [Optional(), NumberRange(0, 10000, _ONLY_NUMBERS)], default=0, description="0: no limit."
    )
    sms_sender = StringField(
        "SMS sender", [Optional(), Length(max=32)], description="Empty takes the one from the settings."
    )
    email_sender = StringField(
        "Email sender", [Optional(), Length(max=254)], description="Empty takes the one from the settings."
    )

    consent_purpose = StringField(
        "Consent needed for",
        [Optional(), Length(max=64)],
        description="Such as marketing: only people who have allowed it, by the channel used. Empty asks for none.",
    )

    def offer(self, choices: Choices) -> None:
        self.contact_list_id.choices = _options(choices.contact_lists)
        self.filter_id.choices = [SelectChoice("0", "Everybody, as they came"), *_options(choices.filters)]
        self.strategy_id.choices = _options(choices.strategies)
        self.script_id.choices = _options(choices.scripts)
        self.trunk_id.choices = _options(choices.trunks)
        self.calling_window_id.choices = _options(choices.calling_windows)
        # A script is chosen only where one is used; without any, the list is empty and that is fine.
        self.script_id.validate_choice = self.says.data == "script"

    def values(self) -> CampaignFields:
        pacing: dict[str, Any] = {"mode": self.pacing.data}
        if self.pacing.data == "ports":
            pacing["ports"] = self.ports.data
        if self.pacing.data == "timed":
            pacing |= {"rate": self.rate.data, "per": self.per.data}
        pacing |= {name: self[name].data or int(name == "weight") for name in _SHARING}
        senders = {"sms": self.sms_sender.data or "", "email": self.email_sender.data or ""}
        speaks = self.says.data == "message"
        return CampaignFields(
            name=self.name.data,
            contact_list_id=self.contact_list_id.data,
            filter_id=self.filter_id.data or None,
            strategy_id=self.strategy_id.data,
            calling_window_id=self.calling_window_id.data,
            trunk_id=self.trunk_id.data,
            caller_id=self.caller_id.data,
            script_id=None if speaks else self.script_id.data,
            display_name=self.display_name.data or "",
            asserted=self.asserted.data or "",
            private=self.private.data,
            diversion=self.diversion.data or "",
            user_to_user=self.user_to_user.data or "",
            answer=self.answer(),
            message=(self.message.data or "") if speaks else "",
            pacing=pacing,
            consent_purpose=self.consent_purpose.data or "",
            senders={channel: sender.strip() for channel, sender in senders.items() if sender.strip()},
        )

    def blame(self, problem: str) -> None:
        """Show a service's refusal ("field: mend") at its field, else at the name; other fields by their labels."""
        name = problem.partition(":")[0]
        field = self._fields.get(_FIELDS.get(name, name), self.name)
        words = problem.partition(": ")[2] or problem
        for known, other in _PACING.items():
            words = words.replace(known, f"“{self[other].label.text}”")
        field.errors = [*field.errors, words]

    @staticmethod
    def filled(campaign: Campaign) -> dict[str, Any]:
        """The campaign as the form's data."""
        pacing = campaign.pacing
        return {
            **{name: getattr(campaign, name) for name in _SAME},
            **{name: campaign.identity.get(name) for name in ("asserted", "private", "diversion", "user_to_user")},
            **AnswerFields.answer_filled(campaign.answer),
            "filter_id": campaign.filter_id or 0,
            "says": "message" if campaign.script_id is None else "script",
            "pacing": pacing.get("mode", "none"),
            "ports": pacing.get("ports", 10),
            "rate": pacing.get("rate", 1),
            "per": pacing.get("per", "second"),
            "priority": pacing.get("priority", 0),
            "weight": int(pacing.get("weight", 1)),
            **{name: pacing.get(name, 0) for name in ("reserved", "minimum", "maximum")},
            "sms_sender": campaign.senders.get("sms", ""),
            "email_sender": campaign.senders.get("email", ""),
        }


#: Fields that are the campaign's columns as they are.
_SAME = (
    "name",
    "contact_list_id",
    "strategy_id",
    "script_id",
    "message",
    "trunk_id",
    "calling_window_id",
    "caller_id",
    "display_name",
    "consent_purpose",
)


def _options(choices: Sequence[Choice]) -> list[SelectChoice]:
    return [SelectChoice(str(choice.id), choice.label) for choice in choices]
