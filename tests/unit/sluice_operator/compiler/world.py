"""Manifests → Inventory, for the compiler's tests: YAML documents, Secrets, ConfigMaps and Namespaces among them.

What a cluster would add is added: ``apiVersion``, the namespace ``team-a``, and a uid that tells what it is of.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import yaml

from sluice_contract import names
from sluice_operator.compiler import Compilation, compile_inventory
from sluice_operator.inventory import Inventory, ObjectName, SecretContent
from sluice_operator.resources import Budget, Invalid, ModelDeployment, ModelProvider, VirtualKey, parse
from sluice_operator.resources.pricebook import PRICES_ENTRY, Listed, read_book
from sluice_operator.verdicts import Finding, Verdict

NOW_MS: Final = 1_795_219_200_000  # 2026-11-21T00:00:00Z
PEPPER: Final = b"pepper of the tests"

Document = Mapping[str, Any]


def inventory_of(documents: Iterable[Document], *, now_ms: int = NOW_MS, pepper: bytes = PEPPER) -> Inventory:
    """The inventory that *documents* describe, each kind in the order given."""
    resources: list[Any] = []
    contents: dict[str, dict[ObjectName, SecretContent]] = {"Secret": {}, "ConfigMap": {}}
    books: dict[ObjectName, tuple[Listed, ...]] = {}
    namespaces: dict[str, Mapping[str, str]] = {}
    for document in documents:
        kind, meta = document["kind"], document["metadata"]
        namespace = meta.get("namespace", "team-a")
        if kind == "Namespace":
            namespaces[meta["name"]] = meta.get("labels", {})
        elif kind == "ConfigMap" and names.LABEL_PRICE_BOOK in meta.get("labels", {}):
            book = read_book(document["data"][PRICES_ENTRY])
            books[ObjectName(namespace, meta["name"])] = book.listed
        elif kind in contents:
            values = {entry: str(value).encode() for entry, value in document.get("data", {}).items()}
            contents[kind][ObjectName(namespace, meta["name"])] = SecretContent("1", values)
        else:
            full = {"uid": f"uid-{kind}-{namespace}-{meta['name']}", **meta, "namespace": namespace}
            resources.append(parse({"apiVersion": "sluice.dev/v1alpha1", **document, "metadata": full}))
    return Inventory(
        models=tuple(each for each in resources if isinstance(each, ModelDeployment)),
        keys=tuple(each for each in resources if isinstance(each, VirtualKey)),
        budgets=tuple(each for each in resources if isinstance(each, Budget)),
        providers=tuple(each for each in resources if isinstance(each, ModelProvider)),
        invalid=tuple(each for each in resources if isinstance(each, Invalid)),
        secrets=contents["Secret"],
        config_maps=contents["ConfigMap"],
        price_books=books,
        namespaces=namespaces,
        pepper=pepper,
        now_ms=now_ms,
    )


def documents_of(text: str) -> list[Document]:
    """The YAML documents of *text*."""
    return [document for document in yaml.safe_load_all(text) if document]


def compiled(text: str, *, now_ms: int = NOW_MS, pepper: bytes = PEPPER) -> Compilation:
    """What the compiler makes of the YAML documents in *text*."""
    return compile_inventory(inventory_of(documents_of(text), now_ms=now_ms, pepper=pepper))


def verdict(compilation: Compilation, kind: str, name: str, *, namespace: str = "team-a") -> Verdict:
    """The one verdict on that resource."""
    (found,) = [
        each
        for each in compilation.verdicts
        if (each.ref.kind, each.ref.namespace, each.ref.name) == (kind, namespace, name)
    ]
    return found


def finding(compilation: Compilation, kind: str, name: str, type_: str, *, namespace: str = "team-a") -> Finding:
    """The one finding of *type_* on that resource."""
    (found,) = [each for each in verdict(compilation, kind, name, namespace=namespace).findings if each.type == type_]
    return found
