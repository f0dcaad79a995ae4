"""One target of a ModelDeployment."""

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
