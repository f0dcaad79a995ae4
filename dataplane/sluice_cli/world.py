"""Documents → the compiler's Inventory: what an API server would hold after ``kubectl apply`` of them all.

What the API server would refuse is a problem, with the place where it stands.  What is of no kind that matters here
is left out with a warning, so that the same folder may hold a Deployment too.  Pure.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sluice_cli.documents import Document, Problem
from sluice_contract import names
from sluice_operator.inventory import Inventory, ObjectName, SecretContent
from sluice_operator.resources import Budget, Invalid, ModelDeployment, ModelProvider, Parsed, VirtualKey, parse
from sluice_operator.resources.parsing import DEFAULT_NAMESPACE, KINDS
from sluice_operator.resources.pricebook import PRICES_ENTRY, Listed, read_book

OURS: Final = f"{names.API_GROUP}/{names.API_VERSION}"
NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"  # the API server puts it on every Namespace

Identity = tuple[str, str, str]  # kind, namespace, name


@dataclass(slots=True)
class World:
    """What documents declare.  ``origins`` says where each object stands."""

    resources: list[Parsed] = field(default_factory=list)
    invalid: list[Invalid] = field(default_factory=list)  # what is left out of a lenient world still has its say
    secrets: dict[ObjectName, dict[str, bytes]] = field(default_factory=dict)
    config_maps: dict[ObjectName, dict[str, bytes]] = field(default_factory=dict)
    price_books: dict[ObjectName, tuple[Listed, ...]] = field(default_factory=dict)
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    origins: dict[Identity, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def inventory(self, kept: Mapping[ObjectName, Mapping[str, bytes]], *, pepper: bytes, now_ms: int) -> Inventory:
        """All of it for the compiler; entries *kept* elsewhere fill in what manifests do not say."""
        secrets = {name: {**kept.get(name, {}), **self.secrets.get(name, {})} for name in {*kept, *self.secrets}}
        mentioned = {namespace for _, namespace, _ in self.origins if namespace}
        return Inventory(
            models=tuple(each for each in self.resources if isinstance(each, ModelDeployment)),
            keys=tuple(each for each in self.resources if isinstance(each, VirtualKey)),
            budgets=tuple(each for each in self.resources if isinstance(each, Budget)),
            providers=tuple(each for each in self.resources if isinstance(each, ModelProvider)),
            invalid=tuple(self.invalid),
            secrets={name: SecretContent("", values) for name, values in secrets.items()},
            config_maps={name: SecretContent("", values) for name, values in self.config_maps.items()},
            price_books=self.price_books,
            namespaces={
                name: {NAMESPACE_LABEL: name, **self.namespaces.get(name, {})}
                for name in {DEFAULT_NAMESPACE, *mentioned, *self.namespaces}
            },
            pepper=pepper,
            now_ms=now_ms,
        )


def declared(documents: Iterable[Document]) -> World:
    """The world that *documents* declare; of two objects with one identity, the first stands."""
    world = World()
    for document in documents:
        _add(world, document)
    return world


def lenient(world: World) -> World:
    """*world* less its problems: what is broken is left out."""
    return replace(world, problems=[], warnings=[*world.warnings, *world.problems])


def _add(world: World, document: Document) -> None:
    content = document.content
    if not isinstance(content, dict) or not isinstance(content.get("kind"), str):
        world.problems.append(Problem(document.origin, "is no manifest: it has no kind"))
        return
    kind, version = content["kind"], content.get("apiVersion")
    group = str(version).rpartition("/")[0]
    if kind in KINDS and group == names.API_GROUP:
        _add_resource(world, document, kind)
    elif kind in ("Secret", "ConfigMap", "Namespace") and version == "v1":
        _add_core(world, document, kind)
    else:
        world.warnings.append(Problem(document.origin, f"{kind} of {version} means nothing here and is left out"))


def _add_resource(world: World, document: Document, kind: str) -> None:
    if document.content["apiVersion"] != OURS:
        world.problems.append(Problem(document.origin, f"apiVersion: should be {OURS}"))
        return
    parsed = parse(document.content)
    if isinstance(parsed, Invalid):
        world.problems.append(Problem(document.origin, f"{kind} {parsed.name}: {parsed.message}"))
        world.invalid.append(parsed)
    elif _is_new(world, document, (kind, parsed.metadata.namespace, parsed.metadata.name)):
        world.resources.append(_counted_apart(parsed) if isinstance(parsed, Budget) else parsed)


def _counted_apart(budget: Budget) -> Budget:
    """*budget* under an id that its unit is a part of.

    An API server lets nobody change the unit; in a file it can be, and money must not be read as requests.
    """
    meta = budget.metadata
    uid = f"{meta.uid}-{budget.spec.limit.unit.lower()}"
    return budget.model_copy(update={"metadata": meta.model_copy(update={"uid": uid})})


def _add_core(world: World, document: Document, kind: str) -> None:
    metadata = document.content.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(name, str) or not name:
        world.problems.append(Problem(document.origin, f"{kind}: metadata.name: required"))
        return
    namespace = "" if kind == "Namespace" else str(metadata.get("namespace") or DEFAULT_NAMESPACE)
    if not _is_new(world, document, (kind, namespace, name)):
        return
    try:
        if kind == "Namespace":
            world.namespaces[name] = {str(key): str(value) for key, value in _map(metadata, "labels").items()}
        elif kind == "Secret":
            world.secrets[ObjectName(namespace, name)] = _bytes(document.content, "data") | _text(
                document.content, "stringData"
            )
        else:
            _add_config_map(world, document, ObjectName(namespace, name))
    except ValueError as error:
        world.problems.append(Problem(document.origin, f"{kind} {name}: {error}"))


def _add_config_map(world: World, document: Document, name: ObjectName) -> None:
    """A ConfigMap, and what it prices where it is labelled as a price book, in whatever namespace."""
    content = document.content
    world.config_maps[name] = values = _text(content, "data") | _bytes(content, "binaryData")
    if _map(content["metadata"], "labels").get(names.LABEL_PRICE_BOOK) != "true":
        return
    text = values.get(PRICES_ENTRY)
    book = read_book(None if text is None else text.decode(errors="replace"))
    world.price_books[name] = book.listed
    world.problems += [Problem(document.origin, f"ConfigMap {name.name}: {problem}") for problem in book.problems]


def _is_new(world: World, document: Document, identity: Identity) -> bool:
    first = world.origins.get(identity)
    if first is None:
        world.origins[identity] = document.origin
        return True
    kind, _, name = identity
    world.problems.append(Problem(document.origin, f"{kind} {name}: is there already, in {first}"))
    return False


def _map(holder: Mapping[str, Any], field_name: str) -> dict[Any, Any]:
    found = holder.get(field_name) or {}
    if not isinstance(found, dict):
        message = f"{field_name}: should be a map"
        raise ValueError(message)  # noqa: TRY004  # one kind of trouble with a manifest
    return found


def _text(holder: Mapping[str, Any], field_name: str) -> dict[str, bytes]:
    found = _map(holder, field_name)
    for key, value in found.items():
        if not isinstance(value, str):
            message = f"{field_name}.{key}: should be text: quote it"
            raise ValueError(message)  # noqa: TRY004
    return {str(key): value.encode() for key, value in found.items()}


def _bytes(holder: Mapping[str, Any], field_name: str) -> dict[str, bytes]:
    decoded: dict[str, bytes] = {}
    for key, value in _text(holder, field_name).items():
        try:
            decoded[key] = base64.b64decode(value, validate=True)
        except binascii.Error:
            message = f"{field_name}.{key}: is not base64"
            raise ValueError(message) from None
    return decoded
