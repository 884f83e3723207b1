"""Forms of things that belong to an organization: who it belongs to, and refusals shown at their fields."""

from __future__ import annotations

from typing import ClassVar

from flask_wtf import FlaskForm
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice

from app.services.organizations import list_organizations
from app.web.database import reader
from app.web.viewer import actor


class OwnedForm(FlaskForm):
    organization_id = SelectField(
        "Organization", coerce=int, description="Who it belongs to; it cannot be moved later."
    )

    #: Beginnings of a service's refusal that are no field's name, and the field they belong to.
    elsewhere: ClassVar[dict[str, str]] = {}

    def offer_organizations(self, *, common: str = "") -> None:
        """`common` names the choice of belonging to nobody in particular; only global actors may take it."""
        rows = [SelectChoice(str(row.id), row.name) for row in list_organizations(reader(), actor())]
        if common and actor().organization_id is None:
            rows.insert(0, SelectChoice("0", common))
        self.organization_id.choices = rows
        self.organization_id.validate_choice = self.asks_organization

    @property
    def asks_organization(self) -> bool:
        return len(self.organization_id.choices or ()) > 1

    @property
    def owner(self) -> int | None:
        """The organization chosen; None where there is no choice, or for a common thing."""
        return (self.organization_id.data or None) if self.asks_organization else None

    def blame(self, problem: str) -> None:
        """Show a refusal ("field: mend") at its field, else at the name."""
        name, _, mend = problem.partition(": ")
        field = self._fields.get(self.elsewhere.get(name, name))
        if field is None:
            field, mend = self._fields["name"], problem
        field.errors = [*field.errors, mend[:1].upper() + mend[1:]]


def organization_names() -> dict[int | None, str]:
    """Names by id where several organizations are seen; empty where naming one says nothing."""
    rows = list_organizations(reader(), actor())
    return {row.id: row.name for row in rows} if len(rows) > 1 else {}
