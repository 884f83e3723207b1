from __future__ import annotations

from flask_wtf.file import FileField, FileRequired
from wtforms import StringField
from wtforms.validators import Length, Optional

from app.web.panel.organization import OrganizationForm


class ConsentFileForm(OrganizationForm):
    file = FileField(
        "File",
        [FileRequired("Choose a file.")],
        description="CSV or XLSX; the first line names the columns: phone, email, customer_id or contact_id; channel; "
        "purpose; act (given, revoked); at; source; and, if you have them, text_shown, expires_at, evidence.",
    )
    proofs = FileField(
        "Evidence",
        [Optional()],
        description="A zip with the files that the column evidence names, no two of one name.",
    )
    home_country = StringField(
        "Home country",
        [Optional(), Length(2, 2, "Write two letters, such as US.")],
        description="Of numbers without +, in two letters. Empty is the organization's own, else US.",
    )

    def blame(self, problem: str) -> None:
        name, _, mend = problem.partition(": ")
        field = self._fields.get({"country": "home_country", "evidence": "proofs"}.get(name, name), self.file)
        field.errors = [*field.errors, mend or problem]
