"""Contact lists, contacts, their addresses, and imports."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.terms import AttributeType
from app.models.base import Base, BigId, IdColumn, Name, OrganizationRef


class ImportState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    #: Stopped by a user; what was imported until then stays.
    CANCELLED = "cancelled"
    #: The file could not be read at all, or the process died; `detail` says why.
    FAILED = "failed"


class OnDuplicate(StrEnum):
    """What an import does with a row whose id the list holds already."""

    UPDATE = "update"
    SKIP = "skip"


class ImportMode(StrEnum):
    """What a file says of contacts who are not in it."""

    #: Nothing: they stay as they are.
    DELTA = "delta"
    #: They are taken out of the list.
    FULL = "full"
    #: The same, and what the file has no column for is emptied of those who are in it.
    REPLACE = "replace"
    #: Nothing, and of those who are in it only that they are not to be called for now.
    EXCLUDE = "exclude"
    #: The reverse: they may be called again.
    RESET = "reset"


#: Files that name contacts and bring none.
NAMING = frozenset({ImportMode.EXCLUDE, ImportMode.RESET})


class Removal(StrEnum):
    """What became of taking out who is not in the file."""

    #: Not asked for, or not yet decided.
    NONE = ""
    #: More would go than was allowed: somebody has to say so.
    HELD = "held"
    #: The file cannot be trusted to be whole.
    REFUSED = "refused"
    #: It was held, and somebody said that they stay.
    LEFT = "left"
    #: Decided, and under way: some are out. Who was in the file is still known.
    TAKING = "taking"
    DONE = "done"
    #: Put back.
    UNDONE = "undone"


class ContactList(Base):
    __tablename__ = "contact_list"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    name: Mapped[Name]
    description: Mapped[str] = mapped_column(String(255), default="")
    #: ISO 3166 country that numbers without + belong to.
    home_country: Mapped[str] = mapped_column(String(2), default="US")
    #: IANA zone of contacts of whom nothing else is known; counts only where the home country has one time.
    time_zone: Mapped[str] = mapped_column(String(64), default="", server_default="")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ContactListShare(Base):
    """That a list may be used by another organization; None is every one."""

    __tablename__ = "contact_list_share"
    __table_args__ = (
        UniqueConstraint("organization_id", "contact_list_id"),
        Index(
            "uq_contact_list_share_all",
            "contact_list_id",
            unique=True,
            sqlite_where=text("organization_id IS NULL"),
            postgresql_where=text("organization_id IS NULL"),
        ),
    )

    id: Mapped[IdColumn]
    contact_list_id: Mapped[int] = mapped_column(BigId, ForeignKey("contact_list.id", ondelete="CASCADE"))
    organization_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("organization.id", ondelete="CASCADE"))
    #: Its contacts may be changed one by one.
    may_edit: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class Attribute(Base):
    """The definition of a contact attribute; values are in `Contact.attributes` under the name."""

    __tablename__ = "attribute"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    name: Mapped[Name]
    type: Mapped[str] = mapped_column(String(16), default=AttributeType.STRING)
    read_only: Mapped[bool] = mapped_column(default=False)
    masked: Mapped[bool] = mapped_column(default=False)
    private: Mapped[bool] = mapped_column(default=False)


class Contact(Base):
    """A person of one list. `external_id` is the ID of the customer's own system, unique in the list."""

    __tablename__ = "contact"
    __table_args__ = (
        UniqueConstraint("contact_list_id", "external_id"),
        # Without those who are deleted: pages and audiences need not pass over a million of them.
        Index(
            "ix_contact_there",
            "contact_list_id",
            "id",
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "ix_contact_deleted",
            "contact_list_id",
            sqlite_where=text("deleted_at IS NOT NULL"),
            postgresql_where=text("deleted_at IS NOT NULL"),
        ),
        Index(
            "ix_contact_customer",
            "organization_id",
            "customer_id",
            sqlite_where=text("customer_id != ''"),
            postgresql_where=text("customer_id != ''"),
        ),
    )

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    contact_list_id: Mapped[int] = mapped_column(BigId, ForeignKey("contact_list.id", ondelete="CASCADE"))
    external_id: Mapped[str] = mapped_column(String(120))
    #: The person's ID in the customer's own system, where several contacts are one person; "" for none.
    customer_id: Mapped[str] = mapped_column(String(120), default="", server_default="")
    first_name: Mapped[str] = mapped_column(String(120), default="")
    last_name: Mapped[str] = mapped_column(String(120), default="")
    language: Mapped[str] = mapped_column(String(16), default="")
    #: IANA zone given with the contact; "" leaves it to the addresses.
    time_zone: Mapped[str] = mapped_column(String(64), default="")
    #: Custom attributes: name to JSON value.
    attributes: Mapped[dict[str, Any]]
    #: The import that brought the contact; None for one that came otherwise.
    import_run_id: Mapped[int | None] = mapped_column(BigId)
    #: Set when the contact was deleted while jobs still refer to it, or not in a file that is the whole list: never
    #: dialled again, unless it is put back.
    deleted_at: Mapped[datetime | None]
    #: Set when the person asked to be erased: a call under way is hung up, and what is left of the row names nobody.
    erased_at: Mapped[datetime | None]
    last_attempt_at: Mapped[datetime | None]
    last_completion_code: Mapped[str] = mapped_column(String(64), default="")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


