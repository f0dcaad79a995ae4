"""Converse: what kind of model a name stands for, where the API leaves fields to the model.  Pure.

Source: the pages on model parameters, on prompt caching and on the names of models and inference profiles.
"""

from typing import Literal

Family = Literal["claude", "nova", "other"]


def family_of(model: str) -> Family:
    """Whose model *model* names: a base model or a profile says it, an ARN of one's own does not."""
    name = model.lower()
    if "anthropic." in name or "claude" in name:
        return "claude"
    return "nova" if "amazon.nova" in name else "other"


def caches(family: Family) -> bool:
    """Whether cache points may be set: a model that knows none refuses the request."""
    return family != "other"
