"""Attributes of contacts: the predefined ones to look up, an organization's own to define."""

from __future__ import annotations

from operator import attrgetter

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response
from wtforms import BooleanField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from app.models import Attribute, AttributeType
from app.security.access import Forbidden, Permission
from app.services import attributes, lists
from app.web.database import reader, writing
from app.web.listing import Columns, narrowed
from app.web.panel.gate import area, needs
from app.web.panel.organization import OrganizationForm
from app.web.panel.owned import organization_names
from app.web.panel.undo import keeping, say_deleted
from app.web.viewer import actor
from common.errors import Refused

blueprint = area("attributes", __name__, "/attributes")
_COLUMNS: Columns[Attribute] = {name: attrgetter(name) for name in ("name", "type", *attributes.FLAGS)}
#: What every contact has: name, who sets it, meaning.
PREDEFINED = (
    ("id", "import", "The contact's ID in your own system, unique in its list."),
    ("customer_id", "import, people", "The person's ID where several contacts are one person."),
    ("first_name, last_name", "import, people", "The name."),
    ("language", "import, people", "Such as en or es-US: which words are spoken and written."),
    ("time_zone", "import, people", "IANA zone of the person; empty leaves it to the addresses."),
    ("phone1 to phone9", "import, people", "Numbers, in the order in which strategies take them."),
    ("email, email2 to email9", "import, people", "Email addresses."),
    ("added on", "system", "When the contact came into its list."),
    ("last modified on", "system", "When an import or a person changed it last."),
    ("last attempt", "system", "When it was tried last, by any job."),
    ("last completion code", "system", "How that ended."),
    ("attempts, successful attempts", "system", "Counted from the attempts; filters can ask for them."),
)


class AttributeForm(OrganizationForm):
    name = StringField(
        "Name",
        [InputRequired("Give the attribute a name."), Length(max=64)],
        description="Small letters, digits and _, such as account_balance. It never changes, for scripts name it.",
        render_kw={"spellcheck": "false", "autocapitalize": "none"},
    )
    type = SelectField(
        "Type", choices=[str(kind) for kind in AttributeType], description="What it holds; it never changes either."
    )
    read_only = BooleanField("Agents may not change it")
    masked = BooleanField(
        "Masked", description="Shown as asterisks to everybody but the role that may see masked attributes."
    )
    private = BooleanField(
        "Private", description="Its values are not written to a contact's history, and no other organization sees them."
    )

    def blame(self, problem: str) -> None:
        name, _, mend = problem.partition(": ")
        field = self._fields.get(name, self.name)
        field.errors = [*field.errors, mend or problem]

    @property
    def flags(self) -> dict[str, bool]:
        return {name: bool(self[name].data) for name in attributes.FLAGS}


@blueprint.get("/")
@needs(Permission.LISTS_VIEW)
def index() -> Response | str:
    listing = narrowed("attributes", lists.list_attributes(reader(), actor()), _COLUMNS)
    if listing.taken_away:
        return listing.csv()
    return render_template(
        "attributes/index.html", listing=listing, predefined=PREDEFINED, organizations=organization_names()
    )


@blueprint.route("/new", methods=["GET", "POST"])
@needs(Permission.LISTS_EDIT)
def new() -> Response | str | tuple[str, int]:
    form = AttributeForm()
    form.offer_organizations()
    if form.validate_on_submit():
        try:
            with writing() as session:
                lists.define_attribute(
                    session,
                    actor(),
                    form.name.data,
                    form.type.data,
                    organization_id=form.chosen_organization,
                    **form.flags,
                )
            flash(f"{form.name.data} can be imported, edited and filtered by now.", "success")
            return redirect(url_for("attributes.index"))
        except Refused as refused:
            form.blame(str(refused))
    page = render_template("attributes/edit.html", form=form, attribute=None, use="")
    return (page, 422) if form.errors else page


@blueprint.route("/<int:attribute_id>", methods=["GET", "POST"])
@needs(Permission.LISTS_EDIT)
def edit(attribute_id: int) -> Response | str | tuple[str, int]:
    attribute = attributes.get_attribute(reader(), actor(), attribute_id)
    form = AttributeForm(obj=attribute)
    for name in ("organization_id", "name", "type"):
        del form[name]
    if form.validate_on_submit():
        try:
            with writing() as session:
                attributes.update_attribute(session, actor(), attribute_id, **form.flags)
            flash("Saved.", "success")
            return redirect(url_for("attributes.index"))
        except Forbidden as refused:
            form.masked.errors = [*form.masked.errors, str(refused)]
    use = attributes.attribute_use(reader(), actor(), attribute_id)
    page = render_template("attributes/edit.html", form=form, attribute=attribute, use=use)
    return (page, 422) if form.errors else page


@blueprint.post("/<int:attribute_id>/delete")
@needs(Permission.LISTS_EDIT)
def delete(attribute_id: int) -> Response:
    token = keeping(Attribute, attribute_id)
    try:
        with writing() as session:
            attributes.delete_attribute(session, actor(), attribute_id)
    except Refused as refused:
        flash(str(refused), "error")
        return redirect(url_for("attributes.edit", attribute_id=attribute_id))
    say_deleted("The attribute is deleted.", token)
    return redirect(url_for("attributes.index"))
