"""The manifests beside the CRDs' tests: what must be accepted, what must be refused and with which words.

``<plural>/{accepted,refused}/<case>.yaml``.  A refused one begins with ``# expect: `` and a part of the API server's
message.  Two documents are an object and its update: the first is good, the verdict is the second's.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1] / "e2e" / "cluster" / "crds"
CRDS = Path(__file__).parents[2] / "crds"
_EXPECT = "# expect: "


@dataclass(frozen=True, slots=True)
class Case:
    """One file.  ``expect`` is "" where the manifest must be accepted; ``update`` None where nothing is changed."""

    id: str
    plural: str
    expect: str
    manifest: dict[str, Any]
    update: dict[str, Any] | None


def load_cases(folder: Path = FOLDER) -> list[Case]:
    """Every case, in the order of paths.

    Raises:
        ValueError: a file is not as the module's text says; the message names it.
    """
    return [_load(path, folder) for path in sorted(folder.glob("*/*/*.yaml"))]


def _load(path: Path, folder: Path) -> Case:
    name = str(path.relative_to(folder).with_suffix(""))
    text = path.read_text(encoding="utf-8")
    first = text.split("\n", 1)[0]
    expect = first.removeprefix(_EXPECT) if first.startswith(_EXPECT) else ""
    documents = list(yaml.safe_load_all(text))
    if {"accepted": not expect, "refused": bool(expect)}.get(path.parent.name) is not True or not 1 <= len(
        documents
    ) <= 2:
        message = f"{name}: its folder, its first line and its documents do not fit together"
        raise ValueError(message)
    return Case(name, path.parts[-3], expect, documents[0], documents[1] if len(documents) == 2 else None)


def rule_messages(crd: dict[str, Any]) -> set[str]:
    """The message of every CEL rule of *crd*."""
    found: set[str] = set()
    todo: list[Any] = [crd]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            found |= {rule["message"] for rule in node.get("x-kubernetes-validations", ())}
            todo.extend(node.values())
        elif isinstance(node, list):
            todo.extend(node)
    return found


def load_crds(folder: Path = CRDS) -> dict[str, dict[str, Any]]:
    """The CRDs as they are delivered, by plural."""
    documents = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.yaml")))
    return {document["spec"]["names"]["plural"]: document for document in documents}
