"""What can still be read of a Budget that does not validate: whom it selects.

A Budget that says less than it should must not hold less than it should.  So reading errs on one side: a condition
that cannot be read is left out, and what remains selects every key that was meant, and perhaps more.  Pure.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from pydantic import ValidationError

from sluice_operator.resources.base import Value
from sluice_operator.resources.common import LabelRequirement, LabelSelector

_PATH: Final = ("spec", "subject", "virtualKeySelector")
_MAX_CONDITIONS: Final = 16  # of each sort, as in a selector that validates; fewer conditions select more


def selector_of(budget: Mapping[str, Any]) -> LabelSelector | None:
    """Whom the manifest *budget* selects in its namespace, at least; None where it has no selector.

    A selector that is there and tells nothing selects every key; so does one inside something unreadable.  Raises
    nothing, whatever the manifest holds.
    """
    node: Any = budget
    for name in _PATH:
        if node is None:  # written and left empty: nothing is in it
            return None
        if not isinstance(node, Mapping):
            return LabelSelector()
        if name not in node:
            return None
        node = node[name]
    return _readable(node)


def _readable(selector: Any) -> LabelSelector:  # noqa: ANN401 - whatever a manifest holds there
    if not isinstance(selector, Mapping):
        return LabelSelector()
    labels, expressions = selector.get("matchLabels"), selector.get("matchExpressions")
    pairs = islice(labels.items(), _MAX_CONDITIONS) if isinstance(labels, Mapping) else ()
    items = islice(expressions, _MAX_CONDITIONS) if isinstance(expressions, list) else ()
    kept = {
        "matchLabels": {name: value for name, value in pairs if _fits(LabelSelector, {"matchLabels": {name: value}})},
        "matchExpressions": [item for item in items if _fits(LabelRequirement, item)],
    }
    return LabelSelector.model_validate(kept, strict=False)  # a list may stand for a tuple


def _fits(shape: type[Value], condition: Any) -> bool:  # noqa: ANN401
    try:
        shape.model_validate(condition, strict=False)
    except ValidationError:
        return False
    return True
