"""The tables. Importing this package registers all of them on `Base.metadata`."""

from __future__ import annotations

from app.models.api import ApiRequest, ApiToken
from app.models.attempt import (
    Attempt,
    AttemptResult,
    AttemptState,
    AttemptTrace,
    Lease,
    MediaServer,
    OutboxEvent,
    Trunk,
    TrunkShare,
)
from app.models.base import Base, UtcDateTime
from app.models.calendar import GuardTime, HolidayRow, LineKind, OnHoliday, ZoneRuleRow
from app.models.campaign import (
    Campaign,
    Job,
    JobContact,
    JobContactState,
    JobState,
    RevisionState,
    Script,
    ScriptFile,
    ScriptRevision,
    Strategy,
    StrategyRevision,
)
from app.models.consent import ConsentAct, ConsentEvent, ConsentEvidence
from app.models.contact import (
    Address,
    AddressKind,
    Attribute,
    AttributeType,
    Contact,
    ContactList,
    FilterTemplate,
    ImportReject,
    ImportRun,
    ImportState,
)
from app.models.dnc import CampaignDncGroup, DncCoverage, DncEntry, DncFile, DncGroup, DncGroupList, DncKind, DncList
from app.models.identity import AllowedHost, AuditEntry, CallingWindow, CompletionCode, Organization, Role, User
from app.models.pacing_trial import PacingTrial, TrialState
from app.models.privacy import Erasure, ErasureState, ExportState, SubjectExport
from app.models.source import DataSource
from app.models.test_call import TestCall, TestCallState

__all__ = [
    "Address",
    "AddressKind",
    "AllowedHost",
    "ApiRequest",
    "ApiToken",
    "Attempt",
    "AttemptResult",
    "AttemptState",
    "AttemptTrace",
    "Attribute",
    "AttributeType",
    "AuditEntry",
    "Base",
    "CallingWindow",
    "Campaign",
    "CampaignDncGroup",
    "CompletionCode",
    "ConsentAct",
    "ConsentEvent",
    "ConsentEvidence",
    "Contact",
    "ContactList",
    "DataSource",
    "DncCoverage",
    "DncEntry",
    "DncFile",
    "DncGroup",
    "DncGroupList",
    "DncKind",
    "DncList",
    "Erasure",
    "ErasureState",
    "ExportState",
    "FilterTemplate",
    "GuardTime",
    "HolidayRow",
    "ImportReject",
    "ImportRun",
    "ImportState",
    "Job",
    "JobContact",
    "JobContactState",
    "JobState",
    "Lease",
    "LineKind",
    "MediaServer",
    "OnHoliday",
    "Organization",
    "OutboxEvent",
    "PacingTrial",
    "RevisionState",
    "Role",
    "Script",
    "ScriptFile",
    "ScriptRevision",
    "Strategy",
    "StrategyRevision",
    "SubjectExport",
    "TestCall",
    "TestCallState",
    "TrialState",
    "Trunk",
    "TrunkShare",
    "User",
    "UtcDateTime",
    "ZoneRuleRow",
]
