"""Requests for Gemini; the goldens hold the usual ones."""

import json
from typing import Any

import msgspec
import pytest

from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.conversation import (
    Document,
    Format,
    Image,
    Part,
    Reasoning,
    Request,
    Text,
    Tool,
    ToolChoice,
    Turn,
)
from sluice_dataplane.dialects.gemini.request_out import write_request
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.errors import InvalidRequestError

TOOL = Tool(name="f", schema=msgspec.Raw(b'{"type":"object"}'))


def written(
    *parts: Part, capabilities: Any = None, allowed: bool = False, ceiling: int | None = None, **fields: Any
) -> Any:
    """What the provider gets of a request of *fields*, and what was left out of it."""
    losses = Losses(allowed=allowed)
    to = To(
        model="m",
        losses=losses,
        usual_ceiling=9,
        ceiling=ceiling,
        capabilities=Capabilities(**(capabilities or {})),
    )
    turn = Turn(role="user", parts=parts or (Text(text="x"),))
    return json.loads(write_request(Request(turns=(turn,), **fields), to)), losses.dropped


def thinking(asked: Reasoning, way: Any, ceiling: int | None = None) -> Any:
    """How the provider is told to think."""
    body, _ = written(reasoning=asked, capabilities={"reasoning": way}, ceiling=ceiling)
    return body.get("generationConfig", {}).get("thinkingConfig")


@pytest.mark.parametrize(
    ("asked", "way", "found"),
    [
        (Reasoning(effort="medium"), None, {"thinkingBudget": 8192}),
        (Reasoning(effort="max", shown=True), "budget", {"thinkingBudget": 32768, "includeThoughts": True}),
        (Reasoning(budget=10), "budget", {"thinkingBudget": 1024}),
        (Reasoning(adaptive=True), "budget", {"thinkingBudget": -1}),
        (Reasoning(enabled=False), "budget", {"thinkingBudget": 0}),
        (Reasoning(effort="none"), None, {"thinkingBudget": 0}),
        (Reasoning(enabled=False), "effort", {"thinkingLevel": "LOW"}),
        (Reasoning(effort="medium"), "effort", {"thinkingLevel": "MEDIUM"}),
        (Reasoning(effort="xhigh"), "effort", {"thinkingLevel": "HIGH"}),
        (Reasoning(budget=9_000), "effort", {"thinkingLevel": "MEDIUM"}),
        (Reasoning(shown=True), "effort", {"includeThoughts": True}),
        (Reasoning(effort="high"), "none", None),
    ],
)
def test_a_model_is_told_to_think_as_it_can_be(asked: Reasoning, way: Any, found: Any) -> None:
    """By a budget or by a level; one that cannot think is told nothing."""
    assert thinking(asked, way) == found


@pytest.mark.parametrize(
    ("asked", "ceiling", "found"),
    [
        (Reasoning(effort="high"), 4_000, {"thinkingBudget": 3_000}),
        (Reasoning(budget=9_000), 4_000, {"thinkingBudget": 3_999}),
        (Reasoning(effort="high"), 1_300, None),
        (Reasoning(budget=9_000), 1_024, None),
    ],
)
def test_a_budget_of_thinking_is_below_the_ceiling(asked: Reasoning, ceiling: int, found: Any) -> None:
    """Thoughts are part of the output, and an effort leaves room for words; where there is none nothing is said."""
    assert thinking(asked, None, ceiling) == found


def test_a_ceiling_is_never_above_what_the_model_can() -> None:
    """Google would refuse it; the gateway's own comes before the client's."""
    body, _ = written(ceiling=900, capabilities={"max_output_tokens": 500})

    assert body["generationConfig"]["maxOutputTokens"] == 500


@pytest.mark.parametrize(
    ("field", "value", "capabilities"),
    [
        ("logit_bias", {"1": 2.0}, {}),
        ("service_tier", "scale", {}),
        ("temperature", 0.5, {"sampling": False}),
        ("top_k", 3, {"sampling": False}),
        ("format", Format(kind="object"), {"structured_output": False}),
        ("tools", (TOOL,), {"tools": False}),
    ],
)
def test_what_cannot_be_said_is_refused_or_dropped(field: str, value: Any, capabilities: Any) -> None:
    """By its name."""
    with pytest.raises(InvalidRequestError) as caught:
        written(capabilities=capabilities, **{field: value})
    body, dropped = written(capabilities=capabilities, allowed=True, **{field: value})

    assert caught.value.param == field
    assert dropped == [field]
    assert list(body) == ["contents"]


def test_one_call_at_a_time_is_a_hint() -> None:
    """Gemini may always call several functions at once; clients that ask for one by habit are not refused for it."""
    _, dropped = written(tools=(TOOL,), tool_choice=ToolChoice(parallel=False))

    assert dropped == []


def test_a_tool_of_plain_text_is_named() -> None:
    """Gemini's functions take objects."""
    with pytest.raises(InvalidRequestError) as caught:
        written(tools=(Tool(name="sh", free=True, at="tools[0]"),))

    assert caught.value.param == "tools[0]"


@pytest.mark.parametrize("fields", [{"capabilities": {"tools": False}, "tools": (TOOL,)}, {}])
def test_a_tool_that_must_be_used_is_not_dropped(fields: Any) -> None:
    """The request would be another."""
    with pytest.raises(InvalidRequestError) as caught:
        written(tool_choice=ToolChoice(mode="any"), allowed=True, **fields)

    assert caught.value.param == "tool_choice"


@pytest.mark.parametrize(
    ("part", "capabilities"),
    [
        (Image(url="https://x/a.png", at="a"), {"vision": False}),
        (Image(file_id="file-1", at="a"), {}),
        (Document(data="AA==", at="a"), {"documents": False}),
    ],
)
def test_a_part_that_the_model_cannot_have_is_never_dropped(part: Part, capabilities: Any) -> None:
    """Without it, the question is another."""
    with pytest.raises(InvalidRequestError) as caught:
        written(part, capabilities=capabilities, allowed=True)

    assert caught.value.param == "a"
