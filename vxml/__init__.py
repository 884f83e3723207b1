"""A VoiceXML 2.1 browser, sans-IO: documents and inputs in, commands and events out, `now` a parameter."""

from vxml.session import ConnectionInfo, Limits, Session, SessionConfig

__all__ = ["ConnectionInfo", "Limits", "Session", "SessionConfig"]
