"""Rules of an account that follow from the provider table."""

from typing import Any

import pytest

from sluice_operator.resources import Invalid, ModelProvider, parse

AUTH = {"type": "APIKey", "apiKey": {"secretRef": {"name": "a", "key": "b"}}}
HERE = "https://llm.example.com"


def provider(type_: str, **spec: Any) -> ModelProvider | Invalid:
    """What parse makes of a provider of *type_*."""
    result = parse(
        {
            "apiVersion": "sluice.dev/v1alpha1",
            "kind": "ModelProvider",
            "metadata": {"name": "a"},
            "spec": {"type": type_, "auth": AUTH, **spec},
        }
    )
    assert isinstance(result, ModelProvider | Invalid)
    return result


@pytest.mark.parametrize(
    ("type_", "spec", "words"),
    [
        ("Bedrock", {}, "region: required for Bedrock, BedrockMantle"),
        ("Bedrock", {"baseURL": HERE}, "region: required"),
        ("VertexAI", {"auth": {"type": "GCP"}}, "project: required for VertexAI"),
        ("Cloudflare", {}, "accountID: required for Cloudflare"),
        ("OpenAI", {"region": "eu-central-1"}, "region: only for Bedrock, BedrockMantle"),
        ("OpenAI", {"location": "global"}, "location: only for VertexAI"),
        ("Databricks", {}, "baseURL: required for"),
        ("VertexAI", {"project": "p"}, "auth: APIKey is taken by"),
        ("Anthropic", {"dialects": ["Chat"]}, "dialects: Chat is spoken by"),
        ("OpenAI", {"dialects": ["Chat", "Gemini"]}, "dialects: Gemini is spoken by"),
        ("OpenAI", {"dialects": []}, "dialects: has too few members"),
        ("OpenAI", {"dialects": ["Chat", "Chat"]}, "two members are the same"),
    ],
)
def test_what_a_type_needs_or_has_no_use_for_is_said(type_: str, spec: dict[str, Any], words: str) -> None:
    """A parameter without which there is no address is asked for, and one that changes nothing is refused."""
    result = provider(type_, **spec)

    assert isinstance(result, Invalid)
    assert words in result.message


@pytest.mark.parametrize(
    ("type_", "spec"),
    [
        ("Bedrock", {"region": "eu-central-1"}),
        ("VertexAI", {"auth": {"type": "GCP"}, "project": "p"}),
        ("Cloudflare", {"accountID": "0" * 32}),
        ("Cloudflare", {"baseURL": HERE}),
        ("OpenAI", {"dialects": ["Chat"]}),
        ("OpenAICompatible", {"baseURL": HERE, "dialects": ["Chat", "Messages", "Gemini", "Converse", "Responses"]}),
    ],
)
def test_what_is_enough_is_enough(type_: str, spec: dict[str, Any]) -> None:
    """A base URL of one's own stands for what would be part of the default one."""
    result = provider(type_, **spec)

    assert isinstance(result, ModelProvider), result


@pytest.mark.parametrize("spec", [{"baseURL": HERE}, {"dialects": ["Chat"]}, {"auth": {"type": "None"}}])
def test_a_type_may_be_left_out_only_where_a_name_can_tell_it(spec: dict[str, Any]) -> None:
    """An address or a way to log in is nobody's in particular."""
    result = parse(
        {
            "apiVersion": "sluice.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": "claude-x"},
            "spec": {"targets": [{"name": "a", "provider": {"auth": AUTH, **spec}}]},
        }
    )

    assert isinstance(result, Invalid)
    assert "type: required with" in result.message
