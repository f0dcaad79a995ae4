"""Anthropic's wire: what is read of a request, and what is changed in it."""

import json
from typing import Any

import pytest

from sluice_contract.quirks import VERTEX_CLAUDE
from sluice_dataplane.dialects.messages.fields import LONG_CONTEXT, read_ask, request_body
from sluice_dataplane.dialects.seam import Edit
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Headers

HELLO = [{"role": "user", "content": "hello"}]


def body(**fields: Any) -> bytes:
    """A request with *fields*."""
    return json.dumps({"model": "m", "max_tokens": 64, "messages": HELLO, **fields}).encode()


def edited(raw: bytes, model: str = "m", ceiling: int | None = None, quirk: str = "", headers: Headers = ()) -> Any:
    """*raw* as it is sent, decoded."""
    edit = Edit(model, ceiling, (quirk,) if quirk else (), headers)
    return json.loads(request_body(raw, read_ask(raw), edit))


def test_the_owned_fields_are_read() -> None:
    """Model, stream, ceiling, end user and service tier, as the body says them; usage always comes."""
    ask = read_ask(body(stream=True, metadata={"user_id": "u"}, service_tier="standard_only"))

    assert (ask.model, ask.stream, ask.max_output_tokens, ask.user) == ("m", True, 64, "u")
    assert (ask.service_tier, ask.usage_wanted, ask.choices, ask.instructed) == ("standard_only", True, 1, False)


@pytest.mark.parametrize("field", ["tools", "thinking", "output_config", "output_format"])
def test_what_is_described_to_the_model_is_seen(field: str) -> None:
    """Tools, thinking and a form of the answer put words of the provider's before the prompt."""
    assert read_ask(body(**{field: [{}]})).instructed


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"model": 3}, "model"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 2**40}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"metadata": {"user_id": 7}}, "metadata.user_id"),
    ],
)
def test_an_owned_field_that_makes_no_sense_is_named(fields: dict[str, Any], param: str) -> None:
    """The client learns which field it is."""
    with pytest.raises(InvalidRequestError) as caught:
        read_ask(body(**fields))

    assert caught.value.param == param


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff", b'{"model":' + b"[" * 100_000, b'"m"'])
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    """Whatever bytes come, nothing but our own error is raised."""
    with pytest.raises(InvalidRequestError):
        read_ask(raw)


@pytest.mark.parametrize(
    "field",
    [
        {"container": "c"},
        {"mcp_servers": [{"type": "url"}]},
        {"fallbacks": "default"},
        {"compaction": {"type": "summarize"}},
        {"context_management": {"edits": [{"type": "compact_20260112"}]}},
    ],
    ids=lambda field: next(iter(field)),
)
def test_what_no_price_of_a_token_covers_is_named(field: dict[str, Any]) -> None:
    """Servers, containers, other models and further rounds are for the caller to refuse."""
    assert read_ask(body(**field)).unpriced == next(iter(field))


def test_what_asks_for_nothing_is_no_matter() -> None:
    """Empty lists, nulls and edits that only leave something out cost nothing."""
    clear = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}

    assert read_ask(body(container=None, mcp_servers=[], context_management=clear)).unpriced == ""


@pytest.mark.parametrize(
    ("fields", "tier"),
    [
        ({}, ""),
        ({"service_tier": "auto"}, "auto"),
        ({"speed": "standard", "inference_geo": "global"}, ""),
        ({"speed": "fast", "service_tier": "auto"}, "fast"),
        ({"inference_geo": "us"}, "us"),
        ({"speed": "fast", "inference_geo": "us"}, "fast-us"),
        ({"service_tier": "priority", "inference_geo": "us"}, "priority-us"),
        ({"speed": 7}, "?"),
    ],
)
def test_a_fast_answer_and_one_bound_to_a_place_are_services_of_their_own(fields: dict[str, Any], tier: str) -> None:
    """They cost more: a price that does not name them does not cover them."""
    assert read_ask(body(**fields)).service_tier == tier


def test_a_body_that_needs_no_change_is_the_same_bytes() -> None:
    """Spaces, order, vendor fields and all."""
    raw = b'{ "max_tokens" : 9,"x":  [1.50], "model":"m","messages":[] }'

    assert request_body(raw, read_ask(raw), Edit("m")) is raw
    assert request_body(raw, read_ask(raw), Edit("m", 9)) is raw


