"""The part of a campaign's form that asks who answers: what follows, and the figures by which it is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wtforms import BooleanField, Field, FloatField, Form, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import NumberRange, Optional

from common.profiles import FIGURES, HUMAN_FIRST, Figure

_PREFIX = "figure_"
_PROFILES = {
    "human-first": "People first",
    "patient": "Patient: more machines known, people wait longer",
    "quick": "Quick: people with long greetings taken for machines",
}
_LONGEST_TIMEOUT = 60


class _FigureField(FloatField):
    """Empty for the profile's own; `bounds` says what else there may be."""

    def __init__(self, label: str, bounds: str, **rest: Any) -> None:
        super().__init__(label, **rest)
        self._bounds = bounds

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        try:
            super().process_formdata([value.replace(",", ".") for value in valuelist])
        except ValueError:
            raise ValueError(self._bounds) from None


def _field(name: str, figure: Figure) -> _FigureField:
    bounds = f"Give {figure.least:g} to {figure.most:g} {figure.unit}, or nothing."
    return _FigureField(
        f"{figure.label} ({figure.unit})",
        bounds,
        validators=[Optional(), NumberRange(figure.least, figure.most, bounds)],
        description=f"{figure.about} {figure.least:g} to {figure.most:g}.",
        render_kw={"inputmode": "decimal", "placeholder": f"{getattr(HUMAN_FIRST, name):g} in people first"},
    )


class AnswerFields(Form):
    classify = SelectField(
        "Who answers",
        choices=[
            SelectChoice("off", "Do not listen: everybody is a person"),
            SelectChoice("before", "Decide, then talk"),
            SelectChoice("background", "Talk, decide meanwhile"),
        ],
        default="off",
        description="People, machines, fax machines; before the answer, the network's tones.",
    )
    on_machine = SelectField(
        "When a machine answers",
        choices=[
            SelectChoice("hang_up", "Hang up"),
            SelectChoice("leave_message", "Speak after its beep"),
            SelectChoice("go_on", "Talk as to a person"),
        ],
        default="hang_up",
    )
    detect_silence = BooleanField(
        "Who says nothing is nobody",
        description="The call ends as SILENCE_DETECTED; otherwise silence counts as a person.",
    )
    profile = SelectField(
        "How it is told",
        choices=[SelectChoice(name, label) for name, label in _PROFILES.items()],
        default="human-first",
        description="In doubt it is a person.",
    )
    decide_within = _FigureField(
        "Decision at the latest (s)",
        f"Give more than 0 and at most {_LONGEST_TIMEOUT} s, or nothing.",
        validators=[
            Optional(),
            NumberRange(0.1, _LONGEST_TIMEOUT, f"Give 0.1 to {_LONGEST_TIMEOUT} s, or nothing."),
        ],
        description="Whoever talks on for so long counts as a person.",
        render_kw={"inputmode": "decimal", "placeholder": f"{HUMAN_FIRST.timeout:g}"},
    )

    @property
    def figures(self) -> Iterator[Field]:
        return (self[_PREFIX + name] for name in FIGURES)

    @property
    def tuned(self) -> bool:
        """Whether the figures are to be seen at once: one is set, or wrong."""
        return any(field.data is not None or field.errors for field in (self.decide_within, *self.figures))

    def answer(self) -> dict[str, Any]:
        """Fields of `common.classification.AnswerRules`; what is as usual is left out."""
        figures = {name: self[_PREFIX + name].data for name in FIGURES if self[_PREFIX + name].data is not None}
        chosen: dict[str, Any] = {
            "mode": self.classify.data,
            "on_machine": self.on_machine.data,
            "silence_detection": self.detect_silence.data,
        }
        if self.profile.data != "human-first":
            chosen["profile"] = self.profile.data
        if self.decide_within.data is not None:
            chosen["timeout"] = self.decide_within.data
        return chosen | ({"figures": figures} if figures else {})

    @staticmethod
    def answer_filled(answer: Mapping[str, Any]) -> dict[str, Any]:
        """As the form's data."""
        return {
            "classify": answer.get("mode", "off"),
            "on_machine": answer.get("on_machine", "hang_up"),
            "detect_silence": answer.get("silence_detection", False),
            "profile": answer.get("profile", "human-first"),
            "decide_within": answer.get("timeout"),
            **{_PREFIX + name: value for name, value in answer.get("figures", {}).items()},
        }


for _name, _known in FIGURES.items():
    setattr(AnswerFields, _PREFIX + _name, _field(_name, _known))
#: Names in refusals of the campaigns service, and the fields they are about.
BLAMED = {f"answer.figures.{name}": _PREFIX + name for name in FIGURES}
