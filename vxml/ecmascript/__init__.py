"""ECMAScript for VoiceXML: one quickjs-ng context per session, with its scopes inside it."""

from vxml.ecmascript.engine import UNDEFINED, Chain, Engine, ScriptError, ScriptLimit, Undefined

__all__ = ["UNDEFINED", "Chain", "Engine", "ScriptError", "ScriptLimit", "Undefined"]
