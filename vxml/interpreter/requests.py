"""Fetch requests: goto's plain GET, and what submit, subdialog and data send (VoiceXML 2.1 section 5.3.8)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urlencode

from vxml.document import Node
from vxml.ecmascript import ScriptError
from vxml.interpreter.attributes import require
from vxml.interpreter.control import Thrown
from vxml.interpreter.model import ItemKind
from vxml.messages import AudioItem, Fetch, FetchAudio, Prefetch, PromptItem

if TYPE_CHECKING:
    from vxml.interpreter.execution import Execution

#: What is fetched ahead of its use or beside it: nobody waits to hear something.
_WITHOUT_AUDIO = ("audio", "grammar", "script")
_NO_ATTRIBUTES = Node("audio", "", 0)
_BOUNDARY = "clarion-7f1c9d52e0a84b6c"


def fetch_of(execution: Execution, url: str, node: Node) -> Fetch:
    """A GET of `url` with the fetch attributes of `node`."""
    return Fetch(
        execution.rt.new_id(),
        url,
        timeout=execution.seconds("fetchtimeout", node.get("fetchtimeout")),
        max_age=_age(execution, node, "maxage"),
        max_stale=_age(execution, node, "maxstale"),
        audio=None if node.tag in _WITHOUT_AUDIO else _fetch_audio(execution, node),
    )


def _fetch_audio(execution: Execution, node: Node) -> FetchAudio | None:
    """Section 6.1.1; fetched as the properties for audio say."""
    url = node.get("fetchaudio") or execution.setting("fetchaudio")
    if not url:
        return None
    delay, minimum = execution.seconds("fetchaudiodelay"), execution.seconds("fetchaudiominimum")
    return FetchAudio(audio_item(execution, execution.context.resolve(url), _NO_ATTRIBUTES), delay, minimum)


def audio_item(execution: Execution, url: str, node: Node, alternate: tuple[PromptItem, ...] = ()) -> AudioItem:
    """Audio at `url`, fetched as `node` or the properties for audio say."""
    return AudioItem(
        url,
        alternate,
        execution.seconds("fetchtimeout", node.get("fetchtimeout")),
        _age(execution, node, "maxage", "audio"),
        _age(execution, node, "maxstale", "audio"),
    )


def prefetch(execution: Execution, nodes: Iterable[Node]) -> None:
    """Have the audio of these elements fetched ahead, once a session, where its fetchhint says so (section 6.1.1)."""
    items = []
    for node in nodes:
        if (node.get("fetchhint") or execution.setting("audiofetchhint")) != "prefetch":
            continue
        try:
            item = audio_item(execution, execution.context.resolve(node.get("src")), node)
        except Thrown:
            # It is thrown where the audio is used, if it ever is.
            continue
        if item.url not in execution.rt.prefetched:
            execution.rt.prefetched.add(item.url)
            items.append(item)
    if items:
        execution.rt.emit(Prefetch(tuple(items)))


def _age(execution: Execution, node: Node, name: str, kind: str = "") -> float | None:
    kind = kind or (node.tag if node.tag in ("data", "script", "grammar") else "document")
    text = node.get(name) or execution.setting(kind + name)
    if not text:
        return None
    if not text.isdecimal():
        raise Thrown("error.semantic", f'{name}="{text}": write whole seconds', node.line)
    return float(text)


def submit_request(execution: Execution, node: Node, url: str = "", names: str | None = None) -> Fetch:
    """`node` has next/src or expr/srcexpr, method, enctype and namelist. `names` replaces a missing namelist."""
    address = url or _address(execution, node)
    method = node.get("method", "get").upper()
    if method not in ("GET", "POST"):
        raise Thrown("error.semantic", f'method="{method}": write get or post', node.line)
    fields = _fields(execution, node, names)
    private = any(execution.rt.privacy.is_private(name, value) for name, value in fields)
    plain = fetch_of(execution, execution.context.resolve(address), node)
    if method == "GET":
        return _with_query(plain, fields, private)
    multipart = node.get("enctype") == "multipart/form-data"
    body, content_type = _multipart(execution, fields) if multipart else _form(fields)
    return replace(plain, method="POST", body=body, content_type=content_type, private=private)


def _address(execution: Execution, node: Node) -> str:
    require(node)
    plain, computed = ("next", "expr") if node.tag == "submit" else ("src", "srcexpr")
    return node.get(plain) or execution.text(node.get(computed), node.line)


def _fields(execution: Execution, node: Node, names: str | None) -> list[tuple[str, str]]:
    namelist = node.get("namelist")
    if "namelist" not in node.attrs:
        namelist = names if names is not None else _default_names(execution)
    try:
        return execution.rt.engine.fields(namelist.split(), execution.chain)
    except ScriptError as error:
        raise Thrown("error.semantic", f'namelist="{namelist}": {error}', node.line) from error


def _default_names(execution: Execution) -> str:
    """Section 5.3.8: all named input items of the form."""
    if execution.form is None:
        return ""
    items = execution.form.dialog.items
    return " ".join(
        item.name for item in items if item.takes_input and item.kind is not ItemKind.MENU and item.node.get("name")
    )


def _with_query(plain: Fetch, fields: list[tuple[str, str]], private: bool) -> Fetch:
    if not fields:
        return plain
    url, fragment = urldefrag(plain.url)
    url += ("&" if "?" in url else "?") + urlencode(fields)
    url += f"#{fragment}" if fragment else ""
    return replace(plain, url=url, private=private)


def _form(fields: list[tuple[str, str]]) -> tuple[bytes, str]:
    return urlencode(fields).encode("ascii"), "application/x-www-form-urlencoded"


def _multipart(execution: Execution, fields: list[tuple[str, str]]) -> tuple[bytes, str]:
    """RFC 7578; recordings go as WAV files."""
    parts = []
    for name, value in fields:
        recording = execution.rt.recordings.get(value)
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
        if recording is not None:
            head += f'; filename="{name}.wav"\r\nContent-Type: audio/wav'
        parts += [head.encode(), b"\r\n\r\n", recording if recording is not None else value.encode(), b"\r\n"]
    parts.append(f"--{_BOUNDARY}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={_BOUNDARY}"
