"""Who may call us, and that nobody else learns anything."""

from __future__ import annotations

import hashlib
import re

import pytest

from common.errors import Refused
from mediaserver.switch.sip.door import Door, Phone, read_networks
from mediaserver.switch.sip.events import Incoming
from mediaserver.switch.sip.message import Response
from mediaserver.switch.sip.transaction import Address
from tests.support.sip_bench import ANSWER, SipBench

STRANGER = Address("192.0.2.66", 5060)
TESTER = Address("198.51.100.7", 5060)


class Porch(SipBench):
    """A user agent with a phone `201`, another that needs no password at its place, and a test number."""

    def __init__(self) -> None:
        self.door = Door()
        phones = [Phone("201", "secret"), Phone("desk", "", read_networks("s", ["203.0.113.0/24"]))]
        self.door.open_to(phones, {"+15550199": read_networks("s", ["198.51.100.7"])}, ("SHA-256", "MD5"))
        super().__init__(door=self.door)
        self._count = 0

    def dial(
        self, number: str, source: Address = STRANGER, *, user: str = "anna", more: str = "", sdp: bytes = ANSWER
    ) -> Response:
        """The final response, or the last one where it rings."""
        self._count += 1
        head = (
            f"INVITE sip:{number}@127.0.0.1:5080 SIP/2.0\n"
            f"Via: SIP/2.0/UDP {source.host}:5060;branch=z9hG4bK-{self._count}\n"
            f"From: <sip:{user}@{source.host}>;tag=t\nTo: <sip:{number}@127.0.0.1>\nCall-ID: c{self._count}\n"
            f"CSeq: {self._count} INVITE\nMax-Forwards: 70\nContact: <sip:{user}@{source.host}>\n{more}"
            f"Content-Type: application/sdp\nContent-Length: {len(sdp)}\n\n"
        )
        self.receive(head.replace("\n", "\r\n").encode() + sdp, source)
        return self.responses()[-1]

    def raw(self, uri: str, source: Address = STRANGER) -> int:
        """The status that an INVITE to any URI gets."""
        self._count += 1
        self.receive(
            f"INVITE {uri} SIP/2.0\nVia: SIP/2.0/UDP {source.host}:5060;branch=z9hG4bK-{self._count}\n"
            f"From: <tel:+1>;tag=t\nTo: <{uri}>\nCall-ID: c{self._count}\nCSeq: 1 INVITE\nMax-Forwards: 70\n"
            "Contact: <sip:a@b>\nContent-Length: 0\n\n",
            source,
        )
        return self.responses()[-1].status

    def register(self, contact: str, *, user: str = "201", expires: str = "", source: Address = STRANGER) -> Response:
        """With the right credentials."""
        more = ""
        for _ in range(2):
            self._count += 1
            self.receive(
                "REGISTER sip:127.0.0.1:5080 SIP/2.0\n"
                f"Via: SIP/2.0/UDP {source.host}:5060;branch=z9hG4bK-{self._count}\n"
                f"From: <sip:{user}@h>;tag=t\nTo: <sip:{user}@h>\nCall-ID: r\nCSeq: {self._count} REGISTER\n"
                f"Max-Forwards: 70\nContact: {contact}\n{expires}{more}Content-Length: 0\n\n",
                source,
            )
            answer = self.responses()[-1]
            if answer.status == 401 and not more:
                more = self.credentials("", nonce_of(answer), method="REGISTER", uri="sip:127.0.0.1:5080", user=user)
        return answer

    def credentials(self, number: str, nonce: str, **changes: str) -> str:
        said = {"user": "201", "password": "secret", "nc": "00000001", "algorithm": "MD5", **changes}
        make = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[said["algorithm"]]

        def digest(text: str) -> str:
            return make(text.encode()).hexdigest()

        uri = changes.get("uri", f"sip:{number}@127.0.0.1:5080")
        secret, target = (
            digest(f"{said['user']}:clarion:{said['password']}"),
            digest(f"{changes.get('method', 'INVITE')}:{uri}"),
        )
        response = digest(f"{secret}:{nonce}:{said['nc']}:c:auth:{target}")
        return (
            f'Authorization: Digest username="{said["user"]}", realm="clarion", nonce="{nonce}", uri="{uri}",'
            f' response="{response}", algorithm={said["algorithm"]}, qop=auth, nc={said["nc"]}, cnonce="c"\n'
        )

    def shown(self, number: str, nonce: str = "", **changes: str) -> Response:
        """The call again, with credentials."""
        return self.dial(number, more=self.credentials(number, nonce or nonce_of(self.dial(number)), **changes))


def nonce_of(response: Response) -> str:
    match = re.search('nonce="([^"]+)"', response.headers.all("www-authenticate")[0])
    assert match is not None
    return match[1]


def test_a_stranger_gets_the_same_whatever_is_dialled_and_whoever_is_named() -> None:
    porch = Porch()
    answers = [
        porch.dial(number, user=user, more=more)
        for number in ("agent", "201", "+15550199", "nobody")
        for user in ("201", "desk", "anna")
        for more in ("", "Require: 100rel\n", "Accept: text/plain\n")
    ]

    assert {answer.status for answer in answers} == {401}
    assert {re.sub('nonce="[^"]+"', "", str(answer.headers.all("www-authenticate"))) for answer in answers} == {
        str([f'Digest realm="clarion", , algorithm={name}, qop="auth"' for name in ("SHA-256", "MD5")])
    }
    assert not porch.of(Incoming)


