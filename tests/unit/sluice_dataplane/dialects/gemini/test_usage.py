"""Gemini's usage: every token once, as the kind it is."""

import json
from typing import Any

import msgspec
import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.gemini.usage import reported_of


def usage(**fields: Any) -> TokenUsage | None:
    """What *fields* report."""
    found = reported_of(msgspec.Raw(json.dumps(fields).encode()))
    return None if found is None else found.usage


def tier(**fields: Any) -> str:
    """The service tier that *fields* report."""
    found = reported_of(msgspec.Raw(json.dumps({"promptTokenCount": 1, **fields}).encode()))
    assert found is not None
    return found.service_tier


def of(modality: str, tokens: int) -> list[dict[str, Any]]:
    """Details of one modality."""
    return [{"modality": "TEXT", "tokenCount": 1}, {"modality": modality, "tokenCount": tokens}]


def test_thoughts_and_tools_are_counted_with_what_they_are_part_of() -> None:
    """Google counts them beside the candidates and beside the prompt."""
    found = usage(
        promptTokenCount=10,
        toolUsePromptTokenCount=5,
        candidatesTokenCount=7,
        thoughtsTokenCount=20,
        cachedContentTokenCount=4,
        totalTokenCount=42,
    )

    assert found == TokenUsage(input=15, output=27, cached_input=4, reasoning=20)


def test_modalities_are_told_apart() -> None:
    """Sound and pictures, in and out, and sound from the cache."""
    found = usage(
        promptTokenCount=100,
        toolUsePromptTokenCount=10,
        cachedContentTokenCount=50,
        candidatesTokenCount=40,
        promptTokensDetails=of("AUDIO", 30),
        toolUsePromptTokensDetails=of("IMAGE", 8),
        cacheTokensDetails=of("AUDIO", 20),
        candidatesTokensDetails=of("IMAGE", 39),
    )

    assert found == TokenUsage(
        input=110, output=40, cached_input=50, audio_input=30, cached_audio=20, image_input=8, image_output=39
    )


def test_what_only_the_total_has_is_output() -> None:
    """It was used, and nothing says it was input."""
    assert usage(promptTokenCount=10, candidatesTokenCount=1, totalTokenCount=31) == TokenUsage(input=10, output=21)


def test_zeros_are_left_out() -> None:
    """A count that is not there is none."""
    assert usage(totalTokenCount=9, candidatesTokenCount=2) == TokenUsage(input=7, output=2)


@pytest.mark.parametrize("raw", [b"{}", b"[]", b"1", b'{"promptTokenCount":"x"}', b'{"promptTokenCount":-1}', b"{"])
def test_what_makes_no_sense_is_no_usage(raw: bytes) -> None:
    """Then the answer is counted from its bytes."""
    assert reported_of(msgspec.Raw(raw)) is None


def test_odd_details_leave_the_sums() -> None:
    """A detail that is not what it must be does not hide what was used; none is more than its whole."""
    assert usage(promptTokenCount=3, promptTokensDetails="x", trafficType=1) == TokenUsage(input=3)
    assert usage(promptTokenCount=3, promptTokensDetails=of("AUDIO", 9)) == TokenUsage(input=3, audio_input=3)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, ""),
        ({"serviceTier": "priority"}, "priority"),
        ({"serviceTier": "SERVICE_TIER_FLEX"}, "flex"),
        ({"trafficType": "ON_DEMAND"}, "on_demand"),
        ({"trafficType": "ON_DEMAND_PRIORITY"}, "priority"),
        ({"trafficType": "PROVISIONED_THROUGHPUT"}, "provisioned_throughput"),
        ({"serviceTier": "unspecified", "trafficType": "TRAFFIC_TYPE_UNSPECIFIED"}, ""),
        ({"serviceTier": "x" * 200}, "x" * 64),
    ],
)
def test_a_service_tier_has_one_name(fields: dict[str, Any], name: str) -> None:
    """By either API's word for it: prices are looked up by it."""
    assert tier(**fields) == name
