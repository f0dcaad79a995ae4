"""Prices: nothing unsaid is free."""

from typing import Any

import pytest
from pydantic import ValidationError

from sluice_operator.resources.base import alias_of
from sluice_operator.resources.prices import OPTIONAL_RATES, RATES, Prices


def prices(**fields: Any) -> Prices:
    """Prices as a manifest says them."""
    return Prices.model_validate(fields)


def test_free_must_be_said() -> None:
    """No price at all, half a price and zero prices are no way to say free."""
    for fields in ({}, {"inputPerMillion": "1"}, {"inputPerMillion": "0", "outputPerMillion": "0.0"}):
        with pytest.raises(ValidationError, match="free: true"):
            prices(**fields)

    assert prices(free=True).free


def test_free_excludes_prices() -> None:
    """Free and a price contradict each other, whichever price it is."""
    for name in (*map(alias_of, RATES), "perRequest"):
        with pytest.raises(ValidationError, match="free: true takes no prices"):
            prices(free=True, **{name: "1"})


def test_price_of_one_direction_may_be_zero() -> None:
    """Embeddings have no output."""
    assert prices(inputPerMillion="0.02", outputPerMillion="0").output_per_million == "0"


def test_price_stays_the_text_it_was() -> None:
    """No float comes near it."""
    assert prices(inputPerMillion="0.100000000", outputPerMillion="1").input_per_million == "0.100000000"


@pytest.mark.parametrize("name", [alias_of(name) for name in OPTIONAL_RATES])
@pytest.mark.parametrize("list_", ["tiers", "serviceTiers"])
def test_longer_calls_and_other_services_say_what_the_plain_ones_do(name: str, list_: str) -> None:
    """A kind of token with a price of its own has one wherever other prices hold: it falls back to nothing cheaper."""
    said = {"inputPerMillion": "1", "outputPerMillion": "2"}
    member = {**said, **({"overInputTokens": 5} if list_ == "tiers" else {"name": "flex"})}

    with pytest.raises(ValidationError, match=f"{list_}: each says every price"):
        prices(**said, **{name: "3"}, **{list_: (member,)})

    prices(**said, **{name: "3"}, **{list_: ({**member, name: "4"},)})
    prices(**said, **{list_: ({**member, name: "4"},)})
