"""Service tiers in chat completions' words: those of OpenAI's API and SDKs."""

from typing import Final

_TIERS: Final = frozenset(("auto", "default", "flex", "scale", "priority", "fast"))
_SAME: Final = {"standard": "default", "standard_only": "default"}


def write_tier(tier: str) -> str:
    """The word for *tier*, whichever wire named it; "" where there is none."""
    word = _SAME.get(tier, tier)
    return word if word in _TIERS else ""
