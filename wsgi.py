"""The WSGI entry: any server that speaks WSGI can serve Clarion's web role as `wsgi:app`.

`clarion web` does it with granian, and runs the live streams and imports beside it.
"""

from __future__ import annotations

from app.web.application import create_app

app = create_app()
