"""Money as integers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.errors import AmountInvalidError, ContractError
from sluice_contract.money import MAX_BUDGET_NUSD, NANO_PER_USD, cost_nusd, format_usd, parse_usd


@pytest.mark.parametrize(
    ("text", "nusd"),
    [
        ("0", 0),
        ("0.000000001", 1),
        ("0.15", 150_000_000),
        ("2500.00", 2_500_000_000_000),
        ("007", 7_000_000_000),
        ("999999999999.999999999", 999_999_999_999_999_999_999),
    ],
)
def test_amount_is_exact(text: str, nusd: int) -> None:
    """A decimal string becomes nano-USD without any rounding, up to the last digit it may have."""
    assert parse_usd(text) == nusd


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "1\n", "+1", "-1", ".5", "5.", "1,5", "1_000", "1e3", "NaN", "Infinity", "0x1", "$1",
     "1.0000000001", "1234567890123", "\u0661", "1.5.5"],
)  # fmt: skip
def test_what_is_no_amount_is_refused(text: str) -> None:
    """Signs, exponents, grouping, other scripts' digits and too many digits are refused, quoting what was read."""
    with pytest.raises(AmountInvalidError, match="is not an amount"):
        parse_usd(text)


def test_error_is_both_ours_and_a_value_error() -> None:
    """Validators that know ValueError only, and callers that know our tree only, both catch it."""
    assert issubclass(AmountInvalidError, ValueError)
    assert issubclass(AmountInvalidError, ContractError)


@given(st.integers(0, 10**21 - 1))
def test_what_is_printed_reads_back(nusd: int) -> None:
    """Printing an amount and reading it again gives the same amount: a status can be trusted to the last digit."""
    assert parse_usd(format_usd(nusd)) == nusd


@given(st.integers(-(10**18), 10**18))
def test_printed_amount_is_the_decimal_value(nusd: int) -> None:
    """The printed number is the amount in USD, sign included, with six decimals or nine."""
    text = format_usd(nusd)

    assert Decimal(text) * NANO_PER_USD == nusd
    assert len(text.split(".")[1]) in (6, 9)


@pytest.mark.parametrize(
    ("nusd", "text"),
    [(0, "0.000000"), (1_842_100_000, "1.842100"), (1, "0.000000001"), (-1_500, "-0.000001500"), (10**9, "1.000000")],
)
def test_amount_prints_with_six_decimals_or_nine(nusd: int, text: str) -> None:
    """Six decimals are enough for people; nine are shown where six would lose something."""
    assert format_usd(nusd) == text


@given(st.integers(0, 10**24))
def test_cost_is_rounded_up_and_by_less_than_one(priced: int) -> None:
    """A cost is the next whole nano-USD: never less than the price says, never a whole nano-USD more."""
    cost = cost_nusd(priced)

    assert 0 <= cost * 1_000_000 - priced < 1_000_000


def test_nothing_used_costs_nothing() -> None:
    """Rounding up does not invent a cost for a call that used nothing."""
    assert cost_nusd(0) == 0


def test_budget_cap_is_exact_in_lua() -> None:
    """The largest Budget, and one nano-USD more, are different numbers as a double: Lua's counters stay exact."""
    assert float(MAX_BUDGET_NUSD) != float(MAX_BUDGET_NUSD + 1)
    assert MAX_BUDGET_NUSD < 2**53
