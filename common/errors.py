"""The error roots. An exception's docstring is its message where none is given."""

from __future__ import annotations


class ClarionError(Exception):
    """Clarion could not do what was asked."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class ConfigError(ClarionError):
    """A setting is missing or wrong; the message names it and says how to mend it."""


class ContractError(ClarionError):
    """Our own code broke the rules of a part it used: a defect of ours, never of a peer."""


class RemoteError(ClarionError):
    """A peer (media server, carrier, provider, database) failed or refused."""

    def __init__(self, message: str = "", *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class Refused(ClarionError):
    """Input was refused; the message says where it is wrong and how to mend it."""
