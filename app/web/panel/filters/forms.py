from __future__ import annotations

from wtforms import StringField
from wtforms.validators import InputRequired, Length, Optional

from app.web.panel.organization import OrganizationForm


class FilterForm(OrganizationForm):
    name = StringField("Name", [InputRequired("Give the filter a name."), Length(max=120)])
    description = StringField("Description", [Optional(), Length(max=255)])

    def blame(self, problem: str) -> None:
        self.name.errors = [*self.name.errors, problem.partition(": ")[2] or problem]
