from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

import app.web as web
from tests.support.panel import PASSWORD, World

WEB = Path(web.__file__).parent
TEMPLATES = sorted(WEB.rglob("*.html"))


def test_forbids_inline_scripts_and_other_sites(admin: FlaskClient) -> None:
    headers = admin.get("/").headers

    policy = headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


def test_lets_a_job_page_reach_the_live_streams_and_nothing_else(admin: FlaskClient, world: World) -> None:
    policy = admin.get(f"/jobs/{world.job_id}").headers["Content-Security-Policy"]

    assert "connect-src 'self' http://localhost:8001;" in policy


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_holds_script_style_or_handlers(template: Path) -> None:
    text = template.read_text("utf-8")

    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert "<style" not in text
    assert not re.search(r"\sstyle\s*=", text)
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_form_that_posts_carries_its_token(template: Path) -> None:
    text = template.read_text("utf-8")

    for form in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", text, re.S):
        exempt = template.name == "unsubscribe.html"  # its address is the secret
        assert exempt or "csrf" in form, form[:120]


def test_refuses_a_post_without_the_token(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    answer = app.test_client().post("/sign-in", data={"login": "admin", "password": PASSWORD})

    assert answer.status_code == 400
    assert "Load it again" in answer.text


def test_takes_a_post_with_the_token(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    client = app.test_client()
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/sign-in").text)
    assert found

    data = {"login": "admin", "password": PASSWORD, "csrf_token": found.group(1)}
    assert client.post("/sign-in", data=data).status_code == 302


def test_keeps_the_cookie_from_scripts_and_other_sites(client: FlaskClient) -> None:
    cookie = client.post("/sign-in", data={"login": "admin", "password": PASSWORD}).headers["Set-Cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/lists/1/deletion/start"),
        ("GET", "/lists/new"),
        ("POST", "/scripts/1/revisions/1/publish"),
        ("GET", "/campaigns/new"),
        ("POST", "/dnc/"),
        ("GET", "/users/"),
        ("GET", "/audit/"),
        ("POST", "/contacts/1/dnc"),
    ],
)
def test_refuses_what_a_supervisor_may_not_do(signed_in: Callable[[str], FlaskClient], method: str, path: str) -> None:
    answer = signed_in("watcher").open(path, method=method)

    assert answer.status_code == 403
    assert "ask an administrator" in answer.text


def test_hides_what_a_supervisor_may_not_do(signed_in: Callable[[str], FlaskClient], world: World) -> None:
    watcher = signed_in("watcher")

    assert "/lists/new" not in watcher.get("/lists/").text
    assert "Do not call</button>" not in watcher.get(f"/contacts/{world.contact_id}").text
    assert 'href="/users/"' not in watcher.get("/").text


def test_refuses_large_requests_before_reading_them(admin: FlaskClient) -> None:
    answer = admin.post("/dnc/", data={"value": "x" * 3_000_000})

    assert answer.status_code == 413


def test_takes_uploads_from_signed_in_people_alone(
    app: Flask, client: FlaskClient, admin: FlaskClient, world: World
) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="large.csv"\r\n\r\n'
    body = head + b"id,phone\n" + b"1,+12125550101\n" * 200_000 + b"\r\n--x--\r\n"

    def upload(by: FlaskClient) -> int:
        path = f"/lists/{world.list_id}/upload"
        return by.post(path, data=body, content_type="multipart/form-data; boundary=x").status_code

    assert upload(admin) == 302
    uploads = list((Path(app.config["CLARION"].home) / "uploads").iterdir())
    assert upload(client) in (302, 413)
    assert list((Path(app.config["CLARION"].home) / "uploads").iterdir()) == uploads


def test_serves_static_files_for_a_year(client: FlaskClient) -> None:
    answer = client.get("/sign-in")
    found = re.search(r'href="(/static/css/clarion.css\?v=[0-9a-f]+)"', answer.text)
    assert found

    with client.get(found.group(1)) as file:
        assert "immutable" in file.headers["Cache-Control"]


def test_says_the_mend_on_error_pages(admin: FlaskClient) -> None:
    answer = admin.get("/jobs/4711", headers={"Accept": "text/html"})

    assert answer.status_code in (404, 409)
    assert "there is n" in answer.text


def test_is_healthy(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}


def test_counts_for_prometheus_on_this_machine_alone(client: FlaskClient) -> None:
    assert 'clarion_jobs_active{state="running"} 1.0' in client.get("/metrics").text
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 403
