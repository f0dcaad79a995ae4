"""The Responses API: a request, written for a provider."""

import json
from typing import Any

import pytest

from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.conversation import Reasoning, Request, Tool, ToolChoice
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.responses.request_out import write_request
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.errors import InvalidRequestError


def sent(request: Request, *, ceiling: int | None = None, **capabilities: Any) -> dict[str, Any]:
    """What a provider gets of *request*."""
    to = To(
        model="up",
        losses=Losses(allowed=True),
        usual_ceiling=7,
        ceiling=ceiling,
        capabilities=Capabilities(**capabilities),
    )
    body: dict[str, Any] = json.loads(write_request(request, to))
    return body


def test_the_provider_keeps_nothing() -> None:
    """Nobody who speaks another API asked for that."""
    assert sent(Request())["store"] is False


@pytest.mark.parametrize(
    ("own", "held", "most", "expected"),
    [(None, None, None, None), (5, None, None, 5), (None, 3, None, 3), (5, 3, None, 3), (5, None, 2, 2), (5, 3, 2, 2)],
)
def test_the_ceiling_is_the_lowest_of_all(
    own: int | None, held: int | None, most: int | None, expected: int | None
) -> None:
    """Of what was held for, or else of the client's, and of what the model can do; the API needs none."""
    body = sent(Request(ceiling=own), ceiling=held, max_output_tokens=most)

    assert body.get("max_output_tokens") == expected


@pytest.mark.parametrize(
    ("budget", "effort"),
    [
        (-1, "minimal"),
        (0, "minimal"),
        (1_024, "minimal"),
        (2_047, "minimal"),
        (2_048, "low"),
        (8_192, "medium"),
        (16_384, "high"),
        (24_576, "xhigh"),
        (32_768, "max"),
        (10**6, "max"),
    ],
)
def test_a_budget_of_tokens_is_the_effort_that_has_it(budget: int, effort: str) -> None:
    """Thresholds that go both ways."""
    assert sent(Request(reasoning=Reasoning(budget=budget)))["reasoning"] == {"effort": effort}


@pytest.mark.parametrize(
    ("reasoning", "model", "expected"),
    [
        (None, None, False),
        (None, "none", False),
        (None, "effort", True),
        (Reasoning(effort="low"), None, True),
        (Reasoning(effort="low"), "none", False),
        (Reasoning(enabled=False, effort="none"), None, False),
        (Reasoning(), None, False),
    ],
)
def test_thoughts_are_asked_for_where_the_model_thinks(
    reasoning: Reasoning | None, model: str | None, expected: bool
) -> None:
    """A tool loop needs them, since nothing is kept; a model that does not think would refuse."""
    assert ("include" in sent(Request(reasoning=reasoning), reasoning=model)) is expected


def test_a_tool_that_does_not_say_so_is_not_strict() -> None:
    """Here silence means strict, elsewhere it does not: the schema would be changed."""
    tools = (Tool(name="a"), Tool(name="b", strict=True))

    assert [tool["strict"] for tool in sent(Request(tools=tools))["tools"]] == [False, True]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice(), {"tool_choice": "auto"}),
        (ToolChoice(parallel=False), {"parallel_tool_calls": False}),
        (ToolChoice(mode="any", parallel=False), {"parallel_tool_calls": False, "tool_choice": "required"}),
        (ToolChoice(mode="none", allowed=("a",)), {"tool_choice": "none"}),
        (ToolChoice(mode="tool", name="p"), {"tool_choice": {"type": "custom", "name": "p"}}),
    ],
)
def test_a_choice_of_tools_is_written(choice: ToolChoice, expected: dict[str, Any]) -> None:
    """A tool of plain text by its own type."""
    body = sent(Request(tools=(Tool(name="a"), Tool(name="p", free=True)), tool_choice=choice))

    assert {name: body[name] for name in ("tool_choice", "parallel_tool_calls") if name in body} == expected


@pytest.mark.parametrize(("tools", "able"), [((Tool(name="a"),), False), ((), None)])
@pytest.mark.parametrize("choice", [ToolChoice(mode="any"), ToolChoice(mode="tool", name="a")])
def test_a_tool_that_must_be_used_is_never_dropped(
    tools: tuple[Tool, ...], able: bool | None, choice: ToolChoice
) -> None:
    """Though other things may be; without it the request would be another."""
    assert "tools" not in sent(Request(tools=tools), tools=able)
    with pytest.raises(InvalidRequestError, match="tool_choice"):
        sent(Request(tools=tools, tool_choice=choice), tools=able)


@pytest.mark.parametrize(
    ("tier", "expected"),
    [("auto", None), ("standard_only", "default"), ("flex", "flex"), ("priority", "priority"), ("batchy", None)],
)
def test_a_service_tier_is_one_that_the_api_has(tier: str, expected: str | None) -> None:
    """Another's word for the usual is the usual."""
    assert sent(Request(service_tier=tier)).get("service_tier") == expected
