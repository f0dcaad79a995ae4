"""Ways: which wire a call is sent as, what is sent, and what comes back of it."""

import json
from typing import Any

import msgspec
import pytest

from sluice_contract.quirks import IGNORES_CASE, NEW_CEILING
from sluice_contract.snapshot import Capabilities, Target, Upstream
from sluice_dataplane.dialects.ways import Ceilings, Way, spoken
from sluice_dataplane.dialects.wires import WIRES
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask, Candidate, Endpoint, Exchange, Keeping, Route
from support import builders

PATHS = {
    "chat": "/chat/completions",
    "messages": "/messages",
    "responses": "/responses",
    "gemini": "/models/{model}:generateContent",
    "gemini.stream": "/models/{model}:streamGenerateContent?alt=sse",
    "converse": "/model/{model}/converse",
}
NO_CEILING = Ceilings(None, 4096)
CHAT: dict[str, Any] = {"model": "pub", "messages": [{"role": "user", "content": "Hi"}]}


def candidate(*endpoints: str, speaks: tuple[str, ...] = (), **fields: Any) -> Candidate:
    """One whose upstream has the paths of *endpoints*."""
    paths = {name: path for name, path in PATHS.items() if name.partition(".")[0] in endpoints}
    paths |= {name: f"/{name}" for name in endpoints if name not in PATHS}
    upstream = Upstream(id="up", type="X", provider_name="x", paths=paths, quirks=fields.pop("quirks", ()))
    target = Target(name="t", upstream_id="up", model="a/b:c", speaks=speaks, **fields)
    return Candidate(builders.model("pub", targets=(target,)), target, upstream, "a/b:c")


def way(to: Candidate, body: Any, front: Endpoint = "chat", **route: Any) -> Way:
    """The way of a call with *body* to *to*."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    call: Exchange = builders.exchange(raw, endpoint=front)
    call = msgspec.structs.replace(call, route=Route(**route))
    back = spoken(front, to)
    assert back is not None
    return Way(call, WIRES[front].read_ask(call), to, back)


@pytest.mark.parametrize(
    ("front", "to", "back"),
    [
        ("chat", candidate("chat", "messages"), "chat"),
        ("messages", candidate("chat", "messages"), "messages"),
        ("messages", candidate("chat"), "chat"),
        ("messages", candidate("chat", "gemini"), "gemini"),
        ("chat", candidate("messages"), "messages"),
        ("responses", candidate("converse", "chat"), "converse"),
        ("messages", candidate("chat", "responses"), "chat"),
        ("gemini", candidate("responses"), "responses"),
        ("chat", candidate("chat", "messages", speaks=("messages",)), "messages"),
        ("gemini", candidate("chat", "messages", "responses", speaks=("responses", "chat")), "responses"),
        ("chat", candidate("embeddings"), None),
        ("embeddings", candidate("embeddings", "messages", speaks=("messages",)), "embeddings"),
        ("embeddings", candidate("chat"), None),
        ("count_tokens", candidate("chat"), None),
        ("chat", candidate("chat", speaks=("converse",)), None),
    ],
)
def test_a_call_is_sent_as_what_the_client_speaks_or_else_as_the_best_there_is(
    front: Endpoint, to: Candidate, back: Endpoint | None
) -> None:
    """The same wire where it is spoken, and known to the model; a conversation can be translated, other calls not."""
    assert spoken(front, to) == back


def test_the_same_wire_passes_untouched() -> None:
    """Vendor fields, their order and white space: but for the model's name, bytes are bytes."""
    body = b'{"x_vendor": {"a" :1}, "model":"a/b:c",  "messages":[]}'
    sent = way(candidate("chat"), body).request(NO_CEILING)

    assert (sent.method, sent.path, sent.body) == ("POST", "/chat/completions", body)


def test_a_server_that_ignores_case_gets_one_spelling() -> None:
    """Elsewhere a name in another case is a vendor's field like any other."""
    body = b'{"model":"a/b:c","Model":"dear","messages":[]}'

    assert way(candidate("chat"), body).request(NO_CEILING).body == body
    with pytest.raises(InvalidRequestError):
        way(candidate("chat", quirks=(IGNORES_CASE,)), body).request(NO_CEILING)


@pytest.mark.parametrize(
    ("stream", "path"),
    [(False, "/models/a%2Fb%3Ac:generateContent"), (True, "/models/a%2Fb%3Ac:streamGenerateContent?alt=sse")],
)
def test_a_model_in_the_path_is_escaped(stream: bool, path: str) -> None:
    """A name with a slash or a colon stays one step of it; streams may have a path of their own."""
    assert way(candidate("gemini"), {**CHAT, "stream": stream}).request(NO_CEILING).path == path


def test_what_a_wire_cannot_say_is_refused_by_the_clients_name() -> None:
    """Unless the model drops it."""
    to = candidate("messages")
    body = {**CHAT, "logit_bias": {"5": 1}, "max_tokens": 5}
    with pytest.raises(InvalidRequestError) as caught:
        way(to, body).request(NO_CEILING)
    lenient = msgspec.structs.replace(to, model=msgspec.structs.replace(to.model, drop_unsupported=True))
    made = way(lenient, body)
    sent = json.loads(made.request(NO_CEILING).body)

    assert made.dropped == ("logit_bias",)
    assert (caught.value.code, caught.value.param) == ("unsupported_field", "logit_bias")
    assert "dropUnsupported" in caught.value.message
    assert sent == {"model": "a/b:c", "max_tokens": 5, "messages": sent["messages"]}


