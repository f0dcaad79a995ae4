"""Anthropic's wire: thoughts as its clients and providers have them, and how much to think in its words."""

from typing import Final

from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.conversation import Effort, Reasoning, Thinking
from sluice_dataplane.dialects.messages.fields import LEAST_BUDGET
from sluice_dataplane.dialects.messages.marks import ORIGIN, unmarked

# Tokens of thinking that an effort stands for; a budget is the first effort whose tokens it does not pass.
_BUDGETS: Final[dict[Effort, int]] = {
    "minimal": 1_024,
    "low": 2_048,
    "medium": 8_192,
    "high": 16_384,
    "xhigh": 24_576,
    "max": 32_768,
}


def read_thought(text: str, signature: str, redacted: str, at: str = "") -> Thinking:
    """A thought as a client gives it back."""
    origin, identity, proof = unmarked(redacted or signature)
    if redacted:
        return Thinking(redacted=proof, id=identity, origin=origin, at=at)
    return Thinking(text=text, signature=proof, id=identity, origin=origin, at=at)


def reasoning_fields(reasoning: Reasoning | None, capabilities: Capabilities, ceiling: int) -> dict[str, object]:
    """``thinking`` and ``effort`` for a model that is told to think as *capabilities* say; empty: as it does by itself.

    A budget leaves a quarter of *ceiling* for words; one that is too small to be one is left out.
    """
    how = capabilities.reasoning
    if reasoning is None or how == "none":
        return {}
    wanted = reasoning.enabled and reasoning.effort != "none"
    if how == "effort":
        return _effort(reasoning) if wanted else {}
    if how == "adaptive":
        if not wanted:
            return {"thinking": {"type": "disabled"}}
        return {"thinking": {"type": "adaptive", **_display(reasoning)}, **_effort(reasoning)}
    budget = _budget(reasoning) if wanted else None
    if budget is None:
        return {}
    budget = min(max(budget, LEAST_BUDGET), ceiling - max(ceiling // 4, 1))
    if budget < LEAST_BUDGET:
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": budget, **_display(reasoning)}}


def _budget(reasoning: Reasoning) -> int | None:
    if reasoning.budget is not None:
        return reasoning.budget
    if reasoning.effort is not None:
        return _BUDGETS.get(reasoning.effort)
    return _BUDGETS["medium"] if reasoning.adaptive else None


def _effort(reasoning: Reasoning) -> dict[str, object]:
    effort = reasoning.effort
    if effort is None and reasoning.budget is not None:
        budget = reasoning.budget
        effort = next((each for each, tokens in _BUDGETS.items() if budget <= tokens), "max")
    if effort is None:
        return {}
    return {"effort": "low" if effort == "minimal" else effort}


def _display(reasoning: Reasoning) -> dict[str, object]:
    if reasoning.shown is None:
        return {}
    return {"display": "summarized" if reasoning.shown else "omitted"}


def own(thought: Thinking) -> dict[str, object] | None:
    """The block of a thought that Anthropic's providers signed; None for any other."""
    if thought.origin != ORIGIN:
        return None
    if thought.redacted:
        return {"type": "redacted_thinking", "data": thought.redacted}
    if not thought.signature:
        return None
    return {"type": "thinking", "thinking": thought.text, "signature": thought.signature}
