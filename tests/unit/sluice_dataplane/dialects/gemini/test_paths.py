"""Gemini's paths: what is called, of which model, and how its stream is to come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.dialects.gemini import paths
from sluice_dataplane.exchange import Route


def route(path: str, query: str = "") -> Route:
    """The route of what *path* calls."""
    call = paths.parse(path, query)
    assert call is not None
    return call.route


@pytest.mark.parametrize(
    ("method", "endpoint"),
    [
        ("generateContent", "gemini"),
        ("streamGenerateContent", "gemini"),
        ("countTokens", "gemini_count"),
        ("embedContent", "gemini_embeddings"),
        ("batchEmbedContents", "gemini_embeddings"),
    ],
)
@pytest.mark.parametrize("prefix", ["/v1beta", "/v1", "/gemini/v1beta"])
def test_each_method_is_found_under_each_prefix(prefix: str, method: str, endpoint: str) -> None:
    """Clients of every version, and those that were given the prefix, reach the same calls."""
    call = paths.parse(f"{prefix}/models/gemini-2.5-pro:{method}")

    assert call is not None
    assert (call.endpoint, call.route.model, call.route.tail) == (endpoint, "gemini-2.5-pro", method)


@pytest.mark.parametrize(
    ("sent", "model"),
    [
        ("models/x", "x"),
        ("openai/gpt-5", "openai/gpt-5"),
        ("openai%2Fgpt-5", "openai/gpt-5"),
        ("ollama/llama3:8b", "ollama/llama3:8b"),
        ("ollama%2Fllama3%3A8b", "ollama/llama3:8b"),
    ],
)
def test_a_model_may_be_named_in_any_way_that_clients_write_it(sent: str, model: str) -> None:
    """With ``models/`` before it, with slashes and colons, percent-encoded or not."""
    assert route(f"/v1beta/models/{sent}:generateContent").model == model


def test_a_tuned_model_keeps_its_collection() -> None:
    """Without it, it would be another model."""
    assert route("/v1beta/tunedModels/mine:generateContent").model == "tunedModels/mine"


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models",
        "/v1beta/models/x",
        "/v1beta/models/x:predict",
        "/v1beta/models/:generateContent",
        "/v1beta/models/models/:generateContent",
        "/v2/models/x:generateContent",
        "/v1beta/files/x:generateContent",
        "/v1beta/models/%ff:generateContent",
        "/v1/chat/completions",
        "",
    ],
)
def test_other_paths_are_nobodys(path: str) -> None:
    """They are no calls of this wire."""
    assert paths.parse(path) is None


@pytest.mark.parametrize(
    ("query", "array"), [("", True), ("alt=sse", False), ("$alt=sse&key=k", False), ("alt=json", True)]
)
def test_a_stream_comes_as_an_array_unless_events_are_asked_for(query: str, *, array: bool) -> None:
    """So does Google's."""
    asked = route("/v1beta/models/x:streamGenerateContent", query)

    assert asked.stream
    assert paths.wants_array(asked) is array


def test_what_is_no_stream_is_no_array() -> None:
    """Only streams are."""
    assert not paths.wants_array(route("/v1beta/models/x:generateContent", ""))


def test_a_key_in_the_query_goes_nowhere() -> None:
    """It is the gateway's own credential; ``fields`` could hide what was used."""
    assert route("/v1beta/models/x:streamGenerateContent", "key=secret&alt=sse&fields=candidates").query == "alt=sse"
    assert route("/v1beta/models/x:generateContent", "key=secret&alt=sse").query == ""


@given(st.text(), st.text())
def test_no_path_breaks_it(path: str, query: str) -> None:
    """Whatever is asked for, it is a call or it is none."""
    call = paths.parse(f"/v1beta/models/{path}", query)

    assert call is None or call.route.model
