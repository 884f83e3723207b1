"""Digest authentication of our requests (RFC 2617, RFC 7616, RFC 8760): MD5 and SHA-256, qop auth or none."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from mediaserver.switch.sip.message import Response
from mediaserver.switch.sip.uri import QUOTED, TOKEN

#: Challenges answered for one call; a server that goes on asking is taken to refuse.
MAX_CHALLENGES = 4
#: Strongest first.
HASHES = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}
_SCHEME = re.compile(rf"[\s,]*({TOKEN})\s+(?={TOKEN}\s*=)")
_PARAM = re.compile(rf"[\s,]*({TOKEN})\s*=\s*({QUOTED}|[^\s,\"]+)")


@dataclass(frozen=True, slots=True)
class Challenge:
    """`realm`, `nonce` and `opaque` stay as between the quotes on the wire."""

    realm: str
    nonce: str
    algorithm: str
    written_algorithm: str
    with_qop: bool
    opaque: str | None
    is_stale: bool
    is_proxy: bool


@dataclass(slots=True)
class _Answer:
    challenge: Challenge
    count: int = 0


@dataclass(slots=True)
class Credentials:
    """A trunk's user and the challenges answered with it during one call. `cnonce` makes a client nonce."""

    username: str
    password: str = field(repr=False)
    cnonce: Callable[[], str]
    _answers: dict[tuple[bool, str], _Answer] = field(default_factory=dict)
    _seen: int = 0

    def accept(self, response: Response) -> str:
        """Take a 401's or 407's challenges. "" when the request is worth repeating, else why it is not."""
        if not self.username:
            return "the trunk asks for credentials and has none configured"
        self._seen += 1
        challenges = _choose(read_challenges(response))
        if not challenges:
            return "the trunk offers no digest we can answer (MD5 or SHA-256, qop auth or none)"
        if self._seen > MAX_CHALLENGES:
            return "the trunk goes on asking for credentials"
        for challenge in challenges:
            key = (challenge.is_proxy, challenge.realm)
            if key in self._answers and not challenge.is_stale:
                return "the trunk refused the credentials"
            self._answers[key] = _Answer(challenge)
        return ""

    def renewed(self) -> Credentials:
        """The same user with the challenges answered so far, which count no more."""
        return Credentials(self.username, self.password, self.cnonce, {})

    def headers(self, method: str, uri: str) -> list[tuple[str, str]]:
        """The Authorization and Proxy-Authorization headers of the next request."""
        return [
            (
                "Proxy-Authorization" if answer.challenge.is_proxy else "Authorization",
                self._authorize(answer, method, uri),
            )
            for answer in self._answers.values()
        ]

    def _authorize(self, answer: _Answer, method: str, uri: str) -> str:
        challenge = answer.challenge
        digest = hasher(challenge.algorithm)
        username = self.username.replace("\\", "\\\\").replace('"', '\\"')
        secret = digest(f"{self.username}:{challenge.realm}:{self.password}")
        target = digest(f"{method}:{uri}")
        parts = [
            f'username="{username}"',
            f'realm="{challenge.realm}"',
            f'nonce="{challenge.nonce}"',
            f'uri="{uri}"',
        ]
        if challenge.with_qop:
            answer.count += 1
            count, cnonce = f"{answer.count:08x}", self.cnonce()
            result = digest(f"{secret}:{challenge.nonce}:{count}:{cnonce}:auth:{target}")
            parts += [f'response="{result}"', "qop=auth", f"nc={count}", f'cnonce="{cnonce}"']
        else:
            parts.append(f'response="{digest(f"{secret}:{challenge.nonce}:{target}")}"')
        if challenge.written_algorithm:
            parts.append(f"algorithm={challenge.written_algorithm}")
        if challenge.opaque is not None:
            parts.append(f'opaque="{challenge.opaque}"')
        return "Digest " + ", ".join(parts)


def hasher(algorithm: str) -> Callable[[str], str]:
    return lambda text: HASHES[algorithm](text.encode("utf-8", "surrogateescape")).hexdigest()


def read_challenges(response: Response) -> list[Challenge]:
    """Every Digest challenge of the response that we can answer; others are left out."""
    found: list[Challenge] = []
    for name in ("www-authenticate", "proxy-authenticate"):
        for value in response.headers.all(name):
            for scheme, params in auth_parameters(value):
                challenge = _challenge(params, is_proxy=name.startswith("proxy"))
                if scheme.lower() == "digest" and challenge is not None:
                    found.append(challenge)
    return found


def auth_parameters(value: str) -> list[tuple[str, dict[str, str]]]:
    """The schemes of a WWW-Authenticate or Authorization line and their parameters, all comma-separated."""
    result: list[tuple[str, dict[str, str]]] = []
    position = 0
    while position < len(value):
        if match := _SCHEME.match(value, position):
            result.append((match[1], {}))
        elif (match := _PARAM.match(value, position)) and result:
            text = match[2]
            result[-1][1].setdefault(match[1].lower(), text[1:-1] if text.startswith('"') else text)
        else:
            break
        position = match.end()
    return result


def _challenge(params: dict[str, str], *, is_proxy: bool) -> Challenge | None:
    algorithm = params.get("algorithm", "MD5").upper()
    qops = [qop.strip().lower() for qop in params.get("qop", "").split(",") if qop.strip()]
    if "nonce" not in params or algorithm not in HASHES or (qops and "auth" not in qops):
        return None
    return Challenge(
        realm=params.get("realm", ""),
        nonce=params["nonce"],
        algorithm=algorithm,
        written_algorithm=params.get("algorithm", ""),
        with_qop=bool(qops),
        opaque=params.get("opaque"),
        is_stale=params.get("stale", "").lower() == "true",
        is_proxy=is_proxy,
    )


def _choose(challenges: list[Challenge]) -> list[Challenge]:
    """For each realm the strongest algorithm (RFC 8760 2.4)."""
    best: dict[tuple[bool, str], Challenge] = {}
    order = list(HASHES)
    for challenge in challenges:
        key = (challenge.is_proxy, challenge.realm)
        if key not in best or order.index(challenge.algorithm) < order.index(best[key].algorithm):
            best[key] = challenge
    return list(best.values())
