"""One target of a ModelDeployment."""

import pytest

from unit.sluice_operator.compiler.world import compiled, finding, verdict

FREE_MODEL = """
kind: ModelDeployment
metadata: {name: chat}
spec:
  pricing: {free: true}
  targets:
  - {name: acct, providerRef: {name: acct, namespace: platform}}
---
"""
PROVIDER = """
kind: ModelProvider
metadata: {name: acct, namespace: platform}
spec:
  type: OpenAICompatible
  baseURL: https://llm.example.com/v1
  auth: {type: APIKey, apiKey: {secretRef: {name: account, key: token}}}
  allowedNamespaces: {from: %s}
"""


def test_what_is_not_for_you_looks_like_what_is_not_there() -> None:
    """Nobody learns from a verdict which ModelProviders other namespaces keep to themselves."""
    hidden = finding(compiled(FREE_MODEL + PROVIDER % "Same"), "ModelDeployment", "chat", "ResolvedRefs")
    absent = finding(compiled(FREE_MODEL), "ModelDeployment", "chat", "ResolvedRefs")

    assert hidden == absent


def test_another_namespaces_secret_is_not_named() -> None:
    """A model that uses a foreign account learns that it lacks something, not which Secret."""
    found = finding(compiled(FREE_MODEL + PROVIDER % "All"), "ModelDeployment", "chat", "ResolvedRefs")

    assert (found.reason, "account" in found.message) == ("SecretNotFound", False)


def test_a_provider_counts_the_models_that_name_it_even_while_it_is_broken() -> None:
    """Whoever wants to delete an account sees who would miss it, whether it works or not."""
    compilation = compiled(FREE_MODEL + PROVIDER % "All")

    assert verdict(compilation, "ModelProvider", "acct", namespace="platform").fields["usedBy"] == 1


def test_a_provider_does_not_count_whom_it_does_not_admit() -> None:
    """A reference that is not allowed uses nothing."""
    compilation = compiled(FREE_MODEL + PROVIDER % "Same")

    assert verdict(compilation, "ModelProvider", "acct", namespace="platform").fields["usedBy"] == 0


UNTYPED = """
kind: ModelDeployment
metadata: {name: model}
spec:
  pricing: {free: true}
  modelName: "%s"
  targets:
  - name: it
    %s
    provider: {auth: {type: APIKey, apiKey: {secretRef: {name: key, key: k}}}}
---
kind: Secret
metadata: {name: key}
data: {k: sk-up-1}
"""


@pytest.mark.parametrize(
    ("public", "target", "type_", "asked"),
    [
        ("claude-sonnet-4-5", "", "Anthropic", ""),
        ("fast", "model: gpt-4o-mini", "OpenAI", "gpt-4o-mini"),
        ("anthropic/claude-sonnet-4-5", "", "Anthropic", "claude-sonnet-4-5"),
        ("fast", "model: groq/llama-3.3-70b-versatile", "Groq", "llama-3.3-70b-versatile"),
        ("gemini/*", "", "Gemini", ""),
        ("grok-*", "", "XAI", ""),
    ],
)
def test_a_models_name_tells_its_provider_where_nobody_else_does(
    public: str, target: str, type_: str, asked: str
) -> None:
    """Whoever writes claude-… need not write whose that is; a prefix that says so is not sent on."""
    snapshot = compiled(UNTYPED % (public, target)).snapshot

    assert [each.type for each in snapshot.upstreams] == [type_]
    assert snapshot.models[0].targets[0].model == asked


@pytest.mark.parametrize("public", ["chat", "*", "anthropic/claude-*"])
def test_a_name_that_does_not_tell_its_provider_is_not_guessed(public: str) -> None:
    """A target that nobody can place is left out, and its manifest told what to say."""
    found = finding(compiled(UNTYPED % (public, "")), "ModelDeployment", "model", "ResolvedRefs")

    assert found.reason == "ProviderUnknown"
    assert "give the provider a type" in found.message
