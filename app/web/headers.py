"""Security headers of every answer. No inline script or style anywhere; only the script editor's page has a nonce."""

from __future__ import annotations

import secrets

from flask import Flask, Response, g

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src {style}; img-src 'self' data:; font-src 'self'; "
    "connect-src {connect}; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def allow_connection(origin: str) -> None:
    """Let this page's scripts also connect to `origin` (the live stream's)."""
    g.connect_origin = origin


def style_nonce() -> str:
    """Let this page's scripts make style sheets that carry the nonce, which is new with each request."""
    g.style_nonce = secrets.token_urlsafe(16)
    return str(g.style_nonce)


def install(app: Flask, *, https: bool) -> None:
    def protect(response: Response) -> Response:
        headers = response.headers
        connect = " ".join(filter(None, ("'self'", g.get("connect_origin", ""))))
        style = f"'self' 'nonce-{nonce}'" if (nonce := g.get("style_nonce")) else "'self'"
        headers.setdefault("Content-Security-Policy", _POLICY.format(connect=connect, style=style))
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        if "Cache-Control" not in headers:
            headers["Cache-Control"] = "no-store"
        if https:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        return response

    app.after_request(protect)