#: On SQLite addresses are in order within blocks of 2 ** 17 contacts: values come in no order, so an index of all of
#: them would be written anew, nearly whole, by each transaction of an import.
ADDRESS_BLOCK_BITS = 17


class Address(Base):
    """A phone or email of a contact. `name` is the column it came from (phone1, phone2, email)."""

    __tablename__ = "address"
    __table_args__ = (
        UniqueConstraint("contact_id", "name"),
        # Which of the two a database has: `app.services.having` looks by either.
        Index("ix_address_value", "organization_id", "value").ddl_if(dialect="postgresql"),
        Index("ix_address_block", "organization_id", text(f"contact_id >> {ADDRESS_BLOCK_BITS}"), "value").ddl_if(
            dialect="sqlite"
        ),
    )

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    contact_id: Mapped[int] = mapped_column(BigId, ForeignKey("contact.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(32))
    position: Mapped[int] = mapped_column(default=0)
    #: E.164 or a lower-case email: what is dialled and what do-not-call is matched on.
    value: Mapped[str] = mapped_column(String(254))
    #: As it arrived.
    original: Mapped[str] = mapped_column(String(254), default="")
    country: Mapped[str] = mapped_column(String(2), default="")
    #: Every IANA zone the number may lie in, comma-separated; calling windows of all are intersected. "" is unknown.
    time_zones: Mapped[str] = mapped_column(String(1000), default="")
    #: What kind of number it is (`app.core.phone.NumberType`), as its first digits tell; "" where nobody has looked.
    number_type: Mapped[str] = mapped_column(String(16), default="", server_default="")
    #: Why it is not to be used any more (a permanent failure's completion code); "" while usable.
    disabled_code: Mapped[str] = mapped_column(String(64), default="")


class ContactExclusion(Base):
    """A contact who is not to be attempted for now, in one campaign or (None) in all, until it is reset. It is no wish
    of the person's, which is what do-not-call lists are for."""

    __tablename__ = "contact_exclusion"
    __table_args__ = (
        Index(
            "uq_contact_exclusion_all",
            "contact_id",
            unique=True,
            sqlite_where=text("campaign_id IS NULL"),
            postgresql_where=text("campaign_id IS NULL"),
        ),
        Index("uq_contact_exclusion_campaign", "contact_id", "campaign_id", unique=True),
        Index("ix_contact_exclusion_organization", "organization_id"),
    )

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    contact_id: Mapped[int] = mapped_column(BigId, ForeignKey("contact.id", ondelete="CASCADE"))
    campaign_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("campaign.id", ondelete="CASCADE"))
    at: Mapped[datetime]


class ContactChange(Base):
    """One field of a contact that somebody changed. Values of private attributes are masked when they are written."""

    __tablename__ = "contact_change"
    __table_args__ = (
        Index("ix_contact_change_contact", "contact_id", "id"),
        Index(
            "ix_contact_change_run",
            "import_run_id",
            "id",
            sqlite_where=text("import_run_id IS NOT NULL"),
            postgresql_where=text("import_run_id IS NOT NULL"),
        ),
    )

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    contact_id: Mapped[int] = mapped_column(BigId, ForeignKey("contact.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    user_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("user.id", ondelete="SET NULL"))
    #: The import that did it.
    import_run_id: Mapped[int | None] = mapped_column(BigId)
    #: The program that did it, by its API token.
    via: Mapped[str] = mapped_column(String(120), default="", server_default="")
    field: Mapped[str] = mapped_column(String(120))
    old: Mapped[str] = mapped_column(String(1000), default="")
    new: Mapped[str] = mapped_column(String(1000), default="")


class ContactName(Base):
    """A first or last name in small letters, for searching by its beginning. Entered after an import
    (app.services.contact_names); triggers follow what is changed or deleted."""

    __tablename__ = "contact_name"
    __table_args__ = ({"sqlite_with_rowid": False},)

    organization_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    term: Mapped[str] = mapped_column(String(120), primary_key=True)
    contact_id: Mapped[int] = mapped_column(BigId, primary_key=True)


class FilterTemplate(Base):
    """Who of a contact list belongs to an audience, and in which order, under a name."""

    __tablename__ = "filter_template"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    name: Mapped[Name]
    description: Mapped[str] = mapped_column(String(255), default="")
    #: As `app.core.audience.filter_to_json` writes it.
    definition: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ImportRun(Base):
    """One import of a file into a list, with its progress and its rejects file."""

    __tablename__ = "import_run"
    __table_args__ = (
        Index("ix_import_run_list", "contact_list_id", "id"),
        Index("ix_import_run_origin", "data_source_id", "origin"),
        Index(
            "ix_import_run_names",
            "contact_list_id",
            sqlite_where=text("names_after IS NOT NULL"),
            postgresql_where=text("names_after IS NOT NULL"),
        ),
        Index(
            "ix_import_run_purge",
            "removed_at",
            sqlite_where=text("purged_at IS NULL AND removed_at IS NOT NULL"),
            postgresql_where=text("purged_at IS NULL AND removed_at IS NOT NULL"),
        ),
    )

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    contact_list_id: Mapped[int] = mapped_column(BigId, ForeignKey("contact_list.id", ondelete="CASCADE"))
    file_name: Mapped[str] = mapped_column(String(255))
    state: Mapped[str] = mapped_column(String(16), default=ImportState.QUEUED)
    #: What the file was taken for (`importing.Understood` as JSON) and its `columns` in their order; its spool is UTF-8
    #: with this delimiter.
    understood: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    delimiter: Mapped[str] = mapped_column(String(1), default="")
    #: CSV column to target (id, first_name, phone1, attribute name ...; "" ignores it).
    mapping: Mapped[dict[str, Any]]
    on_duplicate: Mapped[str] = mapped_column(String(8), default=OnDuplicate.UPDATE, server_default="update")
    mode: Mapped[str] = mapped_column(String(8), default=ImportMode.DELTA, server_default="delta")
    #: Of whose calling a file excludes; None is all of them.
    campaign_id: Mapped[int | None] = mapped_column(BigId)
    #: Percent of the list that a full file may take out without being asked about.
    most_removed: Mapped[int] = mapped_column(default=20, server_default="20")
    #: Only finds out what would happen; what it found is in `trial`, its counts are those that would be.
    dry: Mapped[bool] = mapped_column(default=False, server_default=false())
    trial: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    rows_read: Mapped[int] = mapped_column(default=0)
    rows_added: Mapped[int] = mapped_column(default=0)
    rows_updated: Mapped[int] = mapped_column(default=0)
    #: Rows of contacts of whom the list has everything as it is in the file.
    rows_unchanged: Mapped[int] = mapped_column(default=0, server_default="0")
    #: Rows of contacts who are known, where `on_duplicate` is skip.
    rows_skipped: Mapped[int] = mapped_column(default=0, server_default="0")
    rows_rejected: Mapped[int] = mapped_column(default=0)
    #: Rejected rows of which not even the id could be read.
    rows_unread: Mapped[int] = mapped_column(default=0, server_default="0")
    #: The last row so far was one of them: the file may have been cut off.
    cut_off: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: Contacts taken out because the file, which is the whole list, does not have them; `removed_at` is when, and
    #: tells them from others that were deleted.
    rows_removed: Mapped[int] = mapped_column(default=0, server_default="0")
    removal: Mapped[str] = mapped_column(String(8), default=Removal.NONE, server_default="")
    removed_at: Mapped[datetime | None]
    #: When those it took out were removed for good; of a removal that is under way, the last contact it has come to.
    purged_at: Mapped[datetime | None]
    purged_through_id: Mapped[int] = mapped_column(BigId, default=0, server_default="0")
    #: Rows of people who were on a do-not-call list at the import: kept, and never dialled while they are on it.
    rows_listed: Mapped[int] = mapped_column(default=0, server_default="0")
    #: How many numbers were taken, by country and `Address.number_type`, as "US mobile".
    numbers: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    bytes_read: Mapped[int] = mapped_column(BigId, default=0)
    bytes_total: Mapped[int] = mapped_column(BigId, default=0)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    detail: Mapped[str] = mapped_column(Text, default="")
    created_by: Mapped[int | None] = mapped_column(BigId, ForeignKey("user.id", ondelete="SET NULL"))
    #: The data source that brought the file (which may be deleted by now), and by what that source knows the file.
    data_source_id: Mapped[int | None] = mapped_column(BigId)
    origin: Mapped[str] = mapped_column(String(255), default="", server_default="")
    #: The names of contacts after this id are still to be entered (app.services.contact_names); None where all are.
    names_after: Mapped[int | None] = mapped_column(BigId)
    #: Until then one process enters them.
    names_claimed_until: Mapped[datetime | None]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ImportSeen(Base):
    """Who of the list was in the file of a run that may take the others out; gone once that is decided."""

    __tablename__ = "import_seen"
    __table_args__ = ({"sqlite_with_rowid": False},)

    import_run_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    contact_id: Mapped[int] = mapped_column(BigId, primary_key=True)


class ImportReject(Base):
    """A row that was not taken, and why."""

    __tablename__ = "import_reject"
    __table_args__ = (Index("ix_import_reject_run", "import_run_id", "line"),)

    id: Mapped[IdColumn]
    import_run_id: Mapped[int] = mapped_column(BigId, ForeignKey("import_run.id", ondelete="CASCADE"))
    line: Mapped[int]
    field: Mapped[str] = mapped_column(String(120), default="")
    reason: Mapped[str] = mapped_column(String(500))
    #: The row as it was, cut to 2,000 characters.
    row: Mapped[str] = mapped_column(Text, default="")
