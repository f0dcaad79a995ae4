"""Manifest → resource, or why not.  The same for objects of the API server and for files."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, TypeGuard

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sluice_operator.errors import ManifestInvalidError
from sluice_operator.resources.budget import Budget
from sluice_operator.resources.common import Kind, LabelSelector
from sluice_operator.resources.key import VirtualKey
from sluice_operator.resources.model import ModelDeployment
from sluice_operator.resources.provider import ModelProvider
from sluice_operator.resources.salvage import selector_of

KINDS: Final[Mapping[Kind, type[ModelDeployment | VirtualKey | Budget | ModelProvider]]] = {
    "ModelDeployment": ModelDeployment,
    "VirtualKey": VirtualKey,
    "Budget": Budget,
    "ModelProvider": ModelProvider,
}
DEFAULT_NAMESPACE: Final = "default"

_UID_SPACE: Final = uuid.UUID("5b1c1a3e-7f0e-5d7a-9d3c-2f6a1f0d8c11")  # any fixed one: uids of files must not change
_METADATA: Final = ("name", "namespace", "uid", "generation", "creationTimestamp", "labels")  # what Meta reads
_MAX_ERRORS: Final = 5
_MAX_PATH: Final = 200
_WORDS: Final = {
    "extra_forbidden": "unknown field",
    "missing": "required",
    "too_short": "has too few members",
    "too_long": "has too many members",
}


@dataclass(frozen=True, slots=True)
class Invalid:
    """A manifest that does not fit its kind: who it is as far as it says, and in ``message`` which field is wrong.

    The message never quotes a value.  Of a Budget, ``selector`` selects every key that it was meant to hold, and
    perhaps more (see :mod:`sluice_operator.resources.salvage`); None: none but those that name it.
    """

    kind: Kind
    namespace: str
    name: str
    uid: str
    generation: int
    message: str
    selector: LabelSelector | None = field(default=None, repr=False)


Parsed = ModelDeployment | VirtualKey | Budget | ModelProvider | Invalid


def is_kind(text: object) -> TypeGuard[Kind]:
    """Whether *text* is the name of one of the four kinds."""
    return isinstance(text, str) and text in KINDS


def parse(manifest: Mapping[str, Any]) -> Parsed:
    """The resource that *manifest* describes, or Invalid; its status, if it has one, is left aside.

    Outside a cluster there is no uid: it is derived from kind, namespace and name, so that it stays the same as
    long as these do.

    Raises:
        ManifestInvalidError: *manifest* is of no kind of ours.
    """
    kind = manifest.get("kind")
    if not is_kind(kind):
        message = "kind: should be one of " + ", ".join(KINDS)
        raise ManifestInvalidError(message)
    metadata = _identified(kind, manifest.get("metadata"))
    whole = {**{key: value for key, value in manifest.items() if key != "status"}, "metadata": metadata}
    try:
        if path := null_in(whole.get("spec"), "spec"):
            return _invalid(kind, whole, f"{path}: has no value: give it one or leave it out")
        return KINDS[kind].model_validate_json(json.dumps(whole, default=_plain, allow_nan=False))
    except ValidationError as error:
        return _invalid(kind, whole, explain(error))
    except (TypeError, ValueError, RecursionError):
        return _invalid(kind, whole, "holds something that JSON cannot say")


def _identified(kind: Kind, metadata: Any) -> dict[str, Any]:  # noqa: ANN401
    held = metadata if isinstance(metadata, Mapping) else {}
    given = {name: held[name] for name in _METADATA if held.get(name) is not None}
    namespace = given.get("namespace") or DEFAULT_NAMESPACE
    derived = str(uuid.uuid5(_UID_SPACE, f"{kind}/{namespace}/{given.get('name')}"))
    return {"generation": 1, "uid": derived, **given, "namespace": namespace}


def _invalid(kind: Kind, manifest: Mapping[str, Any], message: str) -> Invalid:
    metadata: Mapping[str, Any] = manifest["metadata"]
    generation = metadata["generation"]
    return Invalid(
        kind=kind,
        namespace=str(metadata["namespace"]),
        name=str(metadata.get("name", "")),
        uid=str(metadata["uid"]),
        generation=generation if isinstance(generation, int) else 1,
        message=message,
        selector=selector_of(manifest) if kind == "Budget" else None,
    )


def _plain(value: Any) -> Any:  # noqa: ANN401 - what YAML and watches hold besides JSON
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError


def null_in(value: Any, path: str) -> str | None:  # noqa: ANN401
    """Where in *value*, which is at *path*, something has no value; None where everything has one."""
    if value is None:
        return path
    if isinstance(value, Mapping):
        found = (null_in(member, f"{path}.{key}") for key, member in value.items())
    elif isinstance(value, (list, tuple)):
        found = (null_in(member, f"{path}[{index}]") for index, member in enumerate(value))
    else:
        return None
    return next(filter(None, found), None)


def explain(error: ValidationError) -> str:
    """What is wrong, for people: the first few fields and why; no value is quoted."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    details = [detail for detail in found if not _follows(detail, found)]
    said = [_path(detail) + (_WORDS.get(detail["type"]) or detail["msg"]) for detail in details[:_MAX_ERRORS]]
    more = len(details) - len(said)
    return "; ".join(said) + (f"; and {more} more" if more else "")


def _follows(detail: ErrorDetails, found: list[ErrorDetails]) -> bool:
    """Whether *detail* says no more than that a list has too few good members, as the others explain."""
    loc = detail["loc"]
    return detail["type"] == "too_short" and any(o["loc"] != loc and o["loc"][: len(loc)] == loc for o in found)


def _path(detail: ErrorDetails) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).removeprefix(".")
    return f"{text[:_MAX_PATH]}: " if text else ""