def test_members_keep_their_bytes() -> None:
    """Where something owned changes, nothing else does."""
    raw = b'{"model":"m","max_tokens":9,"x":  [1.50, 1e400],"messages":[]}'

    assert request_body(raw, read_ask(raw), Edit("up")) == (
        b'{"model":"up","max_tokens":9,"x":[1.50, 1e400],"messages":[]}'
    )


@pytest.mark.parametrize(("asked", "ceiling", "sent"), [(64, 10, 10), (64, 64, 64), (5, 10, 5), (None, 10, 10)])
def test_the_ceiling_is_never_passed(asked: int | None, ceiling: int, sent: int) -> None:
    """A higher one is clamped, a lower one left, a missing one set."""
    assert edited(body(max_tokens=asked), ceiling=ceiling)["max_tokens"] == sent


def test_a_budget_for_thinking_shrinks_with_the_ceiling() -> None:
    """The provider refuses a budget that is not below ``max_tokens``."""
    thinking = {"type": "enabled", "budget_tokens": 8_000, "display": "omitted"}

    shrunk = edited(body(max_tokens=10_000, thinking=thinking), ceiling=2_000)
    gone = edited(body(max_tokens=10_000, thinking=thinking), ceiling=1_024)
    kept = edited(body(max_tokens=10_000, thinking=thinking), ceiling=9_000)

    assert shrunk["thinking"] == {"type": "enabled", "budget_tokens": 1_999, "display": "omitted"}
    assert "thinking" not in gone
    assert kept["thinking"] == thinking


@pytest.mark.parametrize("second", ['"model":"b"', '"\\u006dodel":"b"', '"max_tokens":3', '"tools":[]'])
def test_an_owned_field_that_comes_twice_is_sent_once(second: str) -> None:
    """A provider that reads the first and a gateway that reads the last must not see two bodies."""
    raw = f'{{"model":"a","max_tokens":9,"tools":[{{}}],"messages":[],{second}}}'.encode()
    ask = read_ask(raw)
    sent = request_body(raw, ask, Edit(ask.model))

    assert sent.count(b'"model"') == sent.count(b'"max_tokens"') == sent.count(b'"tools"') == 1
    assert read_ask(sent) == ask


def test_vertex_has_the_model_in_the_path_and_the_version_in_the_body() -> None:
    """As Anthropic's own SDK sends it; ``stream`` stays."""
    sent = edited(body(stream=True), "claude", quirk=VERTEX_CLAUDE)

    assert "model" not in sent
    assert (sent["anthropic_version"], sent["stream"]) == ("vertex-2023-10-16", True)


def test_a_client_of_the_new_version_gets_it_from_vertex_too() -> None:
    """2026-10-21 is the same everywhere."""
    sent = edited(body(), quirk=VERTEX_CLAUDE, headers=(("anthropic-version", "2026-10-21"),))

    assert sent["anthropic_version"] == "2026-10-21"


def test_what_the_client_says_itself_of_a_cloud_is_left() -> None:
    """A client written for a cloud puts version and betas into the body: they are its own."""
    sent = edited(body(anthropic_version="own", anthropic_beta=["x"]), quirk=VERTEX_CLAUDE)

    assert (sent["anthropic_version"], sent["anthropic_beta"]) == ("own", ["x"])


def test_a_summary_on_the_way_may_be_spelt_as_it_likes() -> None:
    """An escape does not hide that the conversation is read once more."""
    body = b'{"model":"m","context_management":{"edits":[{"type":"\\u0063ompact_20260112"}]}}'

    assert read_ask(body).unpriced == "context_management"


def test_a_longer_window_is_known_of() -> None:
    """A beta asks for it, in a header or in the body: what may be as long as that is not held as less."""
    body = b'{"model":"m","max_tokens":1}'
    in_body = b'{"model":"m","max_tokens":1,"anthropic_beta":["context-1m-2025-08-07"]}'

    assert read_ask(body).long_context == 0
    assert read_ask(body, client=(("anthropic-beta", "a,context-1m-2025-08-07"),)).long_context == LONG_CONTEXT
    assert read_ask(in_body).long_context == LONG_CONTEXT
