"""What a target's model can take and do."""

import pytest

from sluice_contract.snapshot import Capabilities
from sluice_operator.compiler.capabilities import capabilities, of_family
from sluice_operator.providers.table import PROVIDERS
from sluice_operator.resources.model import Capabilities as Said
from unit.sluice_operator.compiler.world import compiled

NOTHING = Said()


def of(type_: str, *names: str, said: Said = NOTHING) -> Capabilities:
    """What holds for a target of *type_* that may be asked for *names*."""
    return capabilities(PROVIDERS[type_], names, said)


@pytest.mark.parametrize(
    "name",
    [
        "claude-opus-4-8",
        "anthropic/claude-opus-4.8",
        "us.anthropic.claude-opus-4-8-20260401-v1:0",
        "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-opus-4-8",
        "databricks-claude-opus-4-8",
        "claude-opus-4-8@20260401",
        "Claude-Opus-4-8",
    ],
)
def test_a_model_is_known_under_whatever_name_a_cloud_gives_it(name: str) -> None:
    """Regions, makers, versions and the way numbers are written change nothing in what a model can do."""
    assert of_family(name) == of_family("claude-opus-4-8")
    assert of_family(name).reasoning == "adaptive"


def test_what_is_said_goes_over_the_table_field_by_field() -> None:
    """Who knows better says so, and need not say the rest."""
    found = of("OpenAI", "gpt-4o", said=Said.model_validate({"vision": False, "reasoning": "Effort"}))

    assert (found.vision, found.reasoning, found.context_window) == (False, "effort", 128_000)


def test_every_field_can_be_said() -> None:
    """A model that no table knows can be described whole."""
    said = {
        "contextWindow": 10,
        "maxOutputTokens": 5,
        "vision": True,
        "documents": False,
        "tools": True,
        "structuredOutput": False,
        "samplingParameters": False,
        "reasoning": "Budget",
    }
    found = of("VLLM", "mine", said=Said.model_validate(said))

    assert found == Capabilities(10, 5, True, False, True, False, False, "budget")


def test_the_price_book_tells_a_window_that_the_table_does_not() -> None:
    """Windows of a family that differ are looked up where each model is listed."""
    assert of("OpenAI", "gpt-5").context_window == 400_000
    assert of("OpenAI", "gpt-5.4").context_window == 1_050_000


def test_names_on_ones_own_server_mean_nothing() -> None:
    """A local model may be called gpt-4o, and is not refused what gpt-4o cannot do."""
    assert of("VLLM", "gpt-4o") == Capabilities()


@pytest.mark.parametrize("service", ["", ", type: OpenAICompatible", ", type: VLLM"])
def test_a_service_is_a_server_of_ones_own_whatever_it_speaks(service: str) -> None:
    """A model behind a Service is not cut down to what its famous name can do."""
    text = f"""
kind: ModelDeployment
metadata: {{name: gpt-4}}
spec:
  pricing: {{free: true}}
  capabilities: {{tools: true}}
  targets: [{{name: a, serviceRef: {{name: llm, port: 8000{service}}}}}]
"""
    (model,) = compiled(text).snapshot.models

    assert model.targets[0].capabilities == Capabilities(tools=True)


def test_a_pattern_of_names_is_not_known() -> None:
    """What holds for one of them may not hold for the next."""
    assert of("OpenAI", "gpt-4o*") == Capabilities()


def test_names_that_differ_in_what_they_can_are_not_known() -> None:
    """A target that may be asked for either is judged by neither."""
    assert of("OpenAI", "gpt-4o", "gpt-5") == Capabilities()


def test_capabilities_arrive_in_the_snapshot() -> None:
    """What a manifest and the table say is what the data plane refuses by."""
    text = """
kind: ModelDeployment
metadata: {name: claude-opus-4-8}
spec:
  dropUnsupported: true
  capabilities: {documents: false, maxOutputTokens: 1000}
  targets: [{name: a, provider: {auth: {type: None}, type: Anthropic}}]
"""
    (model,) = compiled(
        text.replace("type: None", "type: APIKey, apiKey: {secretRef: {name: s, key: k}}") + SECRET
    ).snapshot.models
    able = model.targets[0].capabilities

    assert (able.documents, able.max_output_tokens, able.sampling, model.drop_unsupported) == (False, 1000, False, True)
    assert (model.max_output_tokens, model.context_window) == (1000, None)


SECRET = """
---
kind: Secret
metadata: {name: s}
data: {k: v}
"""
