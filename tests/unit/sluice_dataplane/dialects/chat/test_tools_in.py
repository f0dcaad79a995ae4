"""Tools, the choice among them, and the form of the answer."""

from typing import Any

import pytest

from sluice_dataplane.dialects.chat.tools_in import read_format, read_tool_choice, read_tools
from sluice_dataplane.dialects.conversation import Cache, ToolChoice
from sluice_dataplane.dialects.values import ABSENT, raw
from sluice_dataplane.errors import InvalidRequestError


def test_mark_of_a_cache_on_a_tool() -> None:
    """It may stand on the tool or in its function."""
    control = {"type": "ephemeral"}
    tools = [
        {"function": {"name": "a"}, "cache_control": control},
        {"function": {"name": "b", "cache_control": control}},
    ]

    assert [tool.cache for tool in read_tools(raw(tools), ABSENT)] == [Cache(), Cache()]


@pytest.mark.parametrize(
    ("tool", "param", "code"),
    [
        ({"type": "web_search"}, "tools[0].type", "unsupported_field"),
        ({"type": "function"}, "tools[0].function", "invalid_request"),
        ({"type": "custom", "function": {"name": "a"}}, "tools[0].custom", "invalid_request"),
        ({"function": {"name": "a", "parameters": []}}, "tools[0].function.parameters", "invalid_request"),
        ({"function": {"name": 7}}, "tools[0].function.name", "invalid_request"),
    ],
)
def test_tools_that_are_none_are_refused(tool: dict[str, Any], param: str, code: str) -> None:
    """A tool that is wrong, or that its provider would run, is named."""
    with pytest.raises(InvalidRequestError) as caught:
        read_tools(raw([tool]), ABSENT)
    assert (caught.value.param, caught.value.code) == (param, code)


@pytest.mark.parametrize(
    ("choice", "old", "parallel", "expected"),
    [
        (None, None, None, None),
        (None, None, True, None),
        (None, None, False, ToolChoice(parallel=False)),
        ("auto", None, None, ToolChoice()),
        ("required", None, False, ToolChoice(mode="any", parallel=False)),
        ({"type": "custom", "custom": {"name": "a"}}, None, None, ToolChoice(mode="tool", name="a")),
        (None, "none", None, ToolChoice(mode="none")),
        (None, {"name": "a"}, None, ToolChoice(mode="tool", name="a")),
        ("none", {"name": "a"}, None, ToolChoice(mode="none")),
    ],
)
def test_choice(choice: Any, old: Any, parallel: bool | None, expected: ToolChoice | None) -> None:
    """The new field goes before the old; calls one at a time are said, calls at once are what happens anyway."""
    assert read_tool_choice(raw(choice), raw(old), parallel) == expected


@pytest.mark.parametrize(
    ("choice", "param"),
    [
        ("maybe", "tool_choice"),
        ({"type": "function"}, "tool_choice"),
        (
            {"type": "allowed_tools", "allowed_tools": {"tools": [{"type": "mcp"}]}},
            "tool_choice.allowed_tools.tools[0]",
        ),
    ],
)
def test_choice_that_is_none_is_refused(choice: Any, param: str) -> None:
    """What names no tool is named itself."""
    with pytest.raises(InvalidRequestError) as caught:
        read_tool_choice(raw(choice), ABSENT, None)
    assert caught.value.param == param


def test_format_of_text_is_no_format() -> None:
    """Text is what an answer is anyway."""
    assert read_format(raw({"type": "text"})) is None


@pytest.mark.parametrize(
    "form",
    [
        {"type": "grammar"},
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": {"name": "a", "schema": "no"}},
        {},
    ],
)
def test_format_that_is_none_is_refused(form: dict[str, Any]) -> None:
    """An answer of another form would be another answer."""
    with pytest.raises(InvalidRequestError) as caught:
        read_format(raw(form))
    assert str(caught.value.param).startswith("response_format")


def test_schema_must_be_utf8() -> None:
    """What is passed on unread is still checked: a provider must not get a body that is no JSON."""
    with pytest.raises(InvalidRequestError):
        read_tools(msgspec_raw(b'[{"function":{"name":"a","parameters":{"\xff":1}}}]'), ABSENT)


def msgspec_raw(text: bytes) -> Any:
    """*text* as it stands in a body."""
    return type(ABSENT)(text)
