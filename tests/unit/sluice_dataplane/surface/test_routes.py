"""Paths: which is which call, by all the names that clients know it by."""

import pytest

from sluice_dataplane.errors import MethodNotAllowedError
from sluice_dataplane.exchange import PLAIN_ROUTE, Route
from sluice_dataplane.surface.routes import CALLS, PLAIN_CALLS, find, label, listed, told_as


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/v1/chat/completions", "chat"),
        ("/chat/completions", "chat"),
        ("/openai/v1/chat/completions", "chat"),
        ("/openai/chat/completions", "chat"),
        ("/v1/responses", "responses"),
        ("/v1/responses/input_tokens", "responses_tokens"),
        ("/v1/messages", "messages"),
        ("/anthropic/v1/messages", "messages"),
        ("/anthropic/v1/messages/count_tokens", "count_tokens"),
        ("/v2/rerank", "rerank"),
        ("/v1/images/generations", "images"),
        ("/v1/audio/speech", "speech"),
    ],
)
def test_a_plain_call_is_its_path(path: str, endpoint: str) -> None:
    """With and without the version, and behind the name of the API."""
    found = find("POST", path, "", "application/json")

    assert found is not None
    assert (found.endpoint, found.route) == (endpoint, PLAIN_ROUTE)
    assert PLAIN_CALLS[path] == endpoint
    assert label(path) == path


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses/resp_1/cancel", "/v1beta/models/m:generateContent"])
def test_a_call_has_its_methods(path: str) -> None:
    """Another one is told which."""
    with pytest.raises(MethodNotAllowedError) as caught:
        find("PUT", path, "", "")

    assert caught.value.headers == (("allow", "POST"),)


def test_a_form_says_how_it_is_cut() -> None:
    """Its content type goes along; the lean front, which does not keep it, leaves forms alone."""
    content_type = "multipart/form-data; boundary=x"
    found = find("POST", "/v1/audio/transcriptions", "", content_type)

    assert found is not None
    assert found.route == Route(content_type=content_type)
    assert "/v1/audio/transcriptions" in CALLS
    assert "/v1/audio/transcriptions" not in PLAIN_CALLS


@pytest.mark.parametrize(
    ("method", "path", "query", "route"),
    [
        ("GET", "/v1/responses/resp_1", "", Route(method="GET", id="resp_1")),
        ("DELETE", "/openai/v1/responses/resp_1", "", Route(method="DELETE", id="resp_1")),
        ("POST", "/v1/responses/a%2Fb/cancel", "", Route(method="POST", id="a/b", tail="cancel")),
        (
            "GET",
            "/v1/responses/resp_1",
            "starting_after=3&stream=true",
            Route(method="GET", id="resp_1", query="starting_after=3&stream=true", stream=True),
        ),
        (
            "GET",
            "/v1/responses/resp_1/input_items",
            "limit=2",
            Route(method="GET", id="resp_1", tail="input_items", query="limit=2"),
        ),
    ],
)
def test_a_kept_response_is_in_the_path(method: str, path: str, query: str, route: Route) -> None:
    """With what is done to it."""
    found = find(method, path, query, "")

    assert found is not None
    assert (found.endpoint, found.route) == ("response", route)
    assert label(path) == "/v1/responses/{id}"


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro"),
        ("/v1/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro"),
        ("/gemini/v1beta/models/google%2Fx:generateContent", "google/x"),
    ],
)
def test_geminis_model_is_in_the_path(path: str, model: str) -> None:
    """However it is escaped; errors there are Google's."""
    found = find("POST", path, "", "")

    assert found is not None
    assert (found.endpoint, found.route.model) == ("gemini", model)
    assert told_as(path) == "gemini"
    assert label(path) == "/v1beta/models/{model}:generateContent"


def test_a_providers_own_route_names_it() -> None:
    """Namespace and name, then the provider's path; the query goes along, the label holds none of it."""
    found = find("PATCH", "/passthrough/team/acme/files/a%20b", "x=1", "text/csv")

    assert found is not None
    assert found.endpoint == "passthrough"
    assert found.route == Route(
        method="PATCH", id="team/acme", tail="/files/a%20b", query="x=1", content_type="text/csv"
    )
    assert label("/passthrough/team/acme/files") == "/passthrough"


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/nothing",
        "/v1/responses/",
        "/v1/responses/x/y",
        "/passthrough/a/b",
        "/passthrough//b/c",
        "/v1beta/models/m:unknown",
        "/v1beta/models/:generateContent",
        "//v1/messages",
        "/v1/messages/",
    ],
)
def test_what_is_nobodys_is_found_by_nobody(path: str) -> None:
    """Nothing is guessed."""
    assert find("POST", path, "", "") is None


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/v1/models", ("openai", "")),
        ("/models/gpt/4", ("openai", "gpt/4")),
        ("/anthropic/v1/models/claude", ("anthropic", "claude")),
        ("/v1beta/models", ("gemini", "")),
        ("/v1beta/models/x", ("gemini", "x")),
        ("/v1/models/", None),
        ("/v2/models", None),
    ],
)
def test_lists_of_models_take_the_shape_of_their_api(path: str, found: object) -> None:
    """One list, three shapes."""
    assert listed(path) == found
