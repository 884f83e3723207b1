"""Digest: known vectors, the choice among challenges, and whole authenticated calls."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from common.control import Disposition, Trunk
from mediaserver.switch.sip.digest import Credentials, read_challenges
from mediaserver.switch.sip.events import Ended, Established, Failed
from mediaserver.switch.sip.message import Headers, Response
from tests.support.sip_bench import ANSWER, FAR, SPEC, SipBench

TRUNK = Trunk(FAR.host, FAR.port, username="user", password="secret")
AUTHENTICATED = replace(SPEC, trunk=TRUNK)


def challenge(value: str, status: int = 401) -> Response:
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    return Response(status, "Unauthorized", Headers([(name, value)]))


def authorization(value: str, *, username: str = "Mufasa", password: str, method: str, uri: str, cnonce: str) -> str:
    credentials = Credentials(username, password, lambda: cnonce)
    assert credentials.accept(challenge(value)) == ""
    return credentials.headers(method, uri)[0][1]


def test_answers_the_example_of_rfc_2617() -> None:
    value = authorization(
        'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'opaque="5ccc069c403ebaf9f0171e9517f40e41"',
        password="Circle Of Life",
        method="GET",
        uri="/dir/index.html",
        cnonce="0a4f113b",
    )
    assert 'response="6629fae49393a05397450978507c4ef1"' in value
    assert 'qop=auth, nc=00000001, cnonce="0a4f113b"' in value
    assert 'opaque="5ccc069c403ebaf9f0171e9517f40e41"' in value
    assert "algorithm" not in value


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_answers_the_examples_of_rfc_7616(algorithm: str, response: str) -> None:
    value = authorization(
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
        password="Circle of Life",
        method="GET",
        uri="/dir/index.html",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert f'response="{response}"' in value
    assert f"algorithm={algorithm}" in value


def test_without_qop_answers_as_rfc_2069_did() -> None:
    value = authorization('Digest realm="r", nonce="n"', password="p", method="INVITE", uri="sip:a@b", cnonce="c")
    assert "qop" not in value
    assert "nc=" not in value


def test_the_count_goes_up_with_each_use_of_a_nonce() -> None:
    credentials = Credentials("user", "secret", lambda: "c")
    credentials.accept(challenge('Digest realm="r", nonce="n", qop="auth"'))
    counts = [re.findall(r"nc=(\w+)", credentials.headers("BYE", "sip:a@b")[0][1])[0] for _ in range(3)]
    assert counts == ["00000001", "00000002", "00000003"]


def test_the_strongest_algorithm_of_a_realm_is_answered() -> None:
    credentials = Credentials("user", "secret", lambda: "c")
    response = Response(
        401,
        "Unauthorized",
        Headers(
            [
                ("WWW-Authenticate", 'Digest realm="a", nonce="1", algorithm=MD5, Digest realm="a", nonce="2", '
                                     'algorithm=SHA-256'),
                ("WWW-Authenticate", 'Digest realm="a", nonce="3", algorithm=SHA-512-256'),
                ("Proxy-Authenticate", 'Digest realm="b", nonce="4"'),
            ]
        ),
    )  # fmt: skip
    assert credentials.accept(response) == ""
    headers = credentials.headers("INVITE", "sip:a@b")
    assert [name for name, _ in headers] == ["Authorization", "Proxy-Authorization"]
    assert 'nonce="2"' in headers[0][1]
    assert 'nonce="4"' in headers[1][1]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Basic realm=x",
        'Digest realm="r"',
        'Digest realm="r", nonce="n", qop="auth-int"',
        'Digest realm="r", nonce="n", algorithm=MD5-sess',
        "Digest",
        'Digest realm="r, nonce=',
        ",,,=",
    ],
)
def test_a_challenge_it_cannot_answer_is_said_to_be_so(value: str) -> None:
    assert read_challenges(challenge(value)) == []
    assert "no digest we can answer" in Credentials("user", "secret", str).accept(challenge(value))


def test_the_password_stays_out_of_the_representation() -> None:
    assert "secret" not in repr(Credentials("user", "secret", str))


CHALLENGES = [(401, "WWW-Authenticate", "authorization"), (407, "Proxy-Authenticate", "proxy-authorization")]


@pytest.mark.parametrize(("status", "asks", "answers"), CHALLENGES)
def test_a_challenged_call_is_repeated_with_the_same_call_id_and_from_tag(status: int, asks: str, answers: str) -> None:
    bench = SipBench()
    first = bench.call(AUTHENTICATED)
    bench.reply(first, status, headers=((asks, 'Digest realm="r", nonce="n", qop="auth"'),))
    second = bench.requests("INVITE")[1]
    assert (second.call_id, second.from_addr.tag) == (first.call_id, first.from_addr.tag)
    assert second.cseq.number == first.cseq.number + 1
    assert second.via.branch != first.via.branch
    assert second.headers.get(answers) is not None
    bench.reply(second, 200, sdp=ANSWER)
    assert len(bench.of(Established)) == 1
    assert bench.requests("ACK")[1].headers.get(answers) == second.headers.get(answers)
    bench.hang_up()
    bye = bench.requests("BYE")[0]
    assert bye.cseq.number == second.cseq.number + 1
    assert "nc=00000002" in (bye.headers.get(answers) or "")
    bench.reply(bye, 200)
    bench.assert_nothing_left()


def test_wrong_credentials_end_as_auth_failed() -> None:
    bench = SipBench()
    asks = (("Proxy-Authenticate", 'Digest realm="r", nonce="n", qop="auth"'),)
    bench.reply(bench.call(AUTHENTICATED), 407, headers=asks)
    bench.reply(bench.requests("INVITE")[1], 407, headers=asks)
    (failed,) = bench.of(Failed)
    assert (failed.disposition, failed.sip_status) == (Disposition.AUTH_FAILED, 407)
    assert "refused the credentials" in failed.reason
    assert len(bench.requests("INVITE")) == 2
    bench.assert_nothing_left()


def test_a_stale_nonce_is_answered_again_but_not_for_ever() -> None:
    bench = SipBench()
    bench.call(AUTHENTICATED)
    for number in range(6):
        stale = "" if number == 0 else ", stale=true"
        asks = (("Proxy-Authenticate", f'Digest realm="r", nonce="n{number}"{stale}'),)
        bench.reply(bench.requests("INVITE")[-1], 407, headers=asks)
    assert len(bench.requests("INVITE")) == 5
    assert [event.disposition for event in bench.of(Failed)] == [Disposition.AUTH_FAILED]
    bench.assert_nothing_left()


def test_without_credentials_a_challenge_is_an_authentication_failure() -> None:
    bench = SipBench()
    bench.reply(bench.call(), 401, headers=(("WWW-Authenticate", 'Digest realm="r", nonce="n"'),))
    (failed,) = bench.of(Failed)
    assert (failed.disposition, failed.sip_status) == (Disposition.AUTH_FAILED, 401)
    assert "none configured" in failed.reason


def test_a_challenge_after_the_cancel_is_not_answered() -> None:
    bench = SipBench()
    invite = bench.call(AUTHENTICATED)
    bench.reply(invite, 100)
    bench.hang_up()
    bench.reply(invite, 407, headers=(("Proxy-Authenticate", 'Digest realm="r", nonce="n"'),))
    assert len(bench.requests("INVITE")) == 1
    assert [event.disposition for event in bench.of(Failed)] == [Disposition.CANCELLED]


def test_a_challenged_bye_is_repeated_with_credentials() -> None:
    bench = SipBench()
    invite = bench.call(AUTHENTICATED)
    bench.reply(invite, 200, sdp=ANSWER)
    bench.hang_up()
    bench.reply(bench.requests("BYE")[0], 401, headers=(("WWW-Authenticate", 'Digest realm="r", nonce="n"'),))
    assert bench.requests("BYE")[1].headers.get("authorization") is not None
    assert bench.of(Ended) == []
    bench.reply(bench.requests("BYE")[1], 200)
    assert len(bench.of(Ended)) == 1
    bench.assert_nothing_left()


def test_a_realm_that_is_not_utf8_is_answered_with_its_own_bytes() -> None:
    bench = SipBench()
    asks = (("Proxy-Authenticate", 'Digest realm="\udcff", nonce="n"'),)
    bench.reply(bench.call(AUTHENTICATED), 407, headers=asks)
    assert b'realm="\xff"' in bench.requests("INVITE")[1].serialize()
