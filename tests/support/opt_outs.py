"""Every way onto the do-not-call list, walked as people and programs walk it, against a whole installation at work.

The world has a person for each way in a job of each channel, held until the test says when they are due, and jobs
that make the calls, texts and mails by which some of the ways begin.
"""

from __future__ import annotations

import http.cookiejar
import json
import re
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from app.db import read_transaction, write_transaction
from app.models import (
    Address,
    AddressKind,
    Attempt,
    CallingWindow,
    Contact,
    ContactList,
    Job,
    JobContact,
    JobContactState,
    JobState,
    MediaServer,
    Organization,
    Role,
    Trunk,
)
from app.security.access import Actor, Permission
from app.services import api_tokens, campaigns, dnc, jobs, scripts, strategies, users
from common.clock import utcnow
from tests.support.installation import Installation

PASSWORD = "five green bottles"
FAR = timedelta(days=30)
ROOT = Actor.system()
ALL, PHONE, EMAIL = frozenset({"voice", "sms", "email"}), frozenset({"voice", "sms"}), frozenset({"email"})
_CALL = '<Call timeout="30s"><Address attribute="phone1"/><Results default="done"/></Call>'
_SMS = '<Sms><Address attribute="phone1"/><Text>Hello</Text><Results default="done"/></Sms>'
_EMAIL = '<Email><Address attribute="email"/><Subject>Hi</Subject><Text>Hello</Text><Results default="done"/></Email>'
#: One job for each channel, and one of each for what begins a way.
JOBS: Mapping[str, str] = {
    "voice": _CALL, "sms": _SMS, "email": _EMAIL, "first call": _CALL, "first sms": _SMS, "first email": _EMAIL,
}  # fmt: skip
#: The person says no: at the end of the call, or while it goes on.
_SCRIPT = """<?xml version="1.0" encoding="UTF-8"?>
<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml">
  <var name="given" expr="session.connection.ccxml.values"/>
  <form><block>
    <var name="completion_code" expr="'AGENT_DNC'"/>
    <if cond="given.says == 'meanwhile'">
      <data name="answer" srcexpr="given.result_url" namelist="completion_code" method="post"/>
      <prompt><break time="3s"/></prompt>
      <exit/>
    </if>
    <exit namelist="completion_code"/>
  </block></form>
</vxml>
"""


@dataclass(slots=True)
class World:
    at: Installation
    engine: Engine
    home: int
    jobs: Mapping[str, int]
    token: str
    #: Once `enter` has signed in.
    panel: Panel = field(init=False)
    #: By the way's name, and the number of the person among those who walk it.
    people: Mapping[tuple[str, int], int] = field(default_factory=dict)

    def contact(self, contact_id: int) -> tuple[str, str, str]:
        """External id, phone and email."""
        with read_transaction(self.engine) as session:
            external = session.get_one(Contact, contact_id).external_id
            rows = session.execute(select(Address.kind, Address.value).where(Address.contact_id == contact_id))
            values = {kind: value for kind, value in rows}
        return external, values[AddressKind.PHONE], values[AddressKind.EMAIL]

    def due(self, contact_id: int, moment: datetime, *names: str) -> None:
        ids = [self.jobs[name] for name in names]
        mine = (JobContact.contact_id == contact_id, JobContact.job_id.in_(ids))
        with write_transaction(self.engine) as session:
            session.execute(update(JobContact).where(*mine).values(due_at=moment))

    def attempts(self, contact_id: int, name: str) -> Sequence[Attempt]:
        mine = (Attempt.contact_id == contact_id, Attempt.job_id == self.jobs[name])
        with read_transaction(self.engine) as session:
            rows = session.scalars(select(Attempt).where(*mine)).all()
            session.expunge_all()
        return rows

    def final_codes(self, contact_id: int) -> dict[str, str]:
        """By channel, of the jobs that are done with the person."""
        names = {self.jobs[name]: name for name in ("voice", "sms", "email")}
        mine = (JobContact.contact_id == contact_id, JobContact.job_id.in_(names))
        with read_transaction(self.engine) as session:
            rows = session.execute(select(JobContact.job_id, JobContact.state, JobContact.final_code).where(*mine))
            return {names[job]: code for job, state, code in rows if state == JobContactState.DONE}

    def is_listed(self, contact_id: int) -> bool:
        external, phone, email = self.contact(contact_id)
        with read_transaction(self.engine) as session:
            customer = ("customer_id", external.replace("P", "K"))
            subjects = [("phone", phone), ("email", email), ("contact_id", external), customer]
            return bool(dnc.blocked(session, self.home, subjects))

    def until(self, what: str, holds: Callable[[], bool], seconds: float = 100.0) -> None:
        self.at.wait_for(what, holds, seconds)


