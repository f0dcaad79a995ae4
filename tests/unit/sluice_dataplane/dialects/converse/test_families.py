"""Converse: whose model a name stands for."""

import pytest

from sluice_dataplane.dialects.converse.families import family_of


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("anthropic.claude-3-haiku-20240307-v1:0", "claude"),
        ("global.anthropic.claude-opus-4-7", "claude"),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2", "claude"),
        ("anthropic.next-v1:0", "claude"),
        ("my-claude-deployment", "claude"),
        ("us.amazon.nova-pro-v1:0", "nova"),
        ("amazon.titan-text-lite-v1", "other"),
        ("meta.llama4-scout-17b-instruct-v1:0", "other"),
        ("arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc", "other"),
    ],
)
def test_a_name_says_whose_model_it_is(model: str, expected: str) -> None:
    """Of a base model or a profile of Amazon's; an ARN of one's own says nothing."""
    assert family_of(model) == expected
