"""What an account says of who it is."""

from typing import Any

import pytest

from sluice_operator.resources import Invalid, ModelProvider, parse

KEY = {"secretRef": {"name": "a", "key": "b"}}
CLOUDS: dict[str, dict[str, Any]] = {
    "AWS": {"type": "Bedrock", "region": "eu-central-1"},
    "GCP": {"type": "VertexAI", "project": "p"},
    "AzureAD": {"type": "AzureOpenAI", "baseURL": "https://a.openai.azure.com"},
    "OAuth2": {"type": "Databricks", "baseURL": "https://w.cloud.databricks.com"},
}


def judged(auth: dict[str, Any], **spec: Any) -> ModelProvider | Invalid:
    """What parse makes of a provider with *auth*, of a type that takes it."""
    result = parse(
        {
            "apiVersion": "sluice.dev/v1alpha1",
            "kind": "ModelProvider",
            "metadata": {"name": "a"},
            "spec": {**CLOUDS.get(auth["type"], {"type": "OpenAI"}), "auth": auth, **spec},
        }
    )
    assert isinstance(result, ModelProvider | Invalid)
    return result


@pytest.mark.parametrize(
    ("auth", "ambient"),
    [
        ({"type": "AWS"}, True),
        ({"type": "AWS", "aws": {"source": "PodIdentity"}}, True),
        ({"type": "AWS", "aws": {"source": "Static", "accessKeyID": KEY, "secretAccessKey": KEY}}, False),
        ({"type": "GCP"}, True),
        ({"type": "GCP", "gcp": {"source": "Federation", "federation": {"audience": "//iam.googleapis.com/a"}}}, True),
        ({"type": "GCP", "gcp": {"source": "ServiceAccount", "key": KEY}}, False),
        ({"type": "AzureAD"}, True),
        ({"type": "OAuth2", "oauth2": {"tokenURL": "https://a/t", "clientID": "c", "clientSecret": KEY}}, False),
        ({"type": "APIKey", "apiKey": KEY}, False),
        ({"type": "None"}, False),
    ],
)
def test_it_is_told_whose_identity_is_used(auth: dict[str, Any], ambient: bool) -> None:
    """What comes from the data plane's pods is told apart from what comes from a Secret."""
    result = judged(auth)

    assert isinstance(result, ModelProvider), result
    assert result.spec.auth is not None
    assert result.spec.auth.ambient is ambient


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        ({"type": "APIKey"}, "apiKey: needed by type: APIKey"),
        ({"type": "None", "apiKey": KEY}, "apiKey: needed by type: APIKey"),
        ({"type": "OAuth2"}, "oauth2: needed by type: OAuth2"),
        ({"type": "AWS", "gcp": {}}, "gcp: only with type: GCP"),
        ({"type": "AWS", "aws": {"source": "Static"}}, "accessKeyID: needed by source: Static"),
        ({"type": "AWS", "aws": {"accessKeyID": KEY}}, "accessKeyID: needed by source: Static"),
        ({"type": "AWS", "aws": {"sessionToken": KEY}}, "sessionToken: only with source: Static"),
        ({"type": "AWS", "aws": {"source": "PodIdentity", "sessionName": "gw"}}, "only where a role is taken on"),
        ({"type": "GCP", "gcp": {"source": "ServiceAccount"}}, "key: needed by source: ServiceAccount"),
        ({"type": "GCP", "gcp": {"source": "Federation"}}, "federation: needed by source: Federation"),
        ({"type": "AzureAD", "azureAD": {"clientSecret": KEY}}, "clientSecret: needed by source: ClientSecret"),
        (
            {"type": "AzureAD", "azureAD": {"source": "ClientSecret", "clientSecret": KEY}},
            "tenantID and clientID: required",
        ),
    ],
)
def test_what_does_not_belong_together_is_refused(auth: dict[str, Any], words: str) -> None:
    """Each way says what it needs and nothing of the others: what is left over would be believed to count."""
    result = judged(auth)

    assert isinstance(result, Invalid)
    assert words in result.message


@pytest.mark.parametrize(
    ("auth", "type_"),
    [({"type": "AWS"}, "OpenAI"), ({"type": "GCP"}, "Anthropic"), ({"type": "AzureAD"}, "Groq")],
)
def test_a_provider_takes_the_identities_that_it_knows(auth: dict[str, Any], type_: str) -> None:
    """A token of one cloud is shown to no other provider."""
    result = judged(auth, type=type_)

    assert isinstance(result, Invalid)
    assert f"auth: {auth['type']} is taken by" in result.message


def test_credentials_are_not_shown_without_tls() -> None:
    """A client's secret goes to an https address, unless a private network is meant."""
    oauth2 = {"tokenURL": "http://idp.example.com/t", "clientID": "c", "clientSecret": KEY}
    plain = judged({"type": "OAuth2", "oauth2": oauth2})
    meant = judged({"type": "OAuth2", "oauth2": oauth2}, allowPrivateNetwork=True)

    assert isinstance(plain, Invalid)
    assert "credentials are shown to https addresses only" in plain.message
    assert isinstance(meant, ModelProvider)
