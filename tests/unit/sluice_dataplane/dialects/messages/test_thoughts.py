"""Anthropic's wire: how much to think, and whose thoughts go back to its providers."""

from typing import Any

import pytest

from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.conversation import Reasoning, Thinking
from sluice_dataplane.dialects.messages.thoughts import own, read_thought, reasoning_fields

ADAPTIVE = Capabilities(reasoning="adaptive")
EFFORT = Capabilities(reasoning="effort")
BUDGET = Capabilities(reasoning="budget")
ROOM = 100_000


@pytest.mark.parametrize(
    ("effort", "tokens"),
    [("minimal", 1024), ("low", 2048), ("medium", 8192), ("high", 16384), ("xhigh", 24576), ("max", 32768)],
)
def test_an_effort_is_a_budget_where_there_are_only_budgets(effort: Any, tokens: int) -> None:
    """And where nobody says what the model knows."""
    fields = {"thinking": {"type": "enabled", "budget_tokens": tokens}}

    assert reasoning_fields(Reasoning(effort=effort), BUDGET, ROOM) == fields
    assert reasoning_fields(Reasoning(effort=effort), Capabilities(), ROOM) == fields


@pytest.mark.parametrize(
    ("tokens", "effort"),
    [(1, "low"), (2048, "low"), (2049, "medium"), (16384, "high"), (20000, "xhigh"), (32768, "max"), (99999, "max")],
)
def test_a_budget_is_an_effort_where_there_are_only_efforts(tokens: int, effort: str) -> None:
    """The first whose tokens it does not pass; this wire knows nothing below low."""
    assert reasoning_fields(Reasoning(budget=tokens), EFFORT, ROOM) == {"effort": effort}


@pytest.mark.parametrize("ceiling", range(0, 40_000, 777))
def test_a_budget_leaves_room_for_words(ceiling: int) -> None:
    """It is below the ceiling with a quarter to spare, or there is none; the provider takes none below 1,024."""
    thinking: Any = reasoning_fields(Reasoning(budget=30_000), BUDGET, ceiling).get("thinking")

    assert thinking is None or 1_024 <= thinking["budget_tokens"] <= ceiling * 3 // 4 + 1
    assert (thinking is None) == (ceiling < 1_366)


@pytest.mark.parametrize("reasoning", [Reasoning(enabled=False), Reasoning(effort="none"), Reasoning(), None])
def test_nobody_who_asks_for_no_thinking_gets_some(reasoning: Reasoning | None) -> None:
    """A model with budgets does not think unless it is told to."""
    assert reasoning_fields(reasoning, BUDGET, ROOM) == reasoning_fields(reasoning, EFFORT, ROOM) == {}


def test_a_model_that_thinks_by_itself_is_told_not_to() -> None:
    """Where that is asked for."""
    assert reasoning_fields(Reasoning(enabled=False), ADAPTIVE, ROOM) == {"thinking": {"type": "disabled"}}


def test_one_that_decides_for_itself_gets_the_effort_beside_it() -> None:
    """And whether its thoughts are to be shown."""
    fields = reasoning_fields(Reasoning(effort="high", shown=False), ADAPTIVE, ROOM)

    assert fields == {"thinking": {"type": "adaptive", "display": "omitted"}, "effort": "high"}


def test_who_leaves_it_to_the_model_gets_a_usual_budget() -> None:
    """Where the model cannot decide."""
    thinking: Any = reasoning_fields(Reasoning(adaptive=True, shown=True), BUDGET, ROOM)["thinking"]

    assert thinking == {"type": "enabled", "budget_tokens": 8192, "display": "summarized"}


def test_a_hint_is_nothing_to_a_model_that_cannot_think() -> None:
    """It is dropped without a word."""
    assert reasoning_fields(Reasoning(effort="max"), Capabilities(reasoning="none"), ROOM) == {}


def test_only_what_this_wire_signed_goes_back_to_it() -> None:
    """Its provider refuses any other signature, and the words of another's thought are no prompt."""
    assert own(Thinking(text="t", signature="s", origin="messages")) == {
        "type": "thinking",
        "thinking": "t",
        "signature": "s",
    }
    assert own(Thinking(redacted="d", origin="messages")) == {"type": "redacted_thinking", "data": "d"}
    assert own(Thinking(text="t", signature="s", origin="chat")) is None
    assert own(Thinking(text="t", signature="s")) is None
    assert own(Thinking(text="t", origin="messages")) is None


def test_a_client_s_thought_is_its_maker_s() -> None:
    """Whether it can be read or not."""
    assert read_thought("t", "sluice:gemini::c2ln", "") == Thinking(text="t", signature="c2ln", origin="gemini")
    assert read_thought("", "", "sluice:responses:rs_1:enc", "at") == Thinking(
        redacted="enc", id="rs_1", origin="responses", at="at"
    )
