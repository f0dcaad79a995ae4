"""Other routes of a provider, as the data plane gets them."""

import pytest

from sluice_contract.snapshot import Model
from sluice_operator.resources import Invalid, parse
from unit.sluice_operator.compiler.world import compiled

PROVIDER = """
kind: ModelProvider
metadata: {name: acct, namespace: platform}
spec:
  type: OpenAI
  auth: {type: APIKey, apiKey: {secretRef: {name: account, key: token}}}
  allowedNamespaces: {from: Selector, selector: {matchLabels: {llm: "yes"}}}
  %s
---
kind: Secret
metadata: {name: account, namespace: platform}
data: {token: sk-upstream}
---
kind: Namespace
metadata: {name: team-a, labels: {llm: "yes"}}
---
kind: Namespace
metadata: {name: team-b}
"""
OPEN = "passthrough: {paths: ['POST /batches', 'GET /files*'], pricing: {%s}}"


def models(passthrough: str) -> tuple[Model, ...]:
    """The models of a provider that says *passthrough*, and of nothing else."""
    return compiled(PROVIDER % passthrough).snapshot.models


def test_nothing_is_open_unless_it_is_said() -> None:
    """A provider has no other routes by itself."""
    assert models("") == ()


def test_open_routes_are_a_model_that_no_client_can_name() -> None:
    """The routes are limited, priced and allowed as a model is, under a name that no ModelDeployment can take."""
    (model,) = models(OPEN % 'perRequest: "0.001"')
    taken = parse({"kind": "ModelDeployment", "metadata": {"name": "a"}, "spec": {"modelName": model.name}})

    assert model.name == "/passthrough/platform/acct"
    assert model.passthrough == ("GET /files*", "POST /batches")
    assert isinstance(taken, Invalid)
    assert "modelName" in taken.message


def test_those_whom_the_provider_admits_may_call_them() -> None:
    """Who may refer to an account may call its routes, and nobody else."""
    (model,) = models(OPEN % "free: true")

    assert model.namespaces == ("platform", "team-a")


def test_a_call_costs_what_is_said_and_nothing_is_free_by_silence() -> None:
    """A price for each call, or free in so many words."""
    (priced,), (free,) = models(OPEN % 'perRequest: "0.001"'), models(OPEN % "free: true")
    price = priced.targets[0].price

    assert price is not None
    assert (price.request_nusd, priced.targets[0].free) == (1_000_000, False)
    assert (free.targets[0].price, free.targets[0].free) == (None, True)


def test_a_call_is_not_tried_twice() -> None:
    """Nobody knows what a second POST to a route of the provider's would do."""
    (model,) = models(OPEN % "free: true")

    assert model.retry.attempts == 0


@pytest.mark.parametrize(
    "passthrough",
    [
        "{paths: ['GET /files*']}",
        "{paths: ['GET /files*'], pricing: {}}",
        "{paths: ['GET /files*'], pricing: {free: true, perRequest: '1'}}",
        "{paths: ['GET /files*'], pricing: {perRequest: '0'}}",
        "{paths: [], pricing: {free: true}}",
        "{paths: ['/files*'], pricing: {free: true}}",
        "{paths: ['GET /../admin'], pricing: {free: true}}",
        "{paths: ['GET files'], pricing: {free: true}}",
    ],
)
def test_what_opens_too_much_or_costs_nothing_said_is_refused(passthrough: str) -> None:
    """A manifest names methods and paths, and what a call costs."""
    compilation = compiled(PROVIDER % f"passthrough: {passthrough}")

    assert compilation.snapshot.upstreams == ()
