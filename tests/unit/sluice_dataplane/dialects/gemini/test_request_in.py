"""Gemini's requests, read; the goldens hold the usual ones."""

import json
from typing import Any

import pytest

from sluice_dataplane.dialects.conversation import Reasoning, Request, ToolChoice
from sluice_dataplane.dialects.gemini.fields import FieldError
from sluice_dataplane.dialects.gemini.request_in import read_request
from sluice_dataplane.exchange import Ask


def read(**fields: Any) -> Request:
    """What a body of *fields* asks for."""
    return read_request(json.dumps(fields).encode(), Ask(model="m"))


def choice(**config: Any) -> ToolChoice | None:
    """The choice of tools that *config* is."""
    return read(toolConfig={"functionCallingConfig": config}).tool_choice


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({}, ToolChoice()),
        ({"mode": "AUTO"}, ToolChoice()),
        ({"mode": "NONE"}, ToolChoice(mode="none")),
        ({"mode": "ANY"}, ToolChoice(mode="any")),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice(mode="tool", name="f")),
        ({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, ToolChoice(mode="any", allowed=("f", "g"))),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}, ToolChoice(allowed=("f",))),
    ],
)
def test_each_mode_is_a_choice(config: Any, found: ToolChoice) -> None:
    """One name that must be called is that tool."""
    assert choice(**config) == found


def test_an_unknown_mode_is_refused() -> None:
    """By its name."""
    with pytest.raises(FieldError, match=r"toolConfig\.functionCallingConfig\.mode"):
        choice(mode="SOMETIMES")


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"thinkingBudget": 0}, Reasoning(enabled=False)),
        ({"thinkingBudget": -1}, Reasoning(adaptive=True)),
        ({"thinkingBudget": 512, "includeThoughts": False}, Reasoning(budget=512, shown=False)),
        ({"thinkingLevel": "MINIMAL"}, Reasoning(effort="minimal")),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, Reasoning()),
    ],
)
def test_budgets_and_levels_of_thinking_are_read(config: Any, found: Reasoning) -> None:
    """Zero is none, minus one is the model's own."""
    assert read(generationConfig={"thinkingConfig": config}).reasoning == found


def test_a_field_that_nobody_knows_is_beyond() -> None:
    """It may change the answer; it is named as the client knows it."""
    found = read(newThing=1, generationConfig={"newer_thing": 1, "topP": None}).beyond

    assert found == ("newThing", "generationConfig.newerThing")


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [{"functionDeclarations": [{"name": "f", "parameters": 1}]}]},
        {"tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": "x"}]}]},
        {"generationConfig": {"responseSchema": []}},
        {"generationConfig": {"temperature": "hot"}},
        {"generationConfig": {"seed": 10**30}},
    ],
)
def test_what_is_not_what_it_must_be_is_refused(fields: Any) -> None:
    """Before anything is sent."""
    with pytest.raises(FieldError):
        read(**fields)
