"""A request as a body: what is left out, lost or refused, and what the gateway sets."""

import json
from typing import Any

import msgspec
import pytest

from sluice_contract.quirks import NEW_CEILING, NO_STREAM_OPTIONS
from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.chat.request_out import write_request
from sluice_dataplane.dialects.conversation import Effort, Format, Reasoning, Request, Tool, ToolChoice
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.errors import InvalidRequestError

TOOLS = (Tool(name="f"), Tool(name="g"))


def write(
    request: Request,
    *,
    drop: bool = False,
    quirks: tuple[str, ...] = (),
    ceiling: int | None = None,
    **capabilities: Any,
) -> dict[str, Any]:
    """The body, without its model and its messages."""
    losses = Losses(allowed=drop, names=request.names)
    to = To(
        model="m",
        losses=losses,
        usual_ceiling=9,
        ceiling=ceiling,
        quirks=quirks,
        capabilities=Capabilities(**capabilities),
    )
    body: dict[str, Any] = json.loads(write_request(request, to))
    assert body.pop("model") == "m"
    assert body.pop("messages") == []
    return body


def test_nothing_is_said_that_was_not_asked() -> None:
    """An empty request has no fields: servers refuse what they do not know."""
    assert write(Request(user="u", metadata={"a": "b"})) == {}


@pytest.mark.parametrize(
    ("own", "set_", "most", "expected"),
    [(None, None, 50, None), (100, None, None, 100), (100, 20, None, 20), (100, 20, 10, 10), (100, None, 50, 50)],
)
def test_ceiling(own: int | None, set_: int | None, most: int | None, expected: int | None) -> None:
    """The gateway's ceiling goes before the client's, and none is over the model's."""
    body = write(Request(ceiling=own), ceiling=set_, max_output_tokens=most)

    assert body.get("max_tokens") == expected


def test_ceiling_has_the_name_its_provider_takes() -> None:
    """OpenAI's newer models refuse the old name."""
    assert write(Request(ceiling=5), quirks=(NEW_CEILING,)) == {"max_completion_tokens": 5}


def test_usage_is_always_asked_for_in_streams() -> None:
    """Calls are billed by it; a provider that refuses the field is not asked."""
    assert write(Request(stream=True, usage_wanted=False))["stream_options"] == {"include_usage": True}
    assert write(Request(stream=True), quirks=(NO_STREAM_OPTIONS,)) == {"stream": True}


@pytest.mark.parametrize(
    ("reasoning", "effort"),
    [
        (Reasoning(effort="xhigh"), "xhigh"),
        (Reasoning(enabled=False, effort="none"), "none"),
        (Reasoning(enabled=False), None),
        (Reasoning(adaptive=True), None),
        (Reasoning(budget=1024), "low"),
        (Reasoning(budget=8192), "medium"),
        (Reasoning(budget=8193), "high"),
        (Reasoning(budget=10**6), "high"),
    ],
)
def test_reasoning_is_an_effort(reasoning: Reasoning, effort: Effort | None) -> None:
    """A budget is one of the words that all models know; no word where none is meant."""
    assert write(Request(reasoning=reasoning)).get("reasoning_effort") == effort


def test_reasoning_is_a_hint() -> None:
    """A model that does not think is not told to."""
    assert write(Request(reasoning=Reasoning(effort="high")), reasoning="none") == {}


def test_sampling_that_may_not_be_set() -> None:
    """A value that is what happens anyway is left out, any other is a loss."""
    assert write(Request(temperature=1.0, top_p=1, presence_penalty=0), sampling=False) == {}
    assert write(Request(temperature=0.5, frequency_penalty=1), sampling=False, drop=True) == {}
    with pytest.raises(InvalidRequestError) as caught:
        write(Request(temperature=0.5), sampling=False)
    assert caught.value.param == "temperature"


@pytest.mark.parametrize(
    ("request_", "capabilities", "param"),
    [
        (Request(top_k=5, names={"top_k": "topK"}), {}, "topK"),
        (Request(service_tier="turbo"), {}, "service_tier"),
        (
            Request(format=Format(kind="object"), names={"format": "output_format"}),
            {"structured_output": False},
            "output_format",
        ),
        (Request(tools=TOOLS), {"tools": False}, "tools"),
    ],
)
def test_losses_are_named_as_the_client_does(request_: Request, capabilities: dict[str, Any], param: str) -> None:
    """What has no like here is dropped where that is allowed, and else named."""
    assert write(request_, drop=True, **capabilities) == {}
    with pytest.raises(InvalidRequestError) as caught:
        write(request_, **capabilities)
    assert caught.value.param == param


@pytest.mark.parametrize("mode", ["any", "tool"])
def test_forced_tool_is_never_lost(mode: Any) -> None:
    """Without the tool that must be called the request would be another."""
    forced = ToolChoice(mode=mode, name="f")
    for request, tools in ((Request(tools=TOOLS, tool_choice=forced), False), (Request(tool_choice=forced), None)):
        with pytest.raises(InvalidRequestError) as caught:
            write(request, drop=True, tools=tools)
        assert caught.value.param == "tool_choice"


def test_choice_without_tools_is_not_said() -> None:
    """Providers refuse a choice among nothing."""
    assert write(Request(tool_choice=ToolChoice(parallel=False))) == {}


def test_choice_among_some_names_only_those() -> None:
    """Many servers know no ``allowed_tools``; none can call what it does not know."""
    body = write(Request(tools=TOOLS, tool_choice=ToolChoice(allowed=("g",), parallel=False)))

    assert [tool["function"]["name"] for tool in body["tools"]] == ["g"]
    assert body["parallel_tool_calls"] is False
    assert "tool_choice" not in body


def test_tier_has_openais_name() -> None:
    """The usual tier has one name at each provider."""
    assert write(Request(service_tier="standard_only")) == {"service_tier": "default"}


def test_schema_has_a_name() -> None:
    """OpenAI takes no schema without a name."""
    body = write(Request(format=Format(kind="schema")))

    assert body["response_format"] == {"type": "json_schema", "json_schema": {"name": "answer", "schema": {}}}


def test_biases_are_whole_numbers_where_they_can_be() -> None:
    """OpenAI refuses ``-100.0``."""
    assert write(Request(logit_bias={"1": -100.0, "2": 0.5})) == {"logit_bias": {"1": -100, "2": 0.5}}
    assert b"-100," in write_request(
        Request(logit_bias={"1": -100.0, "2": 0.5}), To(model="m", losses=Losses(allowed=False), usual_ceiling=1)
    )


def test_grammar_of_a_tool_is_nested_here() -> None:
    """What the Responses API says flat is nested in this one; what is no grammar goes as it is."""
    flat = msgspec.Raw(b'{"type":"grammar","syntax":"lark","definition":"start: x"}')
    tools = (
        Tool(name="f", free=True, grammar=flat),
        Tool(name="g", free=True, grammar=msgspec.Raw(b'{"type":"text"}')),
    )
    forms = [tool["custom"]["format"] for tool in write(Request(tools=tools))["tools"]]

    assert forms == [{"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}}, {"type": "text"}]
