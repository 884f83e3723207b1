"""The media servers that engines may use."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import MediaServer
from app.security.access import Actor, Permission


def ensure_media_server(session: Session, name: str, url: str) -> MediaServer:
    """The media server of that name, at that control API address."""
    server = session.scalar(select(MediaServer).where(MediaServer.name == name))
    if server is None:
        server = MediaServer(name=name, url=url)
        session.add(server)
    server.url = url
    session.flush()
    return server


def list_media_servers(session: Session, actor: Actor) -> list[MediaServer]:
    actor.require(Permission.JOBS_VIEW)
    return list(session.scalars(select(MediaServer).order_by(MediaServer.name)))
