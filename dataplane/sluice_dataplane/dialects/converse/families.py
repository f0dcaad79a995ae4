"""Converse: what kind of model a name stands for, where the API leaves fields to the model.  Pure.

Source: the pages on model parameters, on prompt caching and on the names of models and inference profiles.
"""

from typing import Final, Literal

from sluice_dataplane.dialects.conversation import Cache

_TTLS: Final = ("5m", "1h")

Family = Literal["claude", "nova", "other"]


def family_of(model: str) -> Family:
    """Whose model *model* names: a base model or a profile says it, an ARN of one's own does not."""
    name = model.lower()
    if "anthropic." in name or "claude" in name:
        return "claude"
    return "nova" if "amazon.nova" in name else "other"


def cache_point(cache: Cache | None, family: Family, *, of_tools: bool = False) -> list[dict[str, object]]:
    """The block that ends what may be kept; none where the model knows none, and would refuse it: it is a hint."""
    if cache is None or family == "other" or (of_tools and family != "claude"):
        return []
    point = {"type": "default"}
    if cache.ttl in _TTLS and family == "claude":
        point["ttl"] = cache.ttl
    return [{"cachePoint": point}]
