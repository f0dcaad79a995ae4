"""The Responses API: what an answer says it used."""

import json
from typing import Any

import msgspec
import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.responses.usage import reported_of
from sluice_dataplane.exchange import Reported


def reported(usage: object, tier: object = None) -> Reported | None:
    """What *usage* reports."""
    return reported_of(msgspec.Raw(json.dumps(usage).encode()), tier)


FULL: dict[str, Any] = {
    "input_tokens": 100,
    "input_tokens_details": {
        "cached_tokens": 40,
        "cache_write_tokens": 30,
        "cache_write_tokens_details": {"ttl_30m_tokens": 20, "ttl_12h_tokens": 10},
    },
    "output_tokens": 50,
    "output_tokens_details": {"reasoning_tokens": 20},
    "total_tokens": 150,
}


def test_all_kinds_of_tokens_are_read() -> None:
    """Caches read and written, the long-lived ones apart, and reasoning."""
    assert reported(FULL, "priority") == Reported(
        TokenUsage(input=100, output=50, cached_input=40, cache_write=30, cache_write_1h=10, reasoning=20), "priority"
    )


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}, TokenUsage()),
        ({"prompt_tokens": 3, "completion_tokens": 4}, TokenUsage(input=3, output=4)),
        ({"input_tokens": 3, "output_tokens": 4, "total_tokens": 9}, TokenUsage(input=3, output=6)),
        ({"total_tokens": 9}, TokenUsage(input=9)),
        ({**FULL, "input_tokens_details": "odd"}, TokenUsage(input=100, output=50)),
        ({"input_tokens": 3, "output_tokens_details": {"reasoning_tokens": 9}}, TokenUsage(input=3)),
    ],
)
def test_odd_reports_are_read_as_far_as_they_make_sense(usage: object, expected: TokenUsage) -> None:
    """Zero stays zero, and what only the total has was used."""
    found = reported(usage)

    assert found is not None
    assert found.usage == expected


@pytest.mark.parametrize("usage", [None, {}, [], 7, {"input_tokens": -1}, {"input_tokens": "3"}, {"output_tokens": 3}])
def test_what_makes_no_sense_is_no_report(usage: object) -> None:
    """Then it is estimated."""
    assert reported(usage) is None


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        ({"cost_in_usd_ticks": 37756000}, 3775600),
        ({"cost_in_usd_ticks": 1}, 1),
        ({"cost": 0.0038}, 3800000),
        ({"cost": "dear"}, None),
        ({"cost": -1}, None),
        ({"cost": 1e300}, None),
        ({}, None),
    ],
)
def test_what_the_provider_says_it_costs_is_kept_exactly(cost: dict[str, Any], expected: int | None) -> None:
    """In nano-USD, rounded up; never through a float."""
    found = reported({"input_tokens": 1, **cost})

    assert found is not None
    assert found.provider_cost_nusd == expected


def test_a_service_tier_that_is_no_name_is_none() -> None:
    """And a long one is cut: it goes into every record."""
    odd, long = reported(FULL, 7), reported(FULL, "x" * 1000)

    assert odd is not None
    assert long is not None
    assert (odd.service_tier, long.service_tier) == ("", "x" * 64)
