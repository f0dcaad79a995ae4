"""Converse: how a model is told how much to think, and when it is not told."""

from typing import Any

import pytest

from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.conversation import (
    Part,
    Reasoning,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from sluice_dataplane.dialects.converse.families import Family
from sluice_dataplane.dialects.converse.thinking_out import Thought, write_thinking
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.seam import To

NOTHING = Thought()


def _thought(
    reasoning: Reasoning | None, way: Any = None, family: Family = "claude", ceiling: int | None = None, **fields: Any
) -> Thought:
    to = To(model="m", losses=Losses(allowed=False), usual_ceiling=1, capabilities=Capabilities(reasoning=way))
    return write_thinking(Request(reasoning=reasoning, **fields), to, family, ceiling)


def _budget(thought: Thought) -> Any:
    thinking: Any = thought.fields.get("thinking", {})
    return thinking.get("budget_tokens")


@pytest.mark.parametrize(
    ("reasoning", "ceiling", "expected"),
    [
        (Reasoning(effort="minimal"), None, 1024),
        (Reasoning(effort="low"), None, 2048),
        (Reasoning(effort="medium"), None, 8192),
        (Reasoning(effort="high"), None, 16384),
        (Reasoning(effort="xhigh"), None, 24576),
        (Reasoning(effort="max"), None, 32768),
        (Reasoning(), None, 8192),
        (Reasoning(budget=5000), None, 5000),
        (Reasoning(budget=10), None, 1024),
        (Reasoning(budget=5000), 4000, 3999),
        (Reasoning(effort="medium"), 4000, 3000),
        (Reasoning(effort="medium"), 1300, None),
        (Reasoning(budget=5000), 1025, 1024),
        (Reasoning(budget=5000), 1024, None),
    ],
)
def test_a_budget_is_below_the_ceiling(reasoning: Reasoning, ceiling: int | None, expected: int | None) -> None:
    """An effort is so many tokens; never as many as the output may have, never fewer than the API takes."""
    assert _budget(_thought(reasoning, ceiling=ceiling)) == expected


@pytest.mark.parametrize(
    ("reasoning", "effort"),
    [
        (Reasoning(effort="minimal"), "low"),
        (Reasoning(effort="xhigh"), "xhigh"),
        (Reasoning(budget=9000), "medium"),
        (Reasoning(budget=1), "low"),
        (Reasoning(effort="high", budget=1), "high"),
        (Reasoning(adaptive=True), ""),
    ],
)
def test_a_model_that_decides_itself_is_told_an_effort(reasoning: Reasoning, effort: str) -> None:
    """A budget is the effort that it is worth; where nothing was said, nothing is."""
    thought = _thought(reasoning, way="adaptive")

    assert thought == Thought(fields={"thinking": {"type": "adaptive"}}, effort=effort, on=True)


def test_thoughts_are_shown_where_they_are_wanted() -> None:
    """A model that decides itself hides its thoughts unless it is asked for them."""
    assert _thought(Reasoning(shown=True), way="adaptive").fields == {
        "thinking": {"type": "adaptive", "display": "summarized"}
    }


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("claude", Thought(effort="max")),
        ("nova", Thought(fields={"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}})),
        ("other", Thought(fields={"reasoning_effort": "high"})),
    ],
)
def test_an_effort_is_said_in_the_models_own_field(family: Family, expected: Thought) -> None:
    """Each kind of model has its own, and most know three."""
    assert _thought(Reasoning(effort="max"), way="effort", family=family) == expected


@pytest.mark.parametrize(
    ("reasoning", "way", "family"),
    [
        (None, "budget", "claude"),
        (Reasoning(enabled=False, effort="high"), "adaptive", "claude"),
        (Reasoning(effort="none"), "budget", "claude"),
        (Reasoning(effort="high"), "none", "claude"),
        (Reasoning(effort="high"), None, "nova"),
        (Reasoning(effort="high"), None, "other"),
    ],
)
def test_nothing_is_said_to_a_model_that_is_not_to_think_or_not_known_to(
    reasoning: Reasoning | None, way: Any, family: Family
) -> None:
    """To think is a hint: what a model may not know is not sent."""
    assert _thought(reasoning, way=way, family=family) == NOTHING


@pytest.mark.parametrize("way", ["budget", "adaptive"])
def test_a_forced_tool_comes_before_thinking(way: str) -> None:
    """Claude refuses both together."""
    choice = ToolChoice(mode="any")

    assert _thought(Reasoning(effort="low"), way=way, tools=(Tool(name="a"),), tool_choice=choice) == NOTHING


def _loop(*before: Part) -> tuple[Turn, ...]:
    return (
        Turn(role="user", parts=(Text(text="Hi"),)),
        Turn(role="assistant", parts=(*before, ToolCall(id="1", name="a"))),
        Turn(role="user", parts=(ToolResult(call_id="1"),)),
    )


OWN = Thinking(text="t", signature="s", origin="converse")


def test_a_loop_of_tools_goes_on_without_thinking_where_its_thought_is_another_models() -> None:
    """Claude takes a result only after the thought that led to the call; another's thought cannot be sent."""
    foreign = Thinking(text="t", signature="s", origin="messages")

    assert _thought(Reasoning(effort="low"), turns=_loop()) == NOTHING
    assert _thought(Reasoning(effort="low"), turns=_loop(foreign)) == NOTHING
    assert _budget(_thought(Reasoning(effort="low"), turns=_loop(OWN))) == 2048


def test_a_longer_loop_needs_the_thought_that_began_it() -> None:
    """Calls after the first come without a thought of their own."""
    more = (
        Turn(role="assistant", parts=(ToolCall(id="2", name="a"),)),
        Turn(role="user", parts=(ToolResult(call_id="2"),)),
    )

    assert _budget(_thought(Reasoning(effort="low"), turns=(*_loop(OWN), *more))) == 2048
    assert _thought(Reasoning(effort="low"), turns=(*_loop(), *more)) == NOTHING


def test_words_of_the_system_do_not_end_a_loop() -> None:
    """A reminder between the results and the next call is not a new question."""
    reminder = Turn(role="system", parts=(Text(text="Be brief."),))

    assert _budget(_thought(Reasoning(effort="low"), turns=(*_loop(OWN)[:2], reminder, _loop()[2]))) == 2048


def test_a_thought_of_an_earlier_loop_does_not_count() -> None:
    """Only one that stands after the last question does."""
    turns = (*_loop(OWN), Turn(role="assistant", parts=(Text(text="Done"),)), *_loop())

    assert _thought(Reasoning(effort="low"), turns=turns) == NOTHING


def test_a_loop_that_is_over_does_not_matter() -> None:
    """After new words of the user's, a model may think again."""
    turns = (*_loop(), Turn(role="assistant", parts=(Text(text="Done"),)), Turn(role="user", parts=(Text(text="Hm"),)))

    assert _budget(_thought(Reasoning(effort="low"), turns=turns)) == 2048
