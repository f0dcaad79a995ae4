"""What people are told as Kubernetes Events: from what a status said before to what it says now.  Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from sluice_operator.compiler.pricelist import Conflict
from sluice_operator.inventory import ObjectName
from sluice_operator.manifests import Notice
from sluice_operator.publisher.books import Books
from sluice_operator.publisher.conditions import Condition
from sluice_operator.verdicts import ResourceRef

# Told under another name than the condition's reason: what happened to the key or the model.
_RENAMED: Final[Mapping[tuple[str, str], str]] = {
    ("Active", "Suspended"): "KeySuspended",
    ("Active", "Expired"): "KeyExpired",
}
_RENAMED_TYPES: Final[Mapping[str, str]] = {"Priced": "ModelUnpriced", "TargetsHealthy": "TargetsUnhealthy"}
_TOLD: Final = ("Accepted", "ResolvedRefs", "Priced", "Active", "TargetsHealthy")
_IN_FORCE: Final = {True: "The last good content stays in force", False: "Only its good entries are in force"}
_NORMAL: Final = frozenset(("KeySuspended", "KeyExpired"))  # what was asked for is no warning


def of_change(ref: ResourceRef, known: Mapping[str, Any], conditions: Iterable[Condition]) -> Iterator[Notice]:
    """One notice for each condition that does not hold now, and that held or had another reason before.

    Args:
        ref: the object.
        known: its status as it was.
        conditions: what is said of it now.
    """
    before = {item.get("type"): (item.get("status"), item.get("reason")) for item in known.get("conditions") or ()}
    for condition in conditions:
        if condition.type not in _TOLD or condition.status != "False":
            continue
        if before.get(condition.type) != (condition.status, condition.reason):
            reason = _RENAMED.get((condition.type, condition.reason), condition.reason)
            reason = _RENAMED_TYPES.get(condition.type, reason)
            yield Notice(
                ref=ref,
                type="Normal" if reason in _NORMAL else "Warning",
                reason=reason,
                message=condition.message,
                about=str(ref.generation),
            )


def key_created(ref: ResourceRef, *, key_id: str, secret: str) -> Notice:
    """That a key was made, and where it is; never what it is."""
    return Notice(ref, "Normal", "KeyCreated", f"Key {key_id} is in Secret {secret}")


def book_notices(books: Books, conflicts: Iterable[Conflict]) -> list[Notice]:
    """One notice for each price book that is not in force as it is written, naming all its bad entries."""
    found = [
        _book_notice(each.name, each.uid, "PriceBookInvalid", (_IN_FORCE[each.kept], *each.problems))
        for each in books.troubles()
    ]
    by_book: dict[ObjectName, list[str]] = {}
    for conflict in conflicts:
        by_book.setdefault(conflict.book, []).append(conflict.message)
    found += [_book_notice(name, books.uid(name), "PriceBookConflict", said) for name, said in by_book.items()]
    return found


def _book_notice(name: ObjectName, uid: str, reason: str, said: Iterable[str]) -> Notice:
    ref = ResourceRef("ConfigMap", name.namespace, name.name, uid, 0)
    return Notice(ref, "Warning", reason, "; ".join(said))
