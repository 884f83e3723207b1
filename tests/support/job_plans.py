"""A job's plan as engines read it, without a database."""

from __future__ import annotations

from datetime import UTC, datetime

from app.core.completion import SYSTEM_CODES
from app.core.compliance import Rules
from app.core.strategy import parse
from engine.plans import CodeFlags, JobPlan, TrunkPlan
from pacing.agentless import Pacing

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
STRATEGY = parse(
    """<Strategy xmlns="urn:clarion:strategy:1" name="s"><Handler name="call"><Call><Address attribute="phone1"/>
    <Results default="done">
      <Result code="CALL_BUSY"><Retry count="1" intervals="20"/></Result>
      <Result code="OUTCOME_UNKNOWN"><Retry count="1" intervals="1"/></Result>
      <Result code="PAID" next="call"/>
    </Results></Call></Handler></Strategy>"""
)
PLAN = JobPlan(
    job_id=1,
    organization_id=1,
    campaign_id=1,
    state="running",
    campaign="Campaign",
    strategy=STRATEGY,
    rules=Rules({}),
    pacing=Pacing(),
    trunk=TrunkPlan(1, "t", "127.0.0.1", 5060, "udp", "native", "", "", 10, 10, True),
    caller_id="+12025550100",
    display_name="",
    message="",
    senders={},
    script=None,
    codes={
        **{
            name: CodeFlags(code.closes_contact, code.nuisance, code.do_not_call) for name, code in SYSTEM_CODES.items()
        },
        "PAID": CodeFlags(closes=False, nuisance=False),
        "DECEASED": CodeFlags(closes=True, nuisance=False),
    },
)
