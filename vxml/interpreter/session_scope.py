"""The session variables of RFC 5552 section 2.4, of VoiceXML 2.0 section 5.1.4 and of Experience Portal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from vxml.interpreter.runtime import ConnectionInfo, Runtime, SessionConfig

_SHARED_UUI: Final = re.compile(r"([0-9A-Fa-f]{2}),([^;]*)(?:;|$)")


def fill_session_scope(rt: Runtime, config: SessionConfig) -> None:
    """Raise ScriptError where a value given with the call cannot be told to ECMAScript."""
    engine, scope, info = rt.engine, rt.session_scope, config.connection
    telephone = _telephone(config)
    engine.set(scope, "connection", _connection(config))
    engine.set(scope, "avaya", {"ucid": info.ucid, "uui": _shared_uui(info.uui), "telephone": telephone})
    engine.set(scope, "telephone", telephone)
    engine.set(scope, "sessionid", info.ucid)
    party = "local" if info.originator == "local" else "remote"
    chain = (scope, scope, scope, scope, scope)
    # Not a copy: pages compare session.connection.originator with session.connection.local.
    engine.assign("connection.originator", f"connection.{party}", chain)
    engine.freeze(scope)


def _connection(config: SessionConfig) -> dict[str, Any]:
    info = config.connection
    connection: dict[str, Any] = {
        "local": {"uri": info.local_uri},
        "remote": {"uri": info.remote_uri},
        "protocol": {"name": info.protocol, "version": "2.0", info.protocol: _protocol(info)},
        "redirect": [{"uri": one.uri, "pi": one.pi, "si": one.si, "reason": one.reason} for one in info.redirects],
        "call_tag": info.ucid,
        "ccxml": {"namelist": list(config.values), "values": dict(config.values)},
    }
    if info.uui:
        connection["aai"] = info.uui
    return connection


def _protocol(info: ConnectionInfo) -> dict[str, Any]:
    """RFC 5552 section 2.4: header names are lower-case."""
    headers = {name.lower(): value for name, value in info.headers.items()}
    return {
        "headers": headers,
        "requesturi": {"uri": info.remote_uri},
        "media": [],
        "callid": headers.get("call-id", info.ucid),
    }


def _telephone(config: SessionConfig) -> dict[str, Any]:
    """`ani` is who calls and `dnis` who is called."""
    info = config.connection
    outbound = info.originator == "local"
    return {
        "ani": info.local_uri if outbound else info.remote_uri,
        "dnis": info.remote_uri if outbound else info.local_uri,
        "called": info.remote_uri if outbound else info.local_uri,
        "callid": info.ucid,
        "call_tag": info.ucid,
        "startPage": config.application,
    }


def _shared_uui(uui: str) -> dict[str, Any]:
    """`C8,31;FA,0001` holds one value each of several applications; anything else belongs to one alone."""
    parts = _SHARED_UUI.findall(uui)
    shared = bool(parts) and _SHARED_UUI.sub("", uui) == ""
    mode = "shared data" if shared else "service provider"
    return {"mode": mode, "shared": [{"id": name, "value": value} for name, value in parts] if shared else []}
