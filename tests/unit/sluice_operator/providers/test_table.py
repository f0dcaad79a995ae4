"""The provider table, and whose a model is by its name."""

import itertools
import re
from typing import get_args

import pytest
from genai_prices.data_snapshot import get_snapshot

from sluice_contract.patterns import matches
from sluice_contract.quirks import QUIRKS
from sluice_dataplane.exchange import Endpoint
from sluice_operator.providers.row import CONVERSATIONS
from sluice_operator.providers.table import PROVIDERS, detected
from sluice_operator.resources.provider_rules import WITHOUT_DEFAULT_URL

WANTED = [
    "OpenAI",
    "AzureOpenAI",
    "Anthropic",
    "Gemini",
    "VertexAI",
    "Bedrock",
    "BedrockMantle",
    "Mistral",
    "Cohere",
    "Groq",
    "Together",
    "Fireworks",
    "DeepSeek",
    "XAI",
    "OpenRouter",
    "Perplexity",
    "Cerebras",
    "NVIDIA",
    "Databricks",
    "Cloudflare",
    "HuggingFace",
    "Voyage",
    "Jina",
    "Moonshot",
    "MiniMax",
    "ZAI",
    "DashScope",
    "VLLM",
    "SGLang",
    "Ollama",
    "TGI",
    "TEI",
    "LlamaCpp",
    "LMStudio",
    "OpenAICompatible",
    "AnthropicCompatible",
    "Echo",
]
NAMES = [(pattern, name) for name, row in PROVIDERS.items() for pattern in row.names]


def test_every_provider_that_was_promised_has_a_row() -> None:
    """A type that a manifest may name is a type that we know how to call, and the other way round."""
    assert sorted(PROVIDERS) == sorted(WANTED)


@pytest.mark.parametrize("name", [name for name, row in PROVIDERS.items() if row.book is not None])
def test_the_price_book_knows_each_provider_we_look_up(name: str) -> None:
    """A book name is one that the book has: a typing error would make everything unpriced."""
    assert PROVIDERS[name].book in {provider.id for provider in get_snapshot().providers}


@pytest.mark.parametrize("name", PROVIDERS)
def test_default_urls_take_a_path(name: str) -> None:
    """A path is appended to a default URL, which is https and ends without a slash."""
    row = PROVIDERS[name]
    urls = [url for url in (row.base_url, *row.elsewhere.values()) if url is not None]

    assert [url for url in urls if not url.startswith("https://") or url.endswith("/")] == []
    assert bool(urls) == (name not in (*WITHOUT_DEFAULT_URL, "Echo"))


@pytest.mark.parametrize("name", PROVIDERS)
def test_paths_are_of_endpoints_that_the_data_plane_knows(name: str) -> None:
    """An endpoint with a name of its own making would never be called."""
    row = PROVIDERS[name]
    known = {*get_args(Endpoint), *(f"{each}.stream" for each in CONVERSATIONS)}
    wider = {endpoint for paths in row.wider.values() for endpoint in paths}

    assert {*row.paths, *wider} - known == set()
    assert [path for path in row.paths.values() if not path.startswith("/")] == []
    assert set(row.quirks) <= QUIRKS


@pytest.mark.parametrize("name", PROVIDERS)
def test_only_the_data_planes_own_words_and_parameters_stand_in_braces(name: str) -> None:
    """What nobody fills in would be sent as it is."""
    row = PROVIDERS[name]
    words = set(re.findall(r"\{(.*?)\}", " ".join((row.base_url or "", *row.paths.values()))))

    assert words <= {"model", "id", "method", "region", "project", "location", "accountID"}


@pytest.mark.parametrize("name", PROVIDERS)
def test_models_are_said_to_know_only_what_is_spoken(name: str) -> None:
    """A rule about models names conversations that the row has a path for."""
    row = PROVIDERS[name]

    assert {each for known in row.known for each in known.speaks} <= set(row.paths) & set(CONVERSATIONS)


def test_no_model_is_two_providers_own() -> None:
    """A name that two rows claim would go to whichever comes first."""
    clashes = [
        (one, other)
        for (one, owner), (other, rival) in itertools.combinations(NAMES, 2)
        if owner != rival
        and (matches(one, other.replace("*", "x")) or matches(other, one.replace("*", "x")) or matches(one, other))
    ]

    assert clashes == []


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("claude-sonnet-4-5", ("Anthropic", "claude-sonnet-4-5")),
        ("gpt-4o-mini", ("OpenAI", "gpt-4o-mini")),
        ("o3-mini", ("OpenAI", "o3-mini")),
        ("gemini-2.5-pro", ("Gemini", "gemini-2.5-pro")),
        ("codestral-latest", ("Mistral", "codestral-latest")),
        ("command-a-03-2025", ("Cohere", "command-a-03-2025")),
        ("grok-4", ("XAI", "grok-4")),
        ("MiniMax-M2", ("MiniMax", "MiniMax-M2")),
        ("anthropic/claude-opus-4-1", ("Anthropic", "claude-opus-4-1")),
        ("openrouter/anthropic/claude-opus-4.1", ("OpenRouter", "anthropic/claude-opus-4.1")),
        ("claude-*", ("Anthropic", "claude-*")),
        ("groq/*", ("Groq", "*")),
        ("gpt-oss-20b", None),
        ("*", None),
        ("chat", None),
        ("meta-llama/Llama-3.1-8B-Instruct", None),
        ("unknown/claude-opus-4-1", None),
    ],
)
def test_a_name_tells_whose_model_it_is_or_nothing(model: str, meant: tuple[str, str] | None) -> None:
    """What only one maker gives is told by name, a prefix names its provider, and nothing else is guessed."""
    assert detected(model) == meant
