"""Anthropic's wire: a provider's answer in no provider's words."""

from typing import Final

import msgspec

from sluice_dataplane.dialects.conversation import Answer, Choice, Finish, Refusal, Text, Thinking, ToolCall
from sluice_dataplane.dialects.messages import shapes
from sluice_dataplane.dialects.messages.blocks_in import arguments_of, citations_of
from sluice_dataplane.dialects.messages.marks import ORIGIN
from sluice_dataplane.dialects.messages.usage import read, reported
from sluice_dataplane.exchange import Reported

_FINISHES: Final[dict[str, Finish]] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "tool_use": "tools",
    "pause_turn": "pause",
    "refusal": "refusal",
    "model_context_window_exceeded": "context",
}


def read_answer(body: bytes) -> Answer:
    """What *body* answers.

    Raises:
        ValueError: it is no answer.
    """
    try:
        found = shapes.answer.decode(body)
        if found.content is None or found.type not in ("", "message"):
            raise ValueError("it is no message")
        parts = [part for part in map(part_of, found.content) if part is not None]
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    usage = reported_of(found.usage)
    return Answer(
        id=found.id or "",
        model=found.model or "",
        choices=(
            Choice(
                parts=(*parts, *refusal_of(found.stop_details)),
                finish=finish_of(found.stop_reason),
                stop_sequence=found.stop_sequence,
            ),
        ),
        usage=None if usage is None else usage.usage,
        service_tier="" if usage is None else usage.service_tier,
    )


def finish_of(reason: str | None) -> Finish:
    """Why it ended; what is not known ended as usual."""
    return _FINISHES.get(reason or "", "stop")


def refusal_of(details: shapes.StopDetails | None) -> tuple[Refusal, ...]:
    """The words of a refusal, where there are some."""
    return (Refusal(text=details.explanation),) if details is not None and details.explanation else ()


def reported_of(usage: msgspec.Raw) -> Reported | None:
    """What *usage* says."""
    found = read(usage)
    return None if found is None else reported(found)


def part_of(block: shapes.Block) -> Text | ToolCall | Thinking | None:
    """What a block says; None for one that only this wire's clients have a use for (what the provider's tools did)."""
    match block.type:
        case "text":
            return Text(text=block.text or "", citations=citations_of(block.citations))
        case "tool_use":
            return ToolCall(id=block.id or "", name=block.name or "", arguments=arguments_of(block.input))
        case "thinking":
            return Thinking(text=block.thinking or "", signature=block.signature or "", origin=ORIGIN)
        case "redacted_thinking":
            return Thinking(redacted=block.data or "", origin=ORIGIN)
        case _:
            return Text(text=block.text) if block.text else None
