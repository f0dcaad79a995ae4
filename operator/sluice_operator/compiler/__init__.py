"""Inventory → Compilation: the one place where it is decided what is served.  Pure.

One bad resource never takes a good one down: it falls out with a verdict, what depends on it says so in its
own verdict, and the rest is compiled.
"""

from dataclasses import dataclass

from sluice_contract.snapshot import Snapshot
from sluice_operator.inventory import Inventory, ObjectName
from sluice_operator.verdicts import ResourceRef, Verdict


@dataclass(frozen=True, slots=True)
class WantedSecret:
    """A generated key's Secret that does not exist yet (or lacks its entry): the shell creates it and compiles again."""

    owner: ResourceRef
    secret: ObjectName
    entry: str  # the data key inside the Secret
    key_id: str


@dataclass(frozen=True, slots=True)
class Compilation:
    """What is served, what is to be said of each resource, and what the shell has to do.

    ``secret_refs`` and ``config_map_refs`` are all objects that any resource refers to, there or not, so that the
    shell knows what to fetch and watch.  ``next_change_ms`` is when compiling again would say something else
    although nothing changed (an expiry), None if never.
    """

    snapshot: Snapshot
    verdicts: tuple[Verdict, ...]
    wanted_secrets: tuple[WantedSecret, ...]
    secret_refs: frozenset[ObjectName]
    config_map_refs: frozenset[ObjectName]
    next_change_ms: int | None


def compile_inventory(inventory: Inventory) -> Compilation:
    """Everything that holds together, one verdict per resource given (in the order of kind, namespace, name)."""
    raise NotImplementedError