def test_a_ceiling_is_kept_in_every_wire() -> None:
    """A Budget's, the client's, the model's, or the usual one where an API must have one."""
    to = candidate("messages")
    capable = candidate("chat", capabilities=Capabilities(max_output_tokens=100), quirks=(NEW_CEILING,))
    asked = {**CHAT, "max_tokens": 128_000}

    assert json.loads(way(to, CHAT).request(NO_CEILING).body)["max_tokens"] == 4096
    assert json.loads(way(to, asked).request(Ceilings(7, 4096)).body)["max_tokens"] == 7
    assert json.loads(way(capable, asked).request(NO_CEILING).body)["max_tokens"] == 100
    assert "max_completion_tokens" not in json.loads(way(capable, CHAT).request(NO_CEILING).body)


def test_an_answer_comes_back_in_the_clients_words() -> None:
    """And what is no answer is no answer."""
    made = way(candidate("messages"), CHAT)
    made.request(NO_CEILING)
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }

    answer = json.loads(made.answer(json.dumps(body).encode()))
    assert answer["choices"][0]["message"]["content"] == "Hello"
    assert answer["usage"]["total_tokens"] == 5
    with pytest.raises(ValueError, match=r"."):
        made.answer(b'{"type":"message"')


def test_a_refusal_is_told_in_the_clients_words() -> None:
    """The provider's message, in the client's form; a form that nobody knows is told by its status."""
    made = way(candidate("messages"), CHAT)
    told = json.loads(
        made.refusal(400, b'{"type":"error","error":{"type":"invalid_request_error","message":"Too long"}}')
    )
    unknown = json.loads(made.refusal(418, b"<html>secret</html>"))
    own = b'{"error":{"message":"as it came"}}'

    assert (told["error"]["message"], told["error"]["code"]) == ("Too long", "upstream_rejected")
    assert "418" in unknown["error"]["message"]
    assert "secret" not in unknown["error"]["message"]
    assert way(candidate("chat"), CHAT).refusal(400, own) == own


def test_a_kept_response_is_named_as_its_provider_does() -> None:
    """In the path, with what follows it, and nowhere a name of ours."""
    call = builders.exchange(b"", endpoint="response")
    call = msgspec.structs.replace(call, route=Route(method="GET", id="x", tail="input_items", query="limit=2"))
    to = candidate("responses", "response")
    to = msgspec.structs.replace(
        to, upstream=msgspec.structs.replace(to.upstream, paths={"response": "/responses/{id}"})
    )
    sent = Way(call, Ask(model="pub", kept=Keeping("k", "resp/1")), to, "response").request(NO_CEILING)

    assert (sent.method, sent.path, sent.body) == ("GET", "/responses/resp%2F1/input_items?limit=2", b"")


def test_a_body_that_is_no_text_is_not_translated() -> None:
    """A tool's schema goes on unread; what is not UTF-8 in it would make an invalid body of ours."""
    tool = b'{"type":"function","function":{"name":"f","parameters":{"type":"\xff"}}}'
    body = b'{"model":"pub","messages":[{"role":"user","content":"Hi"}],"tools":[' + tool + b"]}"

    with pytest.raises(InvalidRequestError) as caught:
        way(candidate("messages"), body).request(NO_CEILING)

    assert caught.value.code == "invalid_json"


@pytest.mark.parametrize("value", ["a€", "a\udcff", "a\r\nx-api-key: b", "a\x00"])
def test_a_header_that_cannot_be_sent_is_the_clients_mistake(value: str) -> None:
    """It is refused before a target is tried: nobody can make a provider look as if it failed."""
    body = b'{"model":"pub","max_tokens":5,"messages":[{"role":"user","content":"Hi"}]}'
    call = builders.exchange(body, endpoint="messages", headers=(("anthropic-beta", value),))
    made = Way(call, Ask(model="pub"), candidate("messages"), "messages")

    with pytest.raises(InvalidRequestError) as caught:
        made.request(NO_CEILING)
    assert caught.value.param == "anthropic-beta"


@pytest.mark.parametrize(
    "route", [{"query": "after=\u20ac"}, {"method": "M-SEARCH"}, {"query": "a\udcff"}, {"query": "a b"}]
)
def test_a_path_that_cannot_be_sent_is_the_clients_mistake(route: dict[str, Any]) -> None:
    """As a header is."""
    call = builders.exchange(b"", endpoint="response")
    call = msgspec.structs.replace(call, route=Route(**{"method": "GET", "id": "x", **route}))
    to = candidate("response")
    to = msgspec.structs.replace(
        to, upstream=msgspec.structs.replace(to.upstream, paths={"response": "/responses/{id}"})
    )

    with pytest.raises(InvalidRequestError):
        Way(call, Ask(model="pub", kept=Keeping("k", "resp_1")), to, "response").request(NO_CEILING)


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_that_is_a_step_of_the_path_leads_nowhere(name: str) -> None:
    """A pattern passes the client's own words on; these would call another path with our credential."""
    to = msgspec.structs.replace(candidate("converse"), upstream_model=name)

    with pytest.raises(InvalidRequestError) as caught:
        way(to, CHAT).request(NO_CEILING)
    assert caught.value.param == "model"
