"""The table: lookups over a snapshot, decisions remembered within bounds."""

import pytest

from sluice_contract import codec
from sluice_contract.errors import SnapshotInvalidError
from sluice_contract.snapshot import Credentials, Limit, Snapshot
from sluice_dataplane.config import table as module
from sluice_dataplane.config.table import Table
from support.builders import budget, key, model, table, upstream


def test_a_snapshots_parts_become_the_table_they_were_made_from() -> None:
    """Encode, decode, build: models, keys, budgets and credentials are all found again."""
    snapshot = Snapshot(
        models=(model(aliases=("fast",)),),
        upstreams=(upstream(credential_id="c"),),
        budgets=(budget(),),
        keys=(key(),),
        credentials=Credentials(values={"c": "sk-provider"}),
    )
    parts = codec.encode(snapshot)
    built = Table.from_parts(parts[codec.INDEX], parts)

    assert built.revision == codec.revision_of(parts[codec.INDEX])
    assert built.model_for("fast") == built.model_for("echo") == snapshot.models[0]
    assert built.budgets["bud1"] == snapshot.budgets[0]
    assert built.credentials["c"] == "sk-provider"
    assert len(built.proofs) == 1


def test_a_table_never_prints_its_secrets() -> None:
    """Neither credentials nor the pepper show in a repr, which may end up in a traceback."""
    built = table(credentials=Credentials(values={"c": "sk-provider"}, pepper_hex="beef"))

    assert "sk-provider" not in repr(built)
    assert "beef" not in repr(built)


def test_a_missing_part_builds_nothing() -> None:
    """Half a snapshot is no table."""
    parts = codec.encode(Snapshot())
    whole = {name: data for name, data in parts.items() if name != "keys-07"}

    with pytest.raises(SnapshotInvalidError, match="keys-07"):
        Table.from_parts(parts[codec.INDEX], whole)


def test_rules_are_the_budgets_that_cover_the_model_and_all_limits() -> None:
    """A Budget for other models does not count this call; limits of key and model both do."""
    per_minute = Limit(name="rpm", unit="Requests", amount=1, window_ms=60_000, burst=1)
    the_key = key(budget_ids=("bud1", "bud2", "gone"), limits=(per_minute,))
    the_model = model(limits=(per_minute,))
    of = table(models=(the_model,), keys=(the_key,), budgets=(budget(), budget(id="bud2", models=("gpt-*",))))
    rules = of.rules(the_key, the_model, "echo")

    assert [b.id for b in rules.budgets] == ["bud1"]
    assert [owner for owner, _ in rules.limits] == ["vktest", "uid-echo"]


def test_names_from_clients_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million made-up model names leave the remembered decisions bounded."""
    monkeypatch.setattr(module, "MAX_REMEMBERED", 100)
    of = table()
    for n in range(1_000):
        of.granted(key(), f"made-up-{n}")

    assert len(of._grants) <= 100


def test_a_call_that_another_model_serves_falls_under_the_budgets_of_both() -> None:
    """The Budget that sent it there holds it, those of the other model too; the limits are the other's, not both's."""
    limit = Limit(name="rpm", unit="Requests", amount=1, window_ms=1_000, burst=1)
    dear, small, other = (model(name, limits=(limit,)) for name in ("dear", "small", "other"))
    budgets = tuple(budget(id=name, models=(name,)) for name in ("dear", "small", "other"))
    the_key = key(budget_ids=("dear", "small", "other"))
    of = table(models=(dear, small, other), keys=(the_key,), budgets=budgets)
    rules = of.downgraded_rules(the_key, dear, "dear", small)

    assert [each.id for each in rules.budgets] == ["dear", "small"]
    assert [owner for owner, _ in rules.limits] == ["uid-small"]
    assert of.downgraded_rules(the_key, dear, "dear", small) is rules
    assert of.rules(the_key, dear, "dear") is not rules
