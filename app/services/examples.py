"""The example campaigns in `examples/`: a manifest names everything a campaign needs, and loading is repeatable."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import (
    Attribute,
    CallingWindow,
    Campaign,
    CompletionCode,
    ContactList,
    Organization,
    RevisionState,
    Script,
    Strategy,
    StrategyRevision,
    Trunk,
)
from app.security.access import Actor
from app.services.campaigns import CampaignFields, create_campaign
from app.services.scripts import Prepared, create_script, prepare, publish, upload_revision
from common.clock import utcnow
from common.errors import ConfigError
from common.settings import Settings

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def ensure_organization(session: Session, name: str) -> Organization:
    found = session.scalar(select(Organization).where(Organization.name == name))
    if found is None:
        found = Organization(name=name, created_at=utcnow())
        session.add(found)
        session.flush()
    return found


def read_manifest(name: str) -> dict[str, Any]:
    path = EXAMPLES / name / "example.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"example {name!r}: {path} does not exist") from error
    return manifest


def load_example(session: Session, actor: Actor, settings: Settings, name: str) -> tuple[Campaign, bool]:
    """The example's campaign, made with all it needs but its contacts; the flag tells whether it is new."""
    manifest = read_manifest(name)
    packed = _packed(name, manifest["script"])  # before the first statement: checking it keeps no writer waiting
    organization = ensure_organization(session, manifest["organization"])
    campaign_spec = manifest["campaign"]
    existing = session.scalar(
        select(Campaign).where(Campaign.organization_id == organization.id, Campaign.name == campaign_spec["name"])
    )
    if existing is not None:
        return existing, False
    home = organization.id
    _attributes(session, home, manifest["attributes"])
    _codes(session, home, manifest["completion_codes"])
    fields = CampaignFields(
        name=campaign_spec["name"],
        contact_list_id=_contact_list(session, home, manifest["contact_list"]).id,
        script_id=_script(session, actor, home, manifest["script"], packed).id,
        strategy_id=_strategy(session, home, name, manifest["strategy"]).id,
        calling_window_id=_window(session, home, manifest["calling_window"]).id,
        trunk_id=simulated_trunk(session, settings).id,
        caller_id=campaign_spec["caller_id"],
        display_name=campaign_spec.get("display_name", ""),
        message=campaign_spec.get("message", ""),
        pacing=campaign_spec["pacing"],
        senders=campaign_spec["senders"],
    )
    return create_campaign(session, actor, fields, home), True


def simulated_trunk(session: Session, settings: Settings) -> Trunk:
    """The trunk to the simulated carrier, kept at the address the settings give."""
    trunk = session.scalar(select(Trunk).where(Trunk.simulated, Trunk.organization_id.is_(None)))
    if trunk is None:
        trunk = Trunk(name="Simulated carrier", host="127.0.0.1", simulated=True, calls_per_second=20)
        session.add(trunk)
    trunk.host, trunk.port = settings.simulator.sip.host, settings.simulator.sip.port
    session.flush()
    return trunk


def contacts_file(name: str) -> Path:
    return EXAMPLES / name / str(read_manifest(name)["contact_list"]["file"])


def _attributes(session: Session, organization_id: int, specs: list[Mapping[str, Any]]) -> None:
    known = set(session.scalars(select(Attribute.name).where(Attribute.organization_id == organization_id)))
    session.add_all(Attribute(organization_id=organization_id, **spec) for spec in specs if spec["name"] not in known)


def _codes(session: Session, organization_id: int, specs: list[Mapping[str, Any]]) -> None:
    known = set(session.scalars(select(CompletionCode.name).where(CompletionCode.organization_id == organization_id)))
    session.add_all(
        CompletionCode(organization_id=organization_id, **spec) for spec in specs if spec["name"] not in known
    )


def _contact_list(session: Session, organization_id: int, spec: Mapping[str, Any]) -> ContactList:
    now = utcnow()
    found = session.scalar(
        select(ContactList).where(ContactList.organization_id == organization_id, ContactList.name == spec["name"])
    )
    if found is None:
        found = ContactList(
            organization_id=organization_id,
            name=spec["name"],
            description=spec.get("description", ""),
            home_country=spec.get("home_country", "US"),
            created_at=now,
            updated_at=now,
        )
        session.add(found)
        session.flush()
    return found


def _packed(example: str, spec: Mapping[str, Any]) -> Prepared:
    folder = EXAMPLES / example / spec["folder"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())
    return prepare(f"{example}.zip", packed.getvalue(), spec.get("entry", ""))


def _script(session: Session, actor: Actor, organization_id: int, spec: Mapping[str, Any], packed: Prepared) -> Script:
    found = session.scalar(select(Script).where(Script.organization_id == organization_id, Script.name == spec["name"]))
    if found is not None:
        return found
    script = create_script(session, actor, spec["name"], spec.get("description", ""), organization_id)
    revision = upload_revision(session, actor, script.id, packed)
    publish(session, actor, revision.id)
    return script


def _strategy(session: Session, organization_id: int, example: str, spec: Mapping[str, Any]) -> Strategy:
    found = session.scalar(
        select(Strategy).where(Strategy.organization_id == organization_id, Strategy.name == spec["name"])
    )
    if found is not None:
        return found
    strategy = Strategy(
        organization_id=organization_id,
        name=spec["name"],
        description=spec.get("description", ""),
        created_at=utcnow(),
    )
    session.add(strategy)
    session.flush()
    session.add(
        StrategyRevision(
            organization_id=organization_id,
            strategy_id=strategy.id,
            number=1,
            state=RevisionState.PUBLISHED,
            xml=(EXAMPLES / example / spec["file"]).read_text("utf-8"),
            created_at=utcnow(),
            published_at=utcnow(),
        )
    )
    session.flush()
    return strategy


def _window(session: Session, organization_id: int, spec: Mapping[str, Any]) -> CallingWindow:
    found = session.scalar(
        select(CallingWindow).where(
            CallingWindow.organization_id == organization_id, CallingWindow.name == spec["name"]
        )
    )
    if found is None:
        found = CallingWindow(
            organization_id=organization_id,
            name=spec["name"],
            hours=spec.get("hours", {}),
            always_open=spec.get("always_open", False),
            source=spec.get("source", ""),
        )
        session.add(found)
        session.flush()
    return found
