"""Conversations as JSON and back, for goldens: a value is an object whose ``is`` names its class, without defaults."""

from typing import Any, Final

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects import conversation, events

_MODULES: Final = (conversation, events)
_CLASSES: Final[dict[str, type[msgspec.Struct]]] = {
    name: found
    for module in _MODULES
    for name, found in vars(module).items()
    if isinstance(found, type) and issubclass(found, msgspec.Struct) and not name.startswith("_")
} | {"TokenUsage": TokenUsage}
_RAW: Final = ("schema", "grammar", "raw")  # fields that hold JSON unread


def told(value: Any) -> Any:
    """*value* as JSON can say it."""
    if isinstance(value, msgspec.Raw):
        return msgspec.json.decode(value)
    if isinstance(value, msgspec.Struct):
        said = {
            field.name: getattr(value, field.name) for field in msgspec.structs.fields(value) if _said(value, field)
        }
        return {"is": type(value).__name__} | {name: told(each) for name, each in said.items()}
    if isinstance(value, tuple | list):
        return [told(each) for each in value]
    if isinstance(value, dict):
        return {name: told(each) for name, each in value.items()}
    return value


def value_of(said: Any) -> Any:
    """What :func:`told` says as *said*."""
    if isinstance(said, list):
        return tuple(value_of(each) for each in said)
    if not isinstance(said, dict):
        return said
    fields = {
        name: msgspec.Raw(msgspec.json.encode(each)) if name in _RAW else value_of(each)
        for name, each in said.items()
        if name != "is"
    }
    return _CLASSES[said["is"]](**fields) if "is" in said else fields


def _said(value: msgspec.Struct, field: msgspec.structs.FieldInfo) -> bool:
    default = field.default_factory() if callable(field.default_factory) else field.default
    return bool(getattr(value, field.name) != default)
