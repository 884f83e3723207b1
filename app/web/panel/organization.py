"""Which organization a new thing is for: asked only of those who see several."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice

from app.services.organizations import list_organizations
from app.web.database import reader
from app.web.viewer import actor


class OrganizationForm(FlaskForm):
    """A form whose organization field is there only where there is a choice."""

    organization_id = SelectField("Organization", coerce=int, description="Whose it is; it cannot be changed later.")

    def offer_organizations(self) -> None:
        """Call it before validating."""
        rows = list_organizations(reader(), actor())
        if actor().organization_id is None and len(rows) > 1:
            self.organization_id.choices = [SelectChoice(str(row.id), row.name) for row in rows]
        else:
            del self.organization_id

    @property
    def chosen_organization(self) -> int | None:
        """None leaves it to the service: the person's own, or the only one."""
        return self.organization_id.data if self.organization_id else None
