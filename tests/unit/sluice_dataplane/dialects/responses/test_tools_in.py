"""The Responses API: tools, and which of them may be used."""

import json
from typing import Any

import msgspec
import pytest

from sluice_dataplane.dialects.conversation import ToolChoice
from sluice_dataplane.dialects.responses.tools_in import read_choice, read_tools
from sluice_dataplane.errors import InvalidRequestError


def raw(value: object) -> msgspec.Raw:
    """*value* as JSON."""
    return msgspec.Raw(json.dumps(value).encode())


def test_tools_of_a_namespace_have_its_name_before_theirs() -> None:
    """Other APIs have no namespaces; one inside of another is none of this API's."""
    beyond: list[str] = []
    space = {"type": "namespace", "name": "git", "tools": [{"type": "function", "name": "log"}]}
    tools = read_tools(raw([space, {**space, "tools": [space]}, {"type": "web_search"}]), "tools", beyond)

    assert [(tool.name, tool.at) for tool in tools] == [("git__log", "tools[0].tools[0]")]
    assert beyond == ["tools[1].tools[0]", "tools[2]"]


def test_what_a_function_takes_stays_as_it_is_spelt() -> None:
    """A schema is nobody's to change; one that is not there is empty."""
    schema = b'{"type":"object", "x":1.0}'
    tools = read_tools(
        msgspec.Raw(b'[{"type":"function","name":"a","parameters":%s},{"type":"function","name":"b"}]' % schema),
        "t",
        [],
    )

    assert [bytes(tool.schema) for tool in tools] == [schema, b"{}"]
    assert tools[0].strict is None


@pytest.mark.parametrize(
    ("value", "parallel", "expected"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, ToolChoice(parallel=False)),
        ("auto", None, ToolChoice()),
        ("required", False, ToolChoice(mode="any", parallel=False)),
        ({"type": "custom", "name": "p"}, None, ToolChoice(mode="tool", name="p")),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}, {"type": "mcp"}]},
            None,
            ToolChoice(allowed=("f",)),
        ),
    ],
)
def test_a_choice_is_what_it_is(value: Any, parallel: bool | None, expected: ToolChoice | None) -> None:
    """What only says the usual says nothing."""
    assert read_choice(raw(value), [], parallel=parallel) == expected


def test_a_choice_of_a_tool_that_the_provider_runs_is_named() -> None:
    """Nobody else has it."""
    beyond: list[str] = []

    assert read_choice(raw({"type": "file_search"}), beyond, parallel=None) is None
    assert beyond == ["tool_choice"]


@pytest.mark.parametrize(
    ("value", "param"), [("maybe", "tool_choice"), (7, "tool_choice"), ({"type": 7}, "tool_choice.type")]
)
def test_a_choice_that_is_none_is_refused(value: object, param: str) -> None:
    """By its name."""
    with pytest.raises(InvalidRequestError) as refused:
        read_choice(raw(value), [], parallel=None)

    assert refused.value.param == param
