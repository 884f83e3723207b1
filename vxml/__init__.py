"""A VoiceXML 2.1 browser, sans-IO: documents and inputs in, commands and events out, `now` a parameter."""

from vxml.check import Problem, Severity, check
from vxml.session import ConnectionInfo, Limits, Redirect, Session, SessionConfig

__all__ = ["ConnectionInfo", "Limits", "Problem", "Redirect", "Session", "SessionConfig", "Severity", "check"]
