"""Where it may go: granted models only, targets by tier and weight."""

import random
from collections import Counter

import pytest

from sluice_contract.snapshot import Model, Target
from sluice_dataplane.config.table import Table
from sluice_dataplane.errors import UnavailableError, UnknownModelError
from sluice_dataplane.exchange import Ask, Plan, Principal
from sluice_dataplane.pipeline.resolve import resolve
from support.builders import key, model, table, upstream


def plan(of: Table, name: str, seed: int = 0) -> Plan:
    """The plan of the table's one key for *name*."""
    principal = Principal(next(iter(of.proofs.values())).key, "c1")
    return resolve(of, principal, Ask(model=name), draw=random.Random(seed).random)


def targets(*specs: tuple[str, int, int]) -> tuple[Target, ...]:
    """Targets from (name, priority, weight)."""
    return tuple(Target(name=n, upstream_id="up", priority=p, weight=w) for n, p, w in specs)


@pytest.mark.parametrize("name", ["nope", "ECHO", "echo ", "../echo", "\N{CYRILLIC SMALL LETTER IE}cho", ""])
def test_only_the_very_name_finds_a_model(name: str) -> None:
    """Case, blanks, paths and look-alike letters lead nowhere."""
    with pytest.raises(UnknownModelError):
        plan(table(), name)


@pytest.mark.parametrize(
    ("the_key", "the_model"),
    [
        (key(allow=()), model()),
        (key(allow=("gpt-*",)), model()),
        (key(deny=("ec*",)), model()),
        (key(), model(internal=True)),
        (key(), model(namespaces=("other",))),
    ],
    ids=["allow nothing", "allow others", "denied", "internal", "other namespace"],
)
def test_a_forbidden_model_looks_like_an_unknown_one(the_key: object, the_model: Model) -> None:
    """The client cannot learn from the answer whether a model it may not use exists."""
    of = table(keys=(the_key,), models=(the_model,))
    with pytest.raises(UnknownModelError) as forbidden:
        plan(of, "echo")
    with pytest.raises(UnknownModelError) as unknown:
        plan(table(models=(), keys=(the_key,)), "echo")

    assert forbidden.value.message == unknown.value.message


def test_an_alias_cannot_get_round_a_deny() -> None:
    """A deny of the model's name holds for its aliases, and one of the alias for itself."""
    of = table(models=(model(aliases=("fast",)),), keys=(key(deny=("echo",)),))
    with pytest.raises(UnknownModelError):
        plan(of, "fast")


def test_the_longest_pattern_serves_and_passes_the_rest_on() -> None:
    """``openai/gpt-*`` beats ``openai/*``; what stands before the last slash's pattern is not sent upstream."""
    wide = model("openai/*", targets=targets(("wide", 0, 1)))
    narrow = model("openai/gpt-*", targets=targets(("narrow", 0, 1)))
    of = table(models=(wide, narrow))

    assert plan(of, "openai/gpt-9").candidates[0].target.name == "narrow"
    assert plan(of, "openai/o9").candidates[0].upstream_model == "o9"


def test_tiers_come_in_order_and_weights_share_a_tier() -> None:
    """Priority decides first; within a tier 9:1 weights draw about nine times as often."""
    of = table(models=(model(targets=targets(("a", 0, 90), ("b", 0, 10), ("c", 1, 1))),))
    orders = [[c.target.name for c in plan(of, "echo", seed).candidates] for seed in range(2_000)]
    first = Counter(order[0] for order in orders)

    assert all(order[2] == "c" for order in orders)
    assert 0.87 < first["a"] / 2_000 < 0.93


def test_a_weight_of_zero_is_the_tiers_last_resort() -> None:
    """A drained target is tried only when its whole tier has failed."""
    of = table(models=(model(targets=targets(("a", 0, 0), ("b", 0, 1))),))

    assert all([c.target.name for c in plan(of, "echo", s).candidates] == ["b", "a"] for s in range(50))


def test_a_model_ref_stands_for_the_other_models_targets() -> None:
    """A nested model's targets take the place of the target that names it, under the nested model's own name."""
    inner = model("inner", internal=True, targets=targets(("x", 0, 1), ("y", 1, 1)))
    outer = model("outer", targets=(*targets(("a", 0, 1)), Target(name="r", model_ref="inner", priority=1)))
    found = plan(table(models=(inner, outer)), "outer")

    assert [c.target.name for c in found.candidates] == ["a", "x", "y"]
    assert found.candidates[1].model.name == "inner"
    assert found.candidates[1].upstream_model == "inner"


def test_a_circle_of_model_refs_ends() -> None:
    """Even if the compiler let a circle through, a call ends with a clear 503."""
    a = model("a", targets=(Target(name="t", model_ref="b"),))
    b = model("b", targets=(Target(name="t", model_ref="a"),))

    with pytest.raises(UnavailableError, match="no target"):
        plan(table(models=(a, b), upstreams=(upstream(),)), "a")
