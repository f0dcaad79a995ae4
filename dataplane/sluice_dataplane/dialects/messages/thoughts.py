"""Anthropic's wire: thoughts as its clients and providers have them, and how much to think in its words."""

from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.conversation import Reasoning, Thinking
from sluice_dataplane.dialects.efforts import BUDGETS, LEAST_BUDGET, effort_for
from sluice_dataplane.dialects.messages.marks import ORIGIN, unmarked


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
        return BUDGETS.get(reasoning.effort)
    return BUDGETS["medium"] if reasoning.adaptive else None


def _effort(reasoning: Reasoning) -> dict[str, object]:
    effort = reasoning.effort
    if effort is None and reasoning.budget is not None:
        effort = effort_for(reasoning.budget)
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
