"""Budgets: amounts, and what may be combined."""

from typing import Any

from sluice_operator.resources import Budget, Invalid, parse


def budget(unit: str, amount: str, **spec: Any) -> Budget | Invalid:
    """What parse makes of a Budget."""
    limit = {"unit": unit, "amount": amount, **({"currency": "USD"} if unit == "Cost" else {})}
    result = parse(
        {
            "apiVersion": "sluice.dev/v1alpha1",
            "kind": "Budget",
            "metadata": {"name": "a", "namespace": "team"},
            "spec": {"limit": limit, "period": {"type": "Once"}, **spec},
        }
    )
    assert isinstance(result, Budget | Invalid)
    return result


def test_cost_is_counted_in_nano_usd() -> None:
    """A Cost amount becomes whole nano-USD, exactly."""
    result = budget("Cost", "2500.000000001")

    assert isinstance(result, Budget)
    assert result.amount_of(result.spec.limit.amount) == 2_500_000_000_001


def test_tokens_and_requests_are_counted_one_by_one() -> None:
    """An amount of tokens is itself."""
    result = budget("TotalTokens", "1000000")

    assert isinstance(result, Budget)
    assert result.amount_of(result.spec.limit.amount) == 1_000_000


def test_cost_is_capped_where_counters_stop_being_exact() -> None:
    """9,000,000 USD is the most, to the nano, adjustments included."""
    assert isinstance(budget("Cost", "9000000"), Budget)
    assert isinstance(budget("Cost", "9000000.000000001"), Invalid)
    assert isinstance(budget("Cost", "8999999", adjustments=[{"name": "a", "amount": "1"}]), Budget)
    assert isinstance(budget("Cost", "8999999", adjustments=[{"name": "a", "amount": "1.000000001"}]), Invalid)


def test_budget_is_not_its_own_parent_by_its_full_name_either() -> None:
    """The API server cannot see the namespace in a rule; parse can."""
    assert isinstance(budget("Cost", "1", parentRef={"name": "a", "namespace": "team"}), Invalid)
    assert isinstance(budget("Cost", "1", parentRef={"name": "a", "namespace": "finance"}), Budget)


def test_defaults_are_the_safe_ones() -> None:
    """Reserve first, refuse at the limit, spend what is held while the counters are away, refuse what has no price."""
    result = budget("Cost", "1")

    assert isinstance(result, Budget)
    rules = result.spec.enforcement
    assert (rules.mode, rules.on_exhausted, rules.failure_mode, rules.unpriced_models) == (
        "Reserve",
        "Reject",
        "Lease",
        "Reject",
    )
    assert (result.spec.per, result.spec.allowed_namespaces.from_) == ("Subject", "Same")
