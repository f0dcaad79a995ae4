"""From what is said of prices to the snapshot's numbers."""

import pytest

from sluice_contract.snapshot import Rates, Tier
from sluice_operator.compiler.rates import ascending, dearest, price_of, tidied, versioned
from sluice_operator.resources import Prices

PLAIN = Rates(input_nusd_per_mtok=4, cached_input_nusd_per_mtok=1, cache_write_nusd_per_mtok=5, output_nusd_per_mtok=8)
FULL = Rates(
    input_nusd_per_mtok=4,
    cached_input_nusd_per_mtok=1,
    cache_write_nusd_per_mtok=5,
    output_nusd_per_mtok=8,
    cache_write_1h_nusd_per_mtok=5,
    audio_input_nusd_per_mtok=4,
    cached_audio_nusd_per_mtok=4,
    image_input_nusd_per_mtok=4,
    audio_output_nusd_per_mtok=8,
    image_output_nusd_per_mtok=8,
    reasoning_nusd_per_mtok=8,
)


def test_what_follows_from_the_rest_is_left_out() -> None:
    """A kind that costs as the kind it is part of is not said: equal prices are equal bytes."""
    assert tidied(FULL) == PLAIN
    assert tidied(PLAIN) == PLAIN


@pytest.mark.parametrize("kind", [name for name in Rates.__struct_fields__ if getattr(PLAIN, name) is None])
def test_what_differs_is_said(kind: str) -> None:
    """A kind with another price keeps it, zero included, and so does one that would follow from it."""
    given = {name: getattr(FULL, name) for name in Rates.__struct_fields__}
    for price in (0, 77):
        assert getattr(tidied(Rates(**{**given, kind: price})), kind) == price
    voice = tidied(Rates(**{**given, "audio_input_nusd_per_mtok": 9}))
    assert voice.cached_audio_nusd_per_mtok == 4


def test_dearest_is_so_for_each_kind() -> None:
    """Of several prices each kind takes the highest, those that are not said by what they follow from."""
    voice = Rates(input_nusd_per_mtok=2, output_nusd_per_mtok=9, audio_input_nusd_per_mtok=3)

    assert dearest([PLAIN, voice]) == Rates(
        input_nusd_per_mtok=4, cached_input_nusd_per_mtok=1, cache_write_nusd_per_mtok=5, output_nusd_per_mtok=9
    )


def test_tiers_ascend_and_say_something_new() -> None:
    """Tiers come in order, and one that changes nothing is none."""
    longer = Rates(input_nusd_per_mtok=9)

    assert ascending(PLAIN, [(300, longer), (100, PLAIN), (200, longer)]) == (
        Tier(over_input_tokens=200, rates=longer),
    )


def test_equal_numbers_have_equal_versions() -> None:
    """A version tells numbers and the kind of source, and nothing else."""
    said = Prices.model_validate({"inputPerMillion": "1", "outputPerMillion": "2", "reasoningPerMillion": "2.0"})
    again = Prices.model_validate({"inputPerMillion": "1.00", "outputPerMillion": "2", "cachedInputPerMillion": "1"})

    assert price_of(said, kind="model") == price_of(again, kind="model")
    assert price_of(said, kind="model").version != price_of(said, kind="list").version
    assert versioned("book", PLAIN).version != versioned("book", PLAIN, request_nusd=1).version
