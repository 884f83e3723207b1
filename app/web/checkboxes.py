"""Several of a few choices, each a checkbox, in groups: a list of many lines asks for keys that few people know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wtforms import SelectMultipleField
from wtforms.fields.choices import SelectChoice


class CheckboxesField(SelectMultipleField):
    """`groups` are choices by the words above them; the macro `field` draws them."""

    def __init__(
        self,
        label: str,
        validators: Sequence[Any],
        groups: Mapping[str, Sequence[SelectChoice]],
        **kwargs: Any,
    ) -> None:
        self._groups = groups
        choices = [choice for each in groups.values() for choice in each]
        super().__init__(label, validators, choices=choices, **kwargs)

    def grouped(self) -> Iterator[tuple[str, list[tuple[str, str, bool]]]]:
        """Of each group the words, and of its choices value, words, and whether it is chosen."""
        chosen = set(self.data or ())
        for title, choices in self._groups.items():
            yield title, [(choice.value, choice.label, choice.value in chosen) for choice in choices]
