"""Security headers of every answer. No inline script or style anywhere, so the policy needs no nonce."""

from __future__ import annotations

from flask import Flask, Response, g

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src {connect}; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def allow_connection(origin: str) -> None:
    """Let this page's scripts also connect to `origin` (the live stream's)."""
    g.connect_origin = origin


def install(app: Flask, *, https: bool) -> None:
    def protect(response: Response) -> Response:
        headers = response.headers
        connect = " ".join(filter(None, ("'self'", g.get("connect_origin", ""))))
        headers.setdefault("Content-Security-Policy", _POLICY.format(connect=connect))
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
