"""How much to think, in words and in tokens."""

import pytest

from sluice_dataplane.dialects.conversation import Effort, Reasoning
from sluice_dataplane.dialects.efforts import BUDGETS, LEAST_BUDGET, budget_below, effort_for, effort_within


@pytest.mark.parametrize(("effort", "tokens"), BUDGETS.items())
def test_the_tokens_of_an_effort_are_that_effort(effort: Effort, tokens: int) -> None:
    """What goes from words to tokens and back is what it was."""
    assert effort_for(tokens) == effort_within(tokens) == effort


@pytest.mark.parametrize(
    ("budget", "above", "within"),
    [
        (1, "minimal", "minimal"),
        (2_049, "medium", "low"),
        (10_000, "high", "medium"),
        (32_767, "max", "xhigh"),
        (10**6, "max", "max"),
    ],
)
def test_a_budget_between_two_efforts_is_the_next_or_the_last(budget: int, above: Effort, within: Effort) -> None:
    """As the API wants it whose words they become."""
    assert (effort_for(budget), effort_within(budget)) == (above, within)


@pytest.mark.parametrize(
    ("asked", "ceiling", "tokens"),
    [
        (Reasoning(), None, BUDGETS["medium"]),
        (Reasoning(effort="high"), None, BUDGETS["high"]),
        (Reasoning(effort="high"), 8_000, 6_000),
        (Reasoning(effort="high"), 1_364, None),
        (Reasoning(budget=9_000), 8_000, 7_999),
        (Reasoning(budget=9_000, effort="low"), None, 9_000),
        (Reasoning(budget=0), None, LEAST_BUDGET),
        (Reasoning(budget=9_000), LEAST_BUDGET, None),
    ],
)
def test_tokens_to_think_leave_some_to_speak(asked: Reasoning, ceiling: int | None, tokens: int | None) -> None:
    """A quarter under an effort, one at least under the client's own budget; too few are none."""
    assert budget_below(ceiling, asked) == tokens
