"""Costs that providers tell of."""

import msgspec
import pytest

from sluice_dataplane.dialects.costs import ticks, usd


@pytest.mark.parametrize(
    ("raw", "nusd"),
    [
        (b"0.00014", 140_000),
        (b"0", 0),
        (b"1e-9", 1),
        (b"0.0000000001", 1),
        (b"12", 12_000_000_000),
        (b"-0.1", None),
        (b'"0.1"', None),
        (b"null", None),
        (b"{}", None),
        (b"1e40", None),
        (b"1e999999999", None),
        (b"", None),
        (b"0." + b"1" * 80, None),
    ],
)
def test_dollars_are_read_to_the_nano_and_rounded_up(raw: bytes, nusd: int | None) -> None:
    """What is no sum of money is none."""
    assert usd(msgspec.Raw(raw)) == nusd


@pytest.mark.parametrize(("raw", "nusd"), [(b"37756000", 3_775_600), (b"1", 1), (b"0", 0), (b"-1", None), (b"x", None)])
def test_ticks_are_tenths_of_a_nano(raw: bytes, nusd: int | None) -> None:
    """As xAI counts."""
    assert ticks(msgspec.Raw(raw)) == nusd
