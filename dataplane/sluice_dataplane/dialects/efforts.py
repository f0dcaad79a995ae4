"""How much a model is to think: in words for some APIs, in tokens for others.  Pure."""

from typing import Final

from sluice_dataplane.dialects.conversation import Effort, Reasoning

LEAST_BUDGET: Final = 1_024  # of thinking, in tokens: Anthropic refuses less, and less is no thinking to speak of
BUDGETS: Final[dict[Effort, int]] = {
    "minimal": LEAST_BUDGET,
    "low": 2_048,
    "medium": 8_192,
    "high": 16_384,
    "xhigh": 24_576,
    "max": 32_768,
}


def effort_for(budget: int) -> Effort:
    """The first effort that has as many tokens as *budget*."""
    return next((effort for effort, tokens in BUDGETS.items() if budget <= tokens), "max")


def effort_within(budget: int) -> Effort:
    """The last effort whose tokens *budget* has."""
    return next((effort for effort, tokens in reversed(BUDGETS.items()) if tokens <= budget), "minimal")


def budget_below(ceiling: int | None, asked: Reasoning) -> int | None:
    """Tokens to think, fewer than the *ceiling* of the whole output; None where that is too low to think at all.

    A budget is the client's own; an effort, medium where nothing is said, leaves a quarter of the ceiling for words.
    """
    own = asked.budget
    budget = max(BUDGETS.get(asked.effort or "medium", 0) if own is None else own, LEAST_BUDGET)
    if ceiling is not None:
        budget = min(budget, ceiling - (max(ceiling // 4, 1) if own is None else 1))
    return budget if budget >= LEAST_BUDGET else None
