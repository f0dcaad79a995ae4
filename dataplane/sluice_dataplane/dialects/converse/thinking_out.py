"""Converse: how much a model is to think, which the API leaves to fields of the model's own.  Pure.

To think is a hint: where a model cannot be told, or where it would break the call (a tool is forced, a tool's result is
given back without the thought that led to its call), nothing is said.

Sources: Bedrock's pages on Claude's extended and adaptive thinking, on Nova's reasoning, and on gpt-oss; the API
reference (``OutputConfig.effort``).
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.conversation import Reasoning, Request, Thinking, ToolResult
from sluice_dataplane.dialects.converse.families import Family
from sluice_dataplane.dialects.converse.media_out import Block
from sluice_dataplane.dialects.converse.tools_out import forces
from sluice_dataplane.dialects.converse.turns_out import ORIGIN
from sluice_dataplane.dialects.efforts import budget_below, effort_within
from sluice_dataplane.dialects.seam import To


class Thought(msgspec.Struct, frozen=True):
    """``fields`` are the model's own, ``effort`` goes into ``outputConfig``; ``on``: the model thinks before it speaks.

    While it does, Claude takes no sampling parameters.
    """

    fields: Block = {}
    effort: str = ""
    on: bool = False


_NONE: Final = Thought()


def write_thinking(request: Request, to: To, family: Family, ceiling: int | None) -> Thought:
    """How *request* asks to think, for an output of at most *ceiling* tokens."""
    asked = request.reasoning
    way = to.capabilities.reasoning or ("budget" if family == "claude" else None)
    if asked is None or not asked.enabled or asked.effort == "none" or way in (None, "none"):
        return _NONE
    if way == "effort":
        return _by_effort(_effort(asked) or "medium", family)
    if forces(request) or family == "nova":
        return _NONE
    if way == "adaptive":
        thinking: Block = {"type": "adaptive"}
        if asked.shown:
            thinking["display"] = "summarized"
        effort = _effort(asked)
        return Thought(fields={"thinking": thinking}, effort="low" if effort == "minimal" else effort, on=True)
    budget = budget_below(ceiling, asked)
    if budget is None or _resumes_without_thought(request):
        return _NONE
    return Thought(fields={"thinking": {"type": "enabled", "budget_tokens": budget}}, on=True)


def _by_effort(effort: str, family: Family) -> Thought:
    if family == "claude":
        return Thought(effort="low" if effort == "minimal" else effort)
    capped = {"minimal": "low", "xhigh": "high", "max": "high"}.get(effort, effort)
    if family == "nova":
        return Thought(fields={"reasoningConfig": {"type": "enabled", "maxReasoningEffort": capped}})
    return Thought(fields={"reasoning_effort": capped})


def _effort(asked: Reasoning) -> str:
    """The effort that was asked for; "" leaves it to the model."""
    return asked.effort or (effort_within(asked.budget) if asked.budget else "")


def _resumes_without_thought(request: Request) -> bool:
    """Whether the last turn answers calls that no thought of this API's stands before: Claude then must not think."""
    turns = request.turns
    if not turns or not any(isinstance(part, ToolResult) for part in turns[-1].parts):
        return False
    for turn in reversed(turns):
        if any(isinstance(part, Thinking) and part.origin == ORIGIN and part.signature for part in turn.parts):
            return False
        if turn.role == "user" and not any(isinstance(part, ToolResult) for part in turn.parts):
            break
    return True
