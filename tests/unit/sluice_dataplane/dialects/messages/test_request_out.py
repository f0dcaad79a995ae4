"""Anthropic's wire: a request for a provider, where it is not as the goldens have it."""

import json
from typing import Any

import msgspec
import pytest

from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.conversation import Format, Reasoning, Request, Text, Tool, ToolChoice, Turn
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.messages.request_out import write_request
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.errors import InvalidRequestError

USER = Turn(role="user", parts=(Text(text="hello"),))
SCHEMA = msgspec.Raw(b'{"type":"object","properties":{}}')


def sent(to: dict[str, Any] | None = None, *, allowed: bool = False, **fields: Any) -> Any:
    """A request of *fields*, as it is sent."""
    capabilities = Capabilities(**(to or {}))
    losses = Losses(allowed=allowed, names={"choices": "n"})
    request = Request(turns=(USER,), **fields)
    return json.loads(write_request(request, To(model="m", losses=losses, usual_ceiling=99, capabilities=capabilities)))


def refused(to: dict[str, Any] | None = None, **fields: Any) -> str | None:
    """The field that is named where such a request is refused."""
    with pytest.raises(InvalidRequestError) as caught:
        sent(to, **fields)
    assert caught.value.code == "unsupported_field"
    return caught.value.param


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("seed", 1, "seed"),
        ("presence_penalty", 0.1, "presence_penalty"),
        ("frequency_penalty", 0.1, "frequency_penalty"),
        ("logit_bias", {"1": 1.0}, "logit_bias"),
        ("logprobs", True, "logprobs"),
        ("choices", 2, "n"),
        ("temperature", 1.1, "temperature"),
        ("stop", (" ",), "stop"),
        ("service_tier", "flex", "service_tier"),
    ],
)
def test_what_this_wire_cannot_say_is_refused_by_name_or_dropped(field: str, value: Any, name: str) -> None:
    """As the model's owner decides."""
    assert refused(**{field: value}) == name
    assert sent(allowed=True, **{field: value}) == sent()


def test_what_is_as_it_is_by_itself_needs_not_be_said() -> None:
    """Penalties of nothing, one answer, an empty bias."""
    assert sent(presence_penalty=0.0, frequency_penalty=0.0, logit_bias={}, choices=1) == sent()


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
def test_a_model_that_lets_nobody_sample_is_not_asked_to(name: str) -> None:
    """Its API refuses the fields."""
    assert refused({"sampling": False}, **{name: 0.5}) == name
    value: dict[str, Any] = {name: 0.5}
    assert sent({"sampling": None}, **value)[name] == 0.5


def test_sampling_as_usual_is_no_matter_to_such_a_model() -> None:
    """Clients send 1 without meaning anything by it."""
    assert sent({"sampling": False}, temperature=1.0, top_p=1.0) == sent()
    assert refused({"sampling": False}, top_k=1) == "top_k"


def test_a_model_that_thinks_is_not_sampled() -> None:
    """The provider refuses both together, but for top_p near 1."""
    think: dict[str, Any] = {"reasoning": Reasoning(effort="minimal"), "ceiling": 9_000}

    assert refused(**think, temperature=0.5) == "temperature"
    assert refused(**think, top_k=5) == "top_k"
    assert refused(**think, top_p=0.5) == "top_p"
    assert sent(**think, top_p=0.96, temperature=1.0)["top_p"] == 0.96


@pytest.mark.parametrize("mode", ["any", "tool"])
@pytest.mark.parametrize("reasoning", ["budget", "adaptive"])
def test_a_forced_tool_is_called_without_a_thought(mode: Any, reasoning: str) -> None:
    """The provider refuses both together; how much to think is a hint, the tool is not."""
    choice = ToolChoice(mode=mode, name="t" if mode == "tool" else "")
    body = sent(
        {"reasoning": reasoning},
        tools=(Tool(name="t"),),
        tool_choice=choice,
        reasoning=Reasoning(effort="low"),
        ceiling=9_000,
    )

    assert "thinking" not in body
    assert body["tool_choice"]["type"] == mode