class Panel:
    """Signed in, as a browser is: cookies, and the token of each form."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())).open
        self.post("/sign-in", {"login": "admin", "password": PASSWORD}, form_at="/sign-in")

    def get(self, path: str) -> str:
        with self._open(self._url + path, timeout=30) as answer:
            return str(answer.read().decode())

    def post(
        self, path: str, fields: Mapping[str, str], file: tuple[str, bytes] | None = None, form_at: str = "/"
    ) -> str:
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get(form_at))
        assert token is not None
        body, kind = _multipart({**fields, "csrf_token": token[1]}, file)
        request = urllib.request.Request(self._url + path, body, {"Content-Type": kind, "Referer": self._url})
        with self._open(request, timeout=30) as answer:
            return str(answer.read().decode())


def _multipart(fields: Mapping[str, str], file: tuple[str, bytes] | None) -> tuple[bytes, str]:
    border = "part-0123456789"
    parts = [
        f'--{border}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if file is not None:
        head = f'Content-Disposition: form-data; name="file"; filename="{file[0]}"\r\nContent-Type: text/csv'
        parts.append(f"--{border}\r\n{head}\r\n\r\n".encode() + file[1] + b"\r\n")
    return b"".join(parts) + f"--{border}--\r\n".encode(), f"multipart/form-data; boundary={border}"


@dataclass(frozen=True, slots=True)
class Way:
    """`begin` brings the person where they can say it (a call, a mail); `say` says it and returns when that is over."""

    say: Callable[[World, int], None]
    closes: frozenset[str]
    begin: Callable[[World, int], None] = lambda _world, _contact: None
    #: The last two digits of the number decide what the far ends do.
    suffix: str = "01"
    says: str = ""


def _call_begins(world: World, contact: int) -> None:
    world.due(contact, utcnow(), "first call")


def _until_listed(world: World, contact: int) -> None:
    world.until("the person to be listed", lambda: world.is_listed(contact))


def _until_it_rings(world: World, contact: int) -> None:
    world.due(contact, utcnow(), "first call")
    world.until("the call to ring", lambda: any(row.ringing_at for row in world.attempts(contact, "first call")))


def _until_mailed(world: World, contact: int) -> None:
    world.due(contact, utcnow(), "first email")
    world.until("the mail to arrive", lambda: bool(_unsubscribe_address(world, contact)))


def _unsubscribe_address(world: World, contact: int) -> str:
    """From the header of the mail that arrived (RFC 8058)."""
    _, _, email = world.contact(contact)
    mails = world.at.get_json(f"http://{world.at.at.sinks}/mails.json")
    assert isinstance(mails, list)
    headers = next((dict(mail["headers"]) for mail in mails if mail["to"] == email), {})
    if not headers:
        return ""
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    return str(headers["List-Unsubscribe"]).strip("<>")


def _click(world: World, contact: int) -> None:
    _send(_unsubscribe_address(world, contact), b"List-Unsubscribe=One-Click", {})


def _text_back(words: str) -> Callable[[World, int], None]:
    """The provider posts it signed; it answers when the webhook has."""

    def say(world: World, contact: int) -> None:
        _, phone, _ = world.contact(contact)
        fields = {"from": phone, "to": "+15550100000", "body": words}
        _send(f"http://{world.at.at.sinks}/reply", urllib.parse.urlencode(fields).encode(), {})

    return say


def _refused_text(world: World, contact: int) -> None:
    """Twilio's error 21610."""
    world.due(contact, utcnow(), "first sms")
    _until_listed(world, contact)


def _by_program(kind: str) -> Callable[[World, int], None]:
    def say(world: World, contact: int) -> None:
        external, phone, _ = world.contact(contact)
        value = phone if kind == "phone" else external.replace("P", "K")
        body = json.dumps({"entries": [{"kind": kind, "value": value}], "proof": "test"}).encode()
        headers = {"Authorization": f"Bearer {world.token}", "Content-Type": "application/json"}
        _send(f"http://{world.at.at.web}/api/v1/dnc", body, headers)

    return say


def _in_the_panel(world: World, contact: int) -> None:
    _, phone, _ = world.contact(contact)
    world.panel.post("/dnc/", {"kind": "phone", "value": phone})


def _on_their_page(world: World, contact: int) -> None:
    world.panel.post(f"/contacts/{contact}/dnc", {"subject": ""})


def _in_a_file(world: World, contact: int) -> None:
    external, _, _ = world.contact(contact)
    with write_transaction(world.engine) as session:
        listed = dnc.own_list(session, world.home).id
    fields = {"form": "csv", "action": "add", "home_country": "US"}
    world.panel.post(
        f"/dnc/lists/{listed}/files", fields, ("stop.csv", f"kind,value\ncontact_id,{external}\n".encode())
    )


