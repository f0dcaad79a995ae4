"""Anthropic's wire: a client's request, where it is not as the goldens have it."""

import json
from typing import Any

import pytest

from sluice_dataplane.dialects.conversation import Reasoning, Request
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.messages.fields import read_ask
from sluice_dataplane.dialects.messages.request_in import read_request
from sluice_dataplane.errors import InvalidRequestError

HELLO = [{"role": "user", "content": "hello"}]


def asked(**fields: Any) -> Request:
    """A request with *fields*, read."""
    body = json.dumps({"model": "m", "max_tokens": 64, "messages": HELLO, **fields}).encode()
    return read_request(body, read_ask(body))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": [{"content": "x"}]}, "messages[0]"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"system": [3]}, "system[0]"),
        ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice"),
        ({"tool_choice": {"type": "perhaps"}}, "tool_choice"),
        ({"temperature": "hot"}, "temperature"),
        ({"stop_sequences": "END"}, "stop_sequences"),
        ({"output_config": {"effort": "enormous"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format"),
        ({"thinking": {"type": "enabled", "budget_tokens": "much"}}, "thinking.budget_tokens"),
    ],
    ids=str,
)
def test_what_cannot_be_understood_is_named(fields: dict[str, Any], param: str) -> None:
    """By its place in the client's body."""
    with pytest.raises(InvalidRequestError) as caught:
        asked(**fields)

    assert caught.value.param == param


def test_what_has_no_like_elsewhere_is_named() -> None:
    """Unknown fields too: nobody knows what they change."""
    assert asked(mcp_servers=[{}], thread={"id": "t"}, brand_new=1).beyond == ("mcp_servers", "thread", "brand_new")


@pytest.mark.parametrize(
    "field",
    [
        *("cache_control", "context_management", "diagnostics", "speed", "user_profile_id", "workspace_id"),
        *("fallbacks", "anthropic_version", "anthropic_beta"),
    ],
)
def test_what_changes_nothing_in_the_answer_is_left_out(field: str) -> None:
    """Or is a hint that only Anthropic takes."""
    assert asked(**{field: {"a": 1}}).beyond == ()


@pytest.mark.parametrize("nothing", [None, [], {}, "", False])
def test_what_asks_for_nothing_is_nothing(nothing: Any) -> None:
    """Clients send empty lists."""
    assert asked(mcp_servers=nothing, container=nothing).beyond == ()


def test_the_client_hears_of_its_own_fields() -> None:
    """Where the conversation has another name for them."""
    losses = Losses(allowed=True, names=asked().names)
    for field in ("ceiling", "stop", "format", "reasoning", "top_k"):
        losses.lose(field)

    assert losses.dropped == ["max_tokens", "stop_sequences", "output_config.format", "thinking", "top_k"]


@pytest.mark.parametrize(
    ("thinking", "effort", "reasoning"),
    [
        (None, None, None),
        (None, "low", Reasoning(effort="low")),
        ({"type": "disabled"}, "low", Reasoning(enabled=False, effort="low")),
        ({"type": "adaptive"}, "max", Reasoning(adaptive=True, effort="max")),
        ({"type": "between_tools"}, None, Reasoning(adaptive=True)),
        ({"type": "enabled", "budget_tokens": 2000}, None, Reasoning(budget=2000, shown=True)),
        ({"type": "enabled", "budget_tokens": 2000, "display": "omitted"}, None, Reasoning(budget=2000, shown=False)),
    ],
)
def test_how_much_to_think(thinking: Any, effort: str | None, reasoning: Reasoning | None) -> None:
    """In each of the ways that the API has had."""
    assert asked(thinking=thinking, output_config={"effort": effort}).reasoning == reasoning


def test_a_ceiling_that_only_warms_a_cache_stays() -> None:
    """Zero is not none."""
    assert asked(max_tokens=0).ceiling == 0


def test_a_service_is_asked_for_by_its_own_name() -> None:
    """What is dear for another reason is no service of another provider's."""
    assert asked(service_tier="auto").service_tier == "auto"
    assert asked(service_tier="auto", speed="fast").service_tier == ""
