from __future__ import annotations

from pathlib import Path

from app.core.completion import SYSTEM_CODES, CompletionCode

REFERENCE = Path(__file__).resolve().parents[3] / "docs/reference/completion-codes.md"
FLAGS = (
    "human",
    "rpc",
    "success",
    "closes_contact",
    "closes_address",
    "nuisance",
    "counts_as_attempt",
    "do_not_call",
)


def row(code: CompletionCode) -> str:
    marks = " | ".join("x" if getattr(code, flag) else "" for flag in FLAGS)
    return f"| `{code.name}` | {code.description} | {marks} | {code.retry} |"


def test_the_reference_lists_every_system_code_with_its_flags() -> None:
    """Paste what this prints into the table when a code changes."""
    documented = [line for line in REFERENCE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert documented == [row(code) for code in SYSTEM_CODES.values()]