def _send(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    with urllib.request.urlopen(urllib.request.Request(url, body, dict(headers)), timeout=30) as answer:
        assert answer.status == 200, url


WAYS: Mapping[str, Way] = {
    "said at a call's end": Way(_until_listed, ALL, _call_begins, suffix="10"),
    "said during a call": Way(_until_listed, ALL, _call_begins, suffix="10", says="meanwhile"),
    "while it rings": Way(_on_their_page, ALL, _until_it_rings, suffix="02"),
    "email link": Way(_click, EMAIL, _until_mailed),
    "STOP": Way(_text_back("Stop"), PHONE),
    "STOP in French": Way(_text_back("Arrêt"), PHONE),
    "Twilio's 21610": Way(_refused_text, ALL, suffix="47"),
    "REST API, number": Way(_by_program("phone"), PHONE),
    "REST API, customer": Way(_by_program("customer_id"), ALL),
    "panel": Way(_in_the_panel, PHONE),
    "contact's page": Way(_on_their_page, ALL),
    "file": Way(_in_a_file, ALL),
}  # fmt: skip
#: Nobody lists them: the test would see it if nothing were attempted at all.
CONTROL = "control"


def build(at: Installation, engine: Engine, ways: Sequence[str], each: int = 1) -> World:
    """The database's part, for `each` people a way; nothing runs yet, and nobody is due."""
    with write_transaction(engine) as session:
        session.add(organization := Organization(name="Test", created_at=utcnow()))
        session.flush()
        home = organization.id
        users.add_user(session, ROOT, login="admin", roles=[Role.ADMINISTRATION], password=PASSWORD)
        granted = (Permission.DNC_VIEW, Permission.DNC_EDIT)
        token = api_tokens.create_token(session, ROOT, "test", granted, organization_id=home).text
        listed = ContactList(organization_id=home, name="People", created_at=utcnow(), updated_at=utcnow())
        session.add_all([listed, MediaServer(name="local", url=f"http://{at.at.control}")])
        session.flush()
        people = {
            (name, number): _person(session, listed, name, place * each + number)
            for place, name in enumerate([*ways, CONTROL])
            for number in range(each)
        }
        made = _jobs(session, at, home, listed.id, list(people.values()))
    return World(at, engine, home, made, token, people=people)


def enter(world: World) -> None:
    """Sign in; the web role runs by now."""
    world.panel = Panel(f"http://{world.at.at.web}")


def _person(session: Session, listed: ContactList, name: str, place: int) -> int:
    way = WAYS.get(name, Way(_in_a_file, ALL))
    contact = Contact(
        organization_id=listed.organization_id, contact_list_id=listed.id, external_id=f"P{place:05d}",
        customer_id=f"K{place:05d}", time_zone="America/New_York", attributes={"says": way.says},
        created_at=utcnow(), updated_at=utcnow(),
    )  # fmt: skip
    session.add(contact)
    session.flush()
    phone = f"+1212{555 + place // 100}{place % 100:02d}{way.suffix}"
    addresses = ((AddressKind.PHONE, "phone1", phone), (AddressKind.EMAIL, "email", f"p{place}@example.org"))
    for kind, label, value in addresses:
        session.add(
            Address(
                organization_id=listed.organization_id, contact_id=contact.id, kind=kind, name=label, value=value,
                original=value, country="US" if kind is AddressKind.PHONE else "", time_zones="America/New_York",
            )
        )  # fmt: skip
    return contact.id


def _jobs(session: Session, at: Installation, home: int, list_id: int, people: Sequence[int]) -> dict[str, int]:
    window = CallingWindow(organization_id=home, name="Always", hours={}, always_open=True)
    host, _, port = at.at.carrier_sip.rpartition(":")
    trunk = Trunk(name="Simulated carrier", host=host, port=int(port), simulated=True, calls_per_second=200)
    session.add_all([window, trunk])
    script = scripts.create_script(session, ROOT, "Asks", "", home)
    revision = scripts.upload_revision(session, ROOT, script.id, scripts.prepare("asks.vxml", _SCRIPT.encode()))
    scripts.publish(session, ROOT, revision.id)
    session.flush()
    made = {}
    for name, action in JOBS.items():
        xml = f'<Strategy xmlns="urn:clarion:strategy:1" name="{name}"><Handler name="h">{action}</Handler></Strategy>'
        strategy = strategies.create_strategy(session, ROOT, name, xml, "", home)
        strategies.publish(session, ROOT, strategies.list_revisions(session, ROOT, strategy.id)[0].id)
        fields = campaigns.CampaignFields(
            name=name, contact_list_id=list_id, strategy_id=strategy.id, script_id=script.id,
            calling_window_id=window.id, trunk_id=trunk.id, caller_id="+15550100000", pacing={"mode": "none"},
            senders={"sms": "+15550100000", "email": "test@example.org"},
        )  # fmt: skip
        job = jobs.start_job(session, ROOT, campaigns.create_campaign(session, ROOT, fields, home).id)
        job.state, job.started_at, job.audience, job.frozen = JobState.RUNNING, utcnow(), len(people), True
        session.add_all(_held(job, contact) for contact in people)
        made[name] = job.id
    return made


def _held(job: Job, contact_id: int) -> JobContact:
    return JobContact(
        organization_id=job.organization_id, job_id=job.id, contact_id=contact_id, lane=contact_id % 64,
        due_at=utcnow() + FAR, strategy_state={}, updated_at=utcnow(),
    )  # fmt: skip
