"""Converse: tools, and which of them must be used."""

from typing import Any

import pytest

from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.conversation import Cache, Request, Tool, ToolCall, ToolChoice, Turn
from sluice_dataplane.dialects.converse.families import Family
from sluice_dataplane.dialects.converse.tools_out import one_at_a_time, write_tools
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.errors import InvalidRequestError

ONE = Tool(name="one")
NAMES = {"parallel": "parallel_tool_calls"}
CALLED = (Turn(role="assistant", parts=(ToolCall(id="1", name="old"), ToolCall(id="2", name="old"))),)


def _to(*, allowed: bool = False, capabilities: Capabilities | None = None) -> To:
    losses = Losses(allowed=allowed, names=NAMES)
    return To(model="m", losses=losses, usual_ceiling=1, capabilities=capabilities or Capabilities())


def _tools(request: Request, to: To | None = None, family: Family = "claude") -> Any:
    return write_tools(request, to or _to(), family)


def _spec(name: str) -> dict[str, Any]:
    return {"toolSpec": {"name": name, "inputSchema": {"json": b'{"type":"object"}'}}}


def _plain(config: Any) -> Any:
    """The schemas' bytes instead of what holds them."""
    for tool in config["tools"]:
        if "toolSpec" in tool:
            tool["toolSpec"]["inputSchema"]["json"] = bytes(tool["toolSpec"]["inputSchema"]["json"])
    return config


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, None),
        (ToolChoice(), None),
        (ToolChoice(mode="any"), {"any": {}}),
        (ToolChoice(mode="tool", name="one"), {"tool": {"name": "one"}}),
    ],
)
def test_what_must_be_used_is_said(choice: ToolChoice | None, expected: object) -> None:
    """Any tool, or one; to choose freely is what the API does unasked."""
    assert _tools(Request(tools=(ONE,), tool_choice=choice)).get("toolChoice") == expected


def test_tools_that_must_not_be_used_are_left_out() -> None:
    """The API cannot forbid a tool that is there, so it is not; what it could not have said is no loss."""
    request = Request(tools=(ONE, Tool(name="x", free=True)), tool_choice=ToolChoice(mode="none"))

    assert _tools(request) is None


def test_tools_stay_where_calls_are_in_the_conversation() -> None:
    """The API takes calls only beside tools, even where none is to be used."""
    request = Request(turns=CALLED, tools=(ONE,), tool_choice=ToolChoice(mode="none"))

    assert _plain(_tools(request)) == {"tools": [_spec("one")]}


@pytest.mark.parametrize("mode", ["auto", "none"])
def test_what_was_called_is_a_tool_where_no_other_is(mode: Any) -> None:
    """A conversation whose client sends no tools any more is taken all the same."""
    request = Request(turns=CALLED, tool_choice=ToolChoice(mode=mode))

    assert _plain(_tools(request)) == {"tools": [_spec("old")]}


def test_only_allowed_tools_are_sent() -> None:
    """A choice among some is those."""
    request = Request(tools=(ONE, Tool(name="two")), tool_choice=ToolChoice(allowed=("two",)))

    assert _plain(_tools(request)) == {"tools": [_spec("two")]}


@pytest.mark.parametrize(("family", "marked"), [("claude", True), ("nova", False), ("other", False)])
def test_tools_are_cached_by_claude_only(family: Family, marked: bool) -> None:
    """No other model takes a mark among its tools."""
    tools = _tools(Request(tools=(Tool(name="one", cache=Cache(ttl="5m")),)), family=family)["tools"]

    assert tools[1:] == ([{"cachePoint": {"type": "default", "ttl": "5m"}}] if marked else [])


@pytest.mark.parametrize(("able", "strict"), [(None, True), (True, True), (False, False)])
def test_strictness_is_asked_of_those_who_can(able: bool | None, strict: bool) -> None:
    """A model that is known to have no structured output would refuse the word."""
    to = _to(capabilities=Capabilities(structured_output=able))

    assert ("strict" in _tools(Request(tools=(Tool(name="one", strict=True),)), to)["tools"][0]["toolSpec"]) is strict


def test_free_tools_are_lost() -> None:
    """A tool that takes plain text is refused where it stands, or left out."""
    request = Request(tools=(ONE, Tool(name="x", free=True, at="tools[1]")))
    with pytest.raises(InvalidRequestError) as caught:
        _tools(request)

    assert caught.value.param == "tools[1]"
    assert _plain(_tools(request, _to(allowed=True))) == {"tools": [_spec("one")]}


@pytest.mark.parametrize("name", ["a.b", "x" * 65, "", "é", "a\n"])
def test_names_that_the_api_refuses_are_refused(name: str) -> None:
    """A tool by another name would be called by another name."""
    with pytest.raises(InvalidRequestError) as caught:
        _tools(Request(tools=(ONE, Tool(name=name))), _to(allowed=True))

    assert caught.value.param == "tools[1].name"


def test_a_model_without_tools_gets_none() -> None:
    """Tools are refused, or dropped where that is allowed."""
    capabilities = Capabilities(tools=False)
    with pytest.raises(InvalidRequestError) as caught:
        _tools(Request(tools=(ONE,)), _to(capabilities=capabilities))

    assert caught.value.param == "tools"
    assert _tools(Request(tools=(ONE,)), _to(allowed=True, capabilities=capabilities)) is None


@pytest.mark.parametrize(
    ("request_", "capabilities", "param"),
    [
        (Request(tools=(ONE,), tool_choice=ToolChoice(mode="any")), Capabilities(tools=False), "tools"),
        (Request(tool_choice=ToolChoice(mode="any")), Capabilities(), "tool_choice"),
        (Request(tools=(ONE,), tool_choice=ToolChoice(mode="tool", name="two")), Capabilities(), "tool_choice"),
        (
            Request(tools=(Tool(name="x", free=True),), tool_choice=ToolChoice(mode="any")),
            Capabilities(),
            "tool_choice",
        ),
    ],
)
def test_a_tool_that_must_be_used_is_never_dropped(request_: Request, capabilities: Capabilities, param: str) -> None:
    """Where no tool can be used although one must, the request would be another: it is refused in any case."""
    with pytest.raises(InvalidRequestError) as caught:
        _tools(request_, _to(allowed=True, capabilities=capabilities))

    assert caught.value.param == param


def test_one_call_at_a_time_is_claudes_to_heed() -> None:
    """Claude has a field for it; with all others, and where a tool is forced, it is a hint that goes unheard."""
    request = Request(tools=(ONE,), tool_choice=ToolChoice(parallel=False))
    to = _to()

    assert one_at_a_time(request, "claude") == {"type": "auto", "disable_parallel_tool_use": True}
    assert one_at_a_time(request, "nova") is None
    assert one_at_a_time(Request(tools=(ONE,), tool_choice=ToolChoice(mode="any", parallel=False)), "claude") is None
    assert to.losses.dropped == []


@pytest.mark.parametrize(
    "request_",
    [
        Request(tool_choice=ToolChoice(parallel=False)),
        Request(tools=(ONE,), tool_choice=ToolChoice(mode="none", parallel=False)),
        Request(tools=(ONE,), tool_choice=ToolChoice(parallel=True)),
        Request(tools=(ONE,)),
    ],
)
def test_one_call_at_a_time_is_nothing_without_calls(request_: Request) -> None:
    """Where nothing can be called, or anything may, there is nothing to say."""
    assert one_at_a_time(request_, "other") is None
