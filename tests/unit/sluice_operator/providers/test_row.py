"""What follows from a row."""

import pytest

from sluice_operator.providers.row import spoken_by
from sluice_operator.providers.table import PROVIDERS


def spoken(type_: str, model: str) -> tuple[str, ...]:
    """What *model* of a provider knows, of all that the provider speaks."""
    row = PROVIDERS[type_]
    every = tuple(each for each in row.paths if each in ("chat", "messages", "responses", "gemini", "converse"))
    return spoken_by(row, model, every)


@pytest.mark.parametrize(
    ("type_", "model", "knows"),
    [
        ("OpenAI", "gpt-4o-mini", ("chat", "responses")),
        ("OpenAI", "gpt-5", ("responses", "chat")),
        ("OpenAI", "gpt-5.1-codex", ("responses",)),
        ("OpenAI", "gpt-4o-audio-preview", ("chat",)),
        ("AzureOpenAI", "claude-opus-4-5", ("messages",)),
        ("AzureOpenAI", "our-deployment", ("chat", "responses")),
        ("VertexAI", "claude-sonnet-4-5@20250929", ("messages",)),
        ("VertexAI", "gemini-2.5-pro", ("gemini",)),
        ("VertexAI", "meta/llama-4-scout", ("chat",)),
        ("Bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", ("converse",)),
        ("Bedrock", "openai.gpt-6-sol", ("converse", "chat", "responses")),
        ("Bedrock", "amazon.nova-pro-v1:0", ("converse",)),
        ("Gemini", "gemini-3-pro-preview", ("gemini",)),
        ("Databricks", "databricks-claude-sonnet-4-5", ("messages", "chat")),
    ],
)
def test_a_models_name_tells_which_of_the_apis_it_knows(type_: str, model: str, knows: tuple[str, ...]) -> None:
    """A cloud speaks several APIs, and each of its models some of them."""
    assert spoken(type_, model) == knows


def test_a_pattern_of_names_is_judged_by_what_covers_it() -> None:
    """A wildcard of Claude models is Claude; one of everything is whatever else there is."""
    assert spoken("VertexAI", "claude-*") == ("messages",)
    assert spoken("VertexAI", "*") == ("chat",)


def test_a_manifest_that_narrows_more_than_the_row_allows_is_believed() -> None:
    """Whoever says that an account speaks chat only is not sent nowhere."""
    assert spoken_by(PROVIDERS["VertexAI"], "claude-opus-4-5", ("chat",)) == ("chat",)


def test_a_parameter_is_needed_where_a_path_or_a_signature_has_it() -> None:
    """A base URL of one's own replaces what is in the default one, and nothing else."""
    assert [PROVIDERS["VertexAI"].needs("project"), PROVIDERS["Bedrock"].needs("region")] == [True, True]
    assert [PROVIDERS["Cloudflare"].takes("accountID"), PROVIDERS["Cloudflare"].needs("accountID")] == [True, False]
    assert not PROVIDERS["OpenAI"].takes("region")
