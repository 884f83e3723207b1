"""Where a call may fetch from: the operator's servers anywhere, an organization's at public addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediaserver.dialog.answer import Problem
from mediaserver.dialog.policy import Policy, Reach
from vxml.messages import FetchProblem

POLICY = Policy(("http://127.0.0.1:8000",), ("https://pay.example", "http://10.0.0.5", "http://8.8.8.8"))


def refused(policy: Policy, url: str) -> bool:
    try:
        policy.place(url)
    except Problem as problem:
        return problem.kind is FetchProblem.FORBIDDEN
    return False


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/vxml/x?y=1#z", "HTTP://127.1:8000/", "http://2130706433:8000/"])
def test_the_application_server_may_be_fetched_wherever_it_is(url: str) -> None:
    assert POLICY.place(url).reach is Reach.ANYWHERE
    assert POLICY.place(url).url.startswith("http://127.0.0.1:8000/")


def test_an_organizations_servers_are_reached_at_public_addresses_only() -> None:
    assert POLICY.place("https://PAY.example./x").reach is Reach.PUBLIC
    assert POLICY.place("http://8.8.8.8/").reach is Reach.PUBLIC
    assert refused(POLICY, "http://10.0.0.5/")
    assert refused(POLICY, "http://0xa000005/")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8001/",
        "https://127.0.0.1:8000/",
        "http://127.0.0.1:8000@evil.example/",
        "http://user@127.0.0.1:8000/",
        "http://127.0.0.1:8000\\@evil.example/",
        "http://localhost:8000/",
        "http://[::ffff:127.0.0.1]:8000/",
        "http://169.254.169.254/",
        "http://127.0.0.1:99999/",
        "http://pay.example/",
        "https://pay.example.evil.example/",
        "file:///etc/passwd",
        "data:text/plain,x",
        "ftp://127.0.0.1:8000/",
        "//127.0.0.1:8000/",
        "",
    ],
)
def test_nothing_else_may_be_fetched(url: str) -> None:
    assert refused(POLICY, url)


def test_files_may_be_read_only_beside_the_script(tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "link").symlink_to("/etc/passwd")
    policy = Policy((folder.as_uri() + "/",))
    assert policy.place((folder / "main.vxml").as_uri()).reach is Reach.FILE
    for url in (
        folder.as_uri() + "/../secret",
        folder.as_uri() + "/%2e%2e/secret",
        (folder / "link").as_uri(),
        tmp_path.as_uri() + "/application",
        f"file://host{folder}/main.vxml",
        "file:main.vxml",
    ):
        assert refused(policy, url), url
