"""Service tiers, in the words of OpenAI's API and SDKs."""

from sluice_dataplane.dialects.chat.tiers import write_tier


def test_the_usual_tier_has_one_name() -> None:
    """Whichever wire named it."""
    assert [write_tier(tier) for tier in ("default", "standard", "standard_only")] == ["default"] * 3


def test_tiers_that_nobody_knows_have_none() -> None:
    """OpenAI's SDKs have a list of tiers."""
    assert [write_tier(tier) for tier in ("priority", "batch", "")] == ["priority", "", ""]
