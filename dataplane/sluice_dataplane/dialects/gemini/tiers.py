"""Gemini's wire: service tiers by one name each, however Google writes them."""

from typing import Final

_NONE: Final = frozenset(("unspecified", "traffic_type_unspecified"))


def tier_name(text: str) -> str:
    """``SERVICE_TIER_PRIORITY``, ``ON_DEMAND_PRIORITY`` and ``priority`` are ``priority``; "" where none is said."""
    name = text.lower().removeprefix("service_tier_").removeprefix("on_demand_")
    return "" if name in _NONE else name
