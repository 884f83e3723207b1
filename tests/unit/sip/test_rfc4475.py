"""Every torture message of RFC 4475, judged as its section says. Skipped where the suite is absent.

`CLARION_SIP_TORTURE` names the folder of the `.dat` files (the appendix of the RFC unpacked).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediaserver.switch.sip.message import parse_message
from mediaserver.switch.sip.transaction import Address
from mediaserver.switch.sip.uri import ParseError
from tests.support.sip_bench import SipBench
from tests.support.torture import SUITE, torture_messages

pytestmark = pytest.mark.skipif(not SUITE.is_dir(), reason="the RFC 4475 messages are not on this machine")

#: Name -> what the user agent answers (None: nothing leaves, as for every response), by section.
VERDICTS: dict[str, int | None] = {
    # 3.1.1 valid messages, answered on their merits: 403 to INVITE (481 with a To tag), 405 to REGISTER and MESSAGE.
    "wsinv": 481, "intmeth": 501, "esc01": 403, "escnull": 405, "esc02": 501, "lwsdisp": 200, "longreq": 403,
    "dblreq": 405, "semiuri": 200, "transports": 200, "mpart01": 405, "unreason": None, "noreason": None,
    # 3.1.2 invalid messages.
    "badinv01": 400, "clerr": 400, "ncl": 400, "scalar02": 400, "scalarlg": None, "quotbal": 400, "ltgtruri": 400,
    "lwsruri": 400, "lwsstart": 400, "trws": 400, "escruri": 400, "regbadct": 400, "badaspec": 400, "baddn": 400,
    "badvers": 505, "mismatch01": 400, "mismatch02": 400, "bigcode": None,
    # 3.1.2.12: "an element could ignore a malformed Date", and we do.
    "baddate": 403,
    # 3.2 transaction layer: a branch of the magic cookie alone is matched as RFC 2543 did.
    "badbranch": 200,
    # 3.3 application layer.
    "insuf": 400, "unkscm": 416, "novelsc": 416, "unksm2": 405, "bext01": 420, "invut": 415, "regaut01": 405,
    "multi01": 400, "mcl01": 400, "bcast": None, "zeromf": 200, "cparam01": 405, "cparam02": 405, "regescrt": 405,
    "sdp01": 406,
    # 3.4 backward compatibility.
    "inv2543": 403,
}  # fmt: skip


def test_every_message_has_its_verdict() -> None:
    assert {path.stem for path in torture_messages()} <= set(VERDICTS)


@pytest.mark.parametrize("path", torture_messages(), ids=lambda path: path.stem)
def test_the_message_is_judged_as_its_section_says(path: Path) -> None:
    agent = SipBench().agent
    agent.receive(path.read_bytes(), Address("192.0.2.1", 5060), 0.0)
    # Only the status line: the answer copies what is malformed.
    statuses = [int(datagram.data.split()[1]) for datagram in agent.datagrams()]
    expected = VERDICTS[path.stem]
    assert statuses == ([] if expected is None else [expected])
    assert agent.events() == []


@pytest.mark.parametrize("path", torture_messages(), ids=lambda path: path.stem)
def test_a_message_cut_anywhere_is_read_or_refused(path: Path) -> None:
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        try:
            parse_message(data[:length])
        except ParseError:
            continue


def test_valid_messages_give_their_odd_values() -> None:
    spaced = parse_message((SUITE / "wsinv.dat").read_bytes())
    assert (spaced.cseq.number, spaced.to_addr.tag, spaced.from_addr.tag) == (9, "1918181833n", "98asjd8")
    assert spaced.from_addr.display == 'J Rosenberg \\"'
    odd = parse_message((SUITE / "intmeth.dat").read_bytes())
    assert odd.from_addr.tag == "_token~1'+`*%!-."
    escaped = parse_message((SUITE / "esc02.dat").read_bytes())
    # An escaped header name is not that header (3.1.1.5).
    assert escaped.headers.list("contact") == ["<sip:alias1@host1.example.com>", "<sip:alias3@host3.example.com>"]
