"""What providers and people say after a message has left: receipts, STOP and START, one-click unsubscribe.

Everything is written here and now; the outbox only hints to the engine that a waiting contact may go on.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.models import (
    Address,
    AddressKind,
    Attempt,
    AttemptResult,
    AttemptState,
    Contact,
    DncEntry,
    DncKind,
    DncList,
    JobContact,
    JobContactState,
    Organization,
    OutboxEvent,
)
from app.security.access import Actor, NotFound
from app.security.tokens import Unsubscribe
from app.services import dnc
from app.services.address_index import in_organizations
from app.services.sharing import using
from channels.base import Outcome
from common.clock import utcnow

RECEIPT_TOPIC = "receipt"
#: Codes of a message that left and whose fate was open; a receipt settles them once.
_OPEN = ("SMS_SENT", "EMAIL_SENT")
_OPTED_OUT = "SMS_OPT_OUT"


def record_receipt(session: Session, attempt_id: str, outcome: Outcome) -> None:
    """Keep a provider's receipt. A final one settles the attempt's code, once; later ones change nothing.

    A receipt may overtake the engine's own record of sending: then it is kept beside the attempt, and the hint
    tells the engine to look.
    """
    attempt = session.get(Attempt, attempt_id)
    if attempt is None:
        raise NotFound(f"attempt {attempt_id}: there is none")
    now = utcnow()
    values = {"receipt": outcome.code, "detail": outcome.detail, "provider_id": outcome.provider_id}
    session.add(AttemptResult(attempt_id=attempt_id, at=now, values=values))
    if not outcome.final:
        return
    if attempt.state == AttemptState.DONE and attempt.completion_code not in _OPEN:
        return
    session.execute(
        update(Attempt)
        .where(Attempt.id == attempt_id, Attempt.state == AttemptState.DONE, Attempt.completion_code.in_(_OPEN))
        .values(completion_code=outcome.code, reason=outcome.detail[:255])
    )
    session.execute(
        update(JobContact)
        .where(
            JobContact.id == attempt.job_contact_id,
            JobContact.state == JobContactState.DONE,
            JobContact.attempt_count == attempt.number,
            JobContact.final_code.in_(_OPEN),
        )
        .values(last_code=outcome.code, final_code=outcome.code, updated_at=now)
    )
    if outcome.extra.get("disable") and attempt.address_id is not None:
        session.execute(update(Address).where(Address.id == attempt.address_id).values(disabled_code=outcome.code))
    if dnc.means_opt_out(session, attempt.organization_id, outcome.code):
        dnc.opt_out_after(session, attempt)
    payload = {"attempt_id": attempt_id, "job_contact_id": attempt.job_contact_id, "code": outcome.code}
    session.add(OutboxEvent(topic=RECEIPT_TOPIC, payload=payload, created_at=now))


def stop(session: Session, number: str, proof: str) -> int:
    """The person at `number` wants no more: listed with every organization that knows the number; how many listed.

    Where nobody is known to have it, all organizations list it: the wish was clear, only its address was not.
    """
    listed = 0
    for organization_id in _organizations_knowing(session, number):
        actor = Actor.system(organization_id)
        subjects = [(DncKind.PHONE, number)]
        dnc.add(session, actor, subjects, organization_id=organization_id, source=dnc.SMS_STOP, proof=proof[:255])
        listed += 1
    return listed


def sender_to(session: Session, number: str) -> str:
    """The name of the one organization that knows the number; "" where several do, or none."""
    known = _knowing(session, number)
    name = session.scalar(select(Organization.name).where(Organization.id == known[0])) if len(known) == 1 else None
    return name or ""


def start_again(session: Session, number: str) -> None:
    """Take back what STOP by SMS had listed, the number and its holder, and nothing else that forbids them."""
    own = select(DncList.id).where(DncList.organization_id.is_not(None))
    having = _having(session, number)

    def holders(name: InstrumentedAttribute[str]) -> Select[str]:
        return (
            select(name)
            .join(Address, Address.contact_id == Contact.id)
            .where(*having, Contact.organization_id == DncEntry.organization_id)
        )

    the_number = (DncEntry.kind == DncKind.PHONE) & (DncEntry.value == number)
    the_person = or_(
        (DncEntry.kind == DncKind.CONTACT_ID) & DncEntry.value.in_(holders(Contact.external_id)),
        (DncEntry.kind == DncKind.CUSTOMER_ID) & DncEntry.value.in_(holders(Contact.customer_id)),
    )
    entries = session.scalars(
        select(DncEntry).where(
            or_(the_number, the_person), DncEntry.source == dnc.SMS_STOP, DncEntry.dnc_list_id.in_(own)
        )
    ).all()
    for entry in entries:
        dnc.remove(session, Actor.system(entry.organization_id), entry.id)
    # The provider's refusal had switched the number itself off.
    session.execute(update(Address).where(*having, Address.disabled_code == _OPTED_OUT).values(disabled_code=""))


def unsubscribe(session: Session, subject: Unsubscribe) -> None:
    """The holder of an unsubscribe address wants no more mail there (RFC 8058)."""
    dnc.add(
        session,
        Actor.system(subject.organization_id),
        [(subject.kind, subject.value)],
        organization_id=subject.organization_id,
        source=dnc.EMAIL_UNSUBSCRIBE,
        proof="unsubscribe address of a message",
    )


def _organizations_knowing(session: Session, number: str) -> Sequence[int]:
    return _knowing(session, number) or session.scalars(select(Organization.id)).all()


def _knowing(session: Session, number: str) -> Sequence[int]:
    """Whose lists have it, those whom such a list is shared with, and those who have tried a contact that has it."""
    having = _having(session, number)
    contact_ids = session.scalars(select(Address.contact_id).where(*having)).all()
    tried = select(Attempt.organization_id).where(Attempt.contact_id.in_(contact_ids))
    found = {*session.scalars(select(Address.organization_id).where(*having)), *session.scalars(tried)}
    return sorted(found | using(session, contact_ids))


def _having(session: Session, number: str) -> tuple[ColumnElement[bool], ...]:
    """Addresses of any organization. All are named, or the index, which begins with them, is of no use."""
    everybodys = in_organizations(session, select(Organization.id))
    return everybodys, Address.kind == AddressKind.PHONE, Address.value == number
