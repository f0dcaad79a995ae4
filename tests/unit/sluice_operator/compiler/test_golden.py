"""Golden pairs: ``testdata/<topic>-<case>.in.yaml`` compiles to ``….out.yaml``.

The first comment of an input is the promise it proves.  ``REGEN_GOLDEN=1`` writes the outputs anew; read the diff.
"""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from sluice_operator.compiler import Compilation
from unit.sluice_operator.compiler.world import compiled

CASES = sorted((Path(__file__).parent / "testdata").glob("*.in.yaml"))


def _written(compilation: Compilation) -> str:
    snapshot = msgspec.to_builtins(compilation.snapshot, order="deterministic")
    whole: dict[str, Any] = {
        "verdicts": {
            str(verdict.ref): {
                "served": verdict.served,
                **{each.type: f"{each.holds} {each.reason}: {each.message}" for each in verdict.findings},
                "fields": dict(verdict.fields),
            }
            for verdict in compilation.verdicts
        },
        "wanted": [f"{each.secret} {each.entry} for {each.owner} {each.key_id}" for each in compilation.wanted_secrets],
        "refs": sorted(map(str, compilation.secret_refs | compilation.config_map_refs)),
        "next_change_ms": compilation.next_change_ms,
        "conflicts": [f"{each.book}: {each.message}" for each in compilation.conflicts],
        "snapshot": {name: part for name, part in snapshot.items() if name != "credentials"},
        "credentials": dict(compilation.snapshot.credentials.values),
    }
    return yaml.safe_dump({key: value for key, value in whole.items() if value}, sort_keys=False, width=110)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.removesuffix(".in.yaml"))
def test_compiles_to_the_golden_output(case: Path) -> None:
    """What is served and what is said of each resource is what a person has read and agreed with."""
    golden = case.with_name(case.name.replace(".in.", ".out."))
    written = _written(compiled(case.read_text()))
    if os.environ.get("REGEN_GOLDEN"):
        golden.write_text(written)

    assert golden.read_text() == written
