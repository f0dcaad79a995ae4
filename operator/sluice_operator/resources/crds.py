"""The CustomResourceDefinitions, and ``python -m sluice_operator.resources.crds DIR...``, which writes them."""

import json
import sys
from pathlib import Path
from typing import Final

import yaml

from sluice_contract.names import API_GROUP, API_VERSION
from sluice_operator.resources.base import VALIDATIONS, JsonSchema
from sluice_operator.resources.definitions import DEFINITIONS, Column, Definition
from sluice_operator.resources.schema import structural

CATEGORY: Final = "sluice"
_HEADER: Final = "# Written by `make crds` from operator/sluice_operator/resources; changes here are lost.\n"


def custom_resource_definition(definition: Definition) -> JsonSchema:
    """The CRD of one kind, as the API server takes it."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{definition.plural}.{API_GROUP}"},
        "spec": {
            "group": API_GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": definition.kind,
                "listKind": f"{definition.kind}List",
                "plural": definition.plural,
                "singular": definition.kind.lower(),
                "shortNames": [definition.short_name],
                "categories": [CATEGORY],
            },
            "versions": [
                {
                    "name": API_VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_column(column) for column in definition.columns],
                    "schema": {"openAPIV3Schema": _whole(definition)},
                }
            ],
        },
    }


def _whole(definition: Definition) -> JsonSchema:
    resource = structural(definition.resource)
    # An absent status gets an empty one, and that the condition which says that nobody has looked yet.
    status = {**structural(definition.status), "default": {}}
    return {
        "description": resource["description"],
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": resource["properties"]["spec"],
            "status": status,
        },
        VALIDATIONS: resource[VALIDATIONS],
    }


def _column(column: Column) -> JsonSchema:
    wide = {"priority": 1} if column.wide else {}
    return {"name": column.name, "type": column.type, "jsonPath": column.path, **wide}


def rendered() -> dict[str, str]:
    """The text of each file by its name."""
    return {f"{definition.plural}.yaml": _render(custom_resource_definition(definition)) for definition in DEFINITIONS}


def _render(document: JsonSchema) -> str:
    plain = json.loads(json.dumps(document))  # values that are shared would become YAML aliases
    return _HEADER + yaml.safe_dump(plain, sort_keys=False, width=120, allow_unicode=True)


def main(arguments: list[str]) -> int:
    """Write every file into each directory of *arguments*; 2 if there is none."""
    if not arguments:
        sys.stderr.write("usage: python -m sluice_operator.resources.crds DIR...\n")
        return 2
    for directory in map(Path, arguments):
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in rendered().items():
            (directory / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
