"""Which speech recogniser a media server uses; imports nothing, for the switch asks too."""

from __future__ import annotations

from importlib.util import find_spec

from common.errors import ConfigError

AUTO, SPHINX, NONE = "auto", "pocketsphinx", "none"


def choose(wanted: str) -> str:
    """`wanted` is auto, pocketsphinx or none. Raise ConfigError where it is not installed."""
    installed = find_spec("pocketsphinx") is not None
    if wanted == SPHINX and not installed:
        raise ConfigError(
            "CLARION_MEDIASERVER_RECOGNIZER: pocketsphinx is not installed; run script/setup, or use none"
        )
    return SPHINX if installed and wanted != NONE else NONE
