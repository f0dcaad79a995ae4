"""The examples, as somebody would apply them whole."""

from pathlib import Path
from typing import Any

import pytest

from sluice_operator.compiler import compile_inventory
from unit.sluice_operator.compiler.world import documents_of, inventory_of

EXAMPLES = Path(__file__).parents[4] / "examples"


def secrets_of(node: Any) -> list[dict[str, Any]]:
    """A Secret for everything in *node* that refers to one."""
    if isinstance(node, list):
        return [secret for each in node for secret in secrets_of(each)]
    if not isinstance(node, dict):
        return []
    found = [secret for each in node.values() for secret in secrets_of(each)]
    if (ref := node.get("secretRef")) is not None:
        found.append({"kind": "Secret", "metadata": {"name": ref["name"]}, "data": {ref["key"]: "sk-up-1"}})
    return found


@pytest.mark.parametrize("folder", sorted({path.parent for path in EXAMPLES.glob("*/*.yaml")}), ids=lambda f: f.name)
def test_an_example_serves_all_its_models_at_a_known_price(folder: Path) -> None:
    """What we show works as it stands, once its Secrets are there."""
    documents = [each for path in sorted(folder.glob("*.yaml")) for each in documents_of(path.read_text())]
    compilation = compile_inventory(inventory_of([*documents, *secrets_of(documents)]))
    wanting = [
        (str(verdict.ref), finding.type, finding.message)
        for verdict in compilation.verdicts
        for finding in verdict.findings
        if not finding.holds
        and verdict.ref.kind != "VirtualKey"  # theirs is written once they are there
        # One price for all of a provider's models is not to be had: a wildcard says what it costs, or has no Budget.
        and not (finding.type == "Priced" and verdict.fields.get("modelName", "").endswith("*"))
    ]

    assert wanting == []
    assert compilation.snapshot.models
