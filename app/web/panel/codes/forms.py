from __future__ import annotations

from wtforms import BooleanField, StringField
from wtforms.validators import InputRequired, Length, Optional

from app.services.codes import FLAGS, Flags
from app.web.panel.owned import OwnedForm


class CodeForm(OwnedForm):
    name = StringField(
        "Name",
        [InputRequired("Give the code a name."), Length(max=64)],
        description="Capital letters, digits and _, such as PROMISE_TO_PAY. It never changes, for scripts name it.",
        render_kw={"autocapitalize": "characters", "spellcheck": "false"},
    )
    description = StringField("Meaning", [Optional(), Length(max=255)])
    human = BooleanField("A person answered")
    rpc = BooleanField("Right party", description="The person who was meant, so a person answered as well.")
    success = BooleanField("Success", description="The campaign's aim was reached.")
    closure = BooleanField("Closes the contact", description="No further attempt to this person in the job.")
    nuisance = BooleanField("Nuisance", description="Counts as an abandoned call.")
    counts_as_attempt = BooleanField(
        "Counts as an attempt", description="For rules on how often a person may be tried.", default=True
    )
    do_not_call = BooleanField(
        "Do not call again", description="Puts the person on the do-not-call list, with every address of theirs."
    )
    retry = BooleanField("May be tried again", description="For people who write strategies; the strategy decides.")

    @property
    def flags(self) -> Flags:
        return Flags(**{name: bool(self[name].data) for name in FLAGS})
