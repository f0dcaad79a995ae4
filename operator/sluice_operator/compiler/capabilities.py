"""What a target's model can take and do: what its manifest says, over the table of families, over the price book.

Only names that the maker gives are read: a server of one's own may call its models anything.
"""

import re
from functools import lru_cache
from typing import Any, Final

import msgspec

from sluice_contract.patterns import matches
from sluice_contract.snapshot import Capabilities
from sluice_operator.compiler.families import FAMILIES, UNKNOWN
from sluice_operator.compiler.pricebook import MAX_REMEMBERED, context_window
from sluice_operator.providers.row import Provider
from sluice_operator.resources import model

# What stands before a maker's name: paths of resellers and accounts, regions and makers of Bedrock, Databricks' own.
_BEFORE: Final = re.compile(
    r"^(.*/)?(databricks-)?((us|eu|apac|jp|au|ca|sa|us-gov|global)\.)?"
    r"((ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshotai|openai|qwen|writer|zai)\.)?",
)
_REASONING: Final = {"None": "none", "Effort": "effort", "Budget": "budget", "Adaptive": "adaptive"}
_SPELLED: Final = {"sampling": "sampling_parameters"}


def capabilities(row: Provider, names: tuple[str, ...], own: model.Capabilities) -> Capabilities:
    """What holds for a target whose upstream may be asked for any of *names*; *own* is what its manifest says."""
    first, *others = (_known(row, name) for name in names)
    found = first if all(each == first for each in others) else UNKNOWN
    return msgspec.structs.replace(found, **_said(own))


def _said(own: model.Capabilities) -> dict[str, Any]:
    said: dict[str, Any] = {
        name: value
        for name in Capabilities.__struct_fields__
        if (value := getattr(own, _SPELLED.get(name, name))) is not None
    }
    if "reasoning" in said:
        said["reasoning"] = _REASONING[said["reasoning"]]
    return said


def _known(row: Provider, name: str) -> Capabilities:
    if row.own or name.endswith("*"):
        return UNKNOWN
    found = of_family(name)
    if found.context_window is not None or row.book is None:
        return found
    return msgspec.structs.replace(found, context_window=context_window(row.book, name))


@lru_cache(maxsize=MAX_REMEMBERED)
def of_family(name: str) -> Capabilities:
    """What the table says of the model that a provider calls *name*."""
    bare = _BEFORE.sub("", name.lower())
    if bare.startswith("claude-"):
        bare = bare.replace(".", "-")
    return next((known for pattern, known in FAMILIES if matches(pattern, bare)), UNKNOWN)