def test_a_model_without_tools_gets_none() -> None:
    """Forced, they are not to be dropped."""
    tools = (Tool(name="t"),)

    assert refused({"tools": False}, tools=tools) == "tools"
    assert sent({"tools": False}, allowed=True, tools=tools) == sent()
    with pytest.raises(InvalidRequestError, match="tool_choice"):
        sent({"tools": False}, allowed=True, tools=tools, tool_choice=ToolChoice(mode="any"))


@pytest.mark.parametrize("choice", [ToolChoice(mode="any"), ToolChoice(mode="any", allowed=("other",))])
def test_a_tool_that_must_be_used_must_be_there(choice: ToolChoice) -> None:
    """Without it the request would be another, so that it is not to be dropped either."""
    tools = (Tool(name="t"),) if choice.allowed else ()
    with pytest.raises(InvalidRequestError, match="tool_choice"):
        sent(allowed=True, tools=tools, tool_choice=choice)


def test_a_tool_s_arguments_are_an_object() -> None:
    """The provider refuses a schema that does not say so."""
    tools = (Tool(name="a"), Tool(name="b", schema=msgspec.Raw(b'{"type":null,"properties":{}}')))
    schemas = [tool["input_schema"] for tool in sent(tools=tools)["tools"]]

    assert schemas == [{"type": "object"}, {"type": "object", "properties": {}}]
    assert refused(tools=(Tool(name="c", schema=msgspec.Raw(b"[]"), at="tools[0]"),)) == "tools[0]"


@pytest.mark.parametrize(("known", "strict"), [(True, True), (None, None), (False, None)])
def test_a_model_is_held_to_a_schema_where_it_can_be(known: bool | None, strict: bool | None) -> None:
    """Older ones, and other servers, refuse the field."""
    assert sent({"structured_output": known}, tools=(Tool(name="a", strict=True),))["tools"][0].get("strict") == strict


def test_a_form_that_a_model_cannot_keep_to_is_lost() -> None:
    """By name; what is no schema at all is refused in any case."""
    form = Format(kind="schema", schema=SCHEMA)

    assert refused({"structured_output": False}, format=form) == "format"
    assert sent({"structured_output": False}, allowed=True, format=form) == sent()
    with pytest.raises(InvalidRequestError, match="format"):
        sent(allowed=True, format=Format(kind="schema", schema=msgspec.Raw(b'{"properties":' + b"[" * 9)))


def test_every_object_of_a_schema_is_closed() -> None:
    """The provider wants it said; what says otherwise is left for it to refuse."""
    schema = msgspec.Raw(
        b'{"$defs":{"a":{"type":"object","properties":{}}},"anyOf":[{"type":"object","properties":{},'
        b'"additionalProperties":true}],"properties":{"type":{"type":"string"}}}'
    )
    found = sent(format=Format(kind="schema", schema=schema))["output_config"]["format"]["schema"]

    assert found["$defs"]["a"]["additionalProperties"] is False
    assert found["anyOf"][0]["additionalProperties"] is True
    assert "additionalProperties" not in found


@pytest.mark.parametrize(
    ("asked", "set_", "most", "ceiling"),
    [(None, None, None, 99), (5, None, None, 5), (5, 3, None, 3), (None, 200, 150, 150), (500, None, 150, 150)],
)
def test_there_is_always_a_ceiling(asked: int | None, set_: int | None, most: int | None, ceiling: int) -> None:
    """The gateway's before the client's before the usual; never more than the model can."""
    to = To(
        model="m",
        losses=Losses(allowed=False),
        usual_ceiling=99,
        ceiling=set_,
        capabilities=Capabilities(max_output_tokens=most),
    )

    assert json.loads(write_request(Request(turns=(USER,), ceiling=asked), to))["max_tokens"] == ceiling


def test_a_user_is_told_where_the_name_fits() -> None:
    """The provider refuses longer ones, and they change nothing."""
    assert sent(user="u" * 256)["metadata"] == {"user_id": "u" * 256}
    assert "metadata" not in sent(user="u" * 257)
