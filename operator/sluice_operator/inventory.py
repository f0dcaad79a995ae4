"""Everything the compiler may see, as one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sluice_operator.resources import Budget, Invalid, ModelDeployment, ModelProvider, VirtualKey
from sluice_operator.resources.pricebook import Listed


@dataclass(frozen=True, slots=True)
class ObjectName:
    """A namespaced object's name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class SecretContent:
    """A Secret (or ConfigMap) that some resource refers to.  Values never print."""

    version: str
    values: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Inventory:
    """The world at one moment.  A referenced Secret that is not in ``secrets`` does not exist."""

    models: tuple[ModelDeployment, ...] = ()
    keys: tuple[VirtualKey, ...] = ()
    budgets: tuple[Budget, ...] = ()
    providers: tuple[ModelProvider, ...] = ()
    invalid: tuple[Invalid, ...] = ()
    secrets: Mapping[ObjectName, SecretContent] = field(default_factory=dict)
    config_maps: Mapping[ObjectName, SecretContent] = field(default_factory=dict)
    price_books: Mapping[ObjectName, tuple[Listed, ...]] = field(default_factory=dict)  # the install's, by ConfigMap
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # labels by name
    # Whose providers may use the data plane's own identity; None: all.
    identity_namespaces: frozenset[str] | None = None
    pepper: bytes = field(default=b"", repr=False)
    now_ms: int = 0