@pytest.mark.parametrize("uri", ["tel:+15550199", "mailto:a@b", "sip:h", "sips:agent@h", "urn:service:sos"])
def test_whatever_kind_of_address_is_dialled_is_answered(uri: str) -> None:
    porch = Porch()
    assert (porch.raw(uri), porch.raw(uri, TESTER)) == (401, 401)


def test_without_phones_that_have_passwords_a_stranger_is_forbidden() -> None:
    porch = Porch()
    porch.door.open_to((), {})
    assert porch.dial("agent").status == 403


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_a_phone_that_shows_its_password_rings(algorithm: str) -> None:
    porch = Porch()

    assert porch.shown("agent", algorithm=algorithm).status == 180
    (call,) = porch.of(Incoming)
    assert (call.number, call.user) == ("agent", "201")


def test_only_the_algorithms_asked_for_are_taken() -> None:
    porch = Porch()
    porch.door.open_to([Phone("201", "secret")], {})

    assert len(porch.dial("agent").headers.all("www-authenticate")) == 1
    assert (porch.shown("agent", algorithm="SHA-256").status, porch.shown("agent").status) == (403, 180)


@pytest.mark.parametrize(("number", "status"), [("201", 180), ("+15550199", 180), ("desk", 404), ("nobody", 404)])
def test_a_known_phone_hears_of_numbers_that_are_not_there(number: str, status: int) -> None:
    assert Porch().shown(number).status == status


@pytest.mark.parametrize(
    "changes",
    [{"password": "guess"}, {"user": "ghost"}, {"user": "desk", "password": ""}, {"uri": "sip:other@127.0.0.1"}],
)
def test_wrong_credentials_are_forbidden(changes: dict[str, str]) -> None:
    porch = Porch()
    assert porch.shown("agent", **changes).status == 403
    assert not porch.of(Incoming)


def test_a_copied_or_old_answer_opens_nothing() -> None:
    porch = Porch()
    nonce = nonce_of(porch.dial("agent"))
    assert porch.shown("agent", nonce).status == 180
    again = porch.shown("agent", nonce)
    assert (again.status, "stale=true" in str(again.headers.all("www-authenticate"))) == (401, True)
    assert porch.shown("agent", nonce, nc="00000002").status == 180
    porch.now += 61.0
    assert porch.shown("agent", nonce, nc="00000003").status == 401
    assert porch.shown("agent", "made-up-here").status == 401


def test_who_guesses_is_not_asked_any_more_for_a_while() -> None:
    porch = Porch()
    for _ in range(10):
        porch.shown("agent", password="guess")
    assert porch.dial("agent").status == 403
    assert porch.dial("agent", TESTER).status == 401
    porch.now += 61.0
    assert porch.shown("agent").status == 180


def test_a_phone_without_a_password_is_known_by_its_place() -> None:
    porch = Porch()
    there = Address("203.0.113.9", 5060)

    assert porch.dial("agent", there, user="desk").status == 180
    assert porch.dial("agent", there, user="201").status == 401
    assert porch.dial("agent", user="desk").status == 401


def test_a_test_number_is_open_to_its_sources_alone() -> None:
    porch = Porch()

    assert porch.dial("+15550199", TESTER).status == 180
    assert porch.dial("agent", TESTER).status == 401
    assert porch.of(Incoming)[0].user == ""


@pytest.mark.parametrize(
    ("more", "sdp", "status"),
    [("Require: 100rel\n", ANSWER, 420), ("Accept: text/plain\n", ANSWER, 406), ("", b"v=1\r\n", 488)],
)
def test_who_is_let_in_and_cannot_be_spoken_with_is_told_why(more: str, sdp: bytes, status: int) -> None:
    assert Porch().dial("+15550199", TESTER, more=more, sdp=sdp).status == status


def test_a_phone_tells_where_it_is_until_it_leaves_or_its_time_is_over() -> None:
    porch = Porch()
    answer = porch.register("<sip:201@192.0.2.66:5062;x=1>", expires="Expires: 90\n")
    assert (answer.status, answer.headers.get("contact")) == (200, "<sip:201@192.0.2.66:5062;x=1>;expires=90")
    place = porch.door.place_of("201", porch.now)
    assert place is not None
    assert (place.uri, place.at) == ("sip:201@192.0.2.66:5062;x=1", STRANGER)
    assert porch.door.place_of("201", porch.now + 91) is None
    assert porch.register("*", expires="Expires: 0\n").status == 200
    assert porch.door.place_of("201", porch.now) is None
    assert porch.register("<sip:201@h>;expires=5").headers.get("contact") == "<sip:201@h>;expires=60"
    porch.door.open_to((), {})
    assert porch.door.place_of("201", porch.now) is None


@pytest.mark.parametrize(("contact", "status"), [("<tel:+1>", 400), ("<sip:a@b>;expires=x", 200), ("*", 200)])
def test_a_registration_that_names_no_place_is_answered(contact: str, status: int) -> None:
    assert Porch().register(contact).status == status


def test_a_stranger_registers_nowhere() -> None:
    porch = Porch()
    assert porch.register("<sip:ghost@h>", user="ghost").status == 403
    assert porch.register("<sip:desk@h>", user="desk").status == 403
    assert porch.register("<sip:desk@h>", user="desk", source=Address("203.0.113.9", 5060)).status == 200


@pytest.mark.parametrize("texts", ["10.0.0.1", [1], ["10.0.0.0/40"]])
def test_networks_that_are_none_are_refused(texts: object) -> None:
    with pytest.raises(Refused, match="sources"):
        read_networks("sources", texts)
