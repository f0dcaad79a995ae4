"""What of a scenario does not work by rule, and what is told of it; all else must work.  Pure."""

import re
from typing import Final

import msgspec

from support.clients.matrix import Outcome

_REFUSED: Final = re.compile(r"([A-Za-z_][\w.\[\]]*): ([^:{}]{3,200}?)\. Leave it out, or set dropUnsupported")

COUNTING: Final = "Tokens are counted by the provider, and the gateway knows no call of this API that counts them."
UNCOUNTED: Final = ("chat", "converse")
HIDDEN: Final = "The thought is not shown: this client does not ask for it, and the provider shows none unasked."
UNSIGNED: Final = "Chat completions have no proof of a thought that could go back with a tool's result."


class Mark(msgspec.Struct, frozen=True):
    """How a scenario ended: ``sign`` for the table, ``notes`` below it; ``wrong`` says what should not be."""

    sign: str
    notes: tuple[str, ...] = ()
    wrong: str = ""


def mark(wire: str, scenario: str, outcome: Outcome) -> Mark:
    """What the page shows of *outcome*."""
    if not outcome.ok:
        if scenario == "count_tokens" and wire in UNCOUNTED and "endpoint_not_supported" in outcome.detail:
            return Mark("no", (COUNTING,))
        return Mark("✗", wrong=outcome.detail)
    notes: list[str] = []
    if scenario == "settings":
        return _settings(outcome)
    if outcome.refused:
        found = _REFUSED.search(outcome.refused)
        if found is None:
            return Mark("✗", wrong=f"refused without a reason: {outcome.refused}")
        notes.append(f"`{_general(found[1])}` is refused, and left out with `dropUnsupported: true`: {found[2]}.")
    if scenario == "thinking":
        notes += _thinking(wire, outcome.detail)
        if "unsigned" in outcome.detail and wire != "chat":
            return Mark("✗", wrong=f"the provider did not get its proof back: {outcome.detail}")
    return Mark("✓", tuple(notes))


def _settings(outcome: Outcome) -> Mark:
    """What was left out must have been refused before, and what was refused must have been left out."""
    if bool(outcome.detail) != bool(outcome.refused):
        return Mark("✗", wrong=f"left out: {outcome.detail!r}; refused: {outcome.refused!r}")
    if not outcome.detail:
        return Mark("✓")
    left_out = ", ".join(f"`{field.strip()}`" for field in sorted(outcome.detail.split(", ")))
    return Mark("✓", (f"Refused, and left out with `dropUnsupported: true`: {left_out}.",))


def _general(field: str) -> str:
    """The field, of any entry of a list."""
    return re.sub(r"\[\d+\]", "[]", field)


def _thinking(wire: str, detail: str) -> list[str]:
    notes = [HIDDEN] if "hidden" in detail else []
    return [*notes, UNSIGNED] if wire == "chat" and "unsigned" in detail else notes
