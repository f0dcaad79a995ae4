"""Converse: a whole answer, read.  Pure.

What a tool of the provider's own was asked and gave (``server_tool_use``) is not the client's and is left out, as is
what no other API's answer can hold (pictures).

Source: the API reference (``ConverseResponse``, ``ContentBlock``, ``Citation``, ``StopReason``).
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.conversation import (
    Answer,
    Choice,
    Citation,
    Finish,
    Part,
    Text,
    Thinking,
    ToolCall,
)
from sluice_dataplane.dialects.converse.turns_out import ORIGIN
from sluice_dataplane.dialects.converse.usage import reported_of
from sluice_dataplane.dialects.values import ABSENT, said

# A call or an answer of a tool that came out malformed has ended all the same; what there is of it is given.
FINISHES: Final[dict[str, Finish]] = {
    "end_turn": "stop",
    "tool_use": "tools",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "guardrail_intervened": "filter",
    "content_filtered": "filter",
    "model_context_window_exceeded": "context",
    "malformed_model_output": "stop",
    "malformed_tool_use": "stop",
    "refusal": "refusal",
    "pause_turn": "pause",
}
SERVER_TOOL: Final = "server_tool_use"


class _Words(msgspec.Struct, gc=False):
    text: str = ""


class _Web(msgspec.Struct, gc=False):
    url: str = ""


class _Place(msgspec.Struct, gc=False, rename="camel"):
    document_index: int | None = None
    start: int | None = None
    end: int | None = None


class _Location(msgspec.Struct, gc=False, rename="camel"):
    web: _Web | None = None
    document_char: _Place | None = None
    document_page: _Place | None = None
    document_chunk: _Place | None = None


class CitationBlock(msgspec.Struct, gc=False, rename="camel"):
    """What a text rests on; in streams it comes in the same form."""

    title: str | None = None
    source: str | None = None
    source_content: list[_Words] | None = None
    location: _Location | None = None

    def read(self) -> Citation:
        """In no provider's words; pages and chunks of a document are no characters, and are not said."""
        place = self.location or _Location()
        source = self.source or ""
        char = place.document_char or _Place()
        document = place.document_char or place.document_page or place.document_chunk or _Place()
        return Citation(
            url=place.web.url if place.web else source if source.startswith(("http://", "https://")) else "",
            title=self.title or "",
            quote="".join(words.text for words in self.source_content or ()),
            document=document.document_index,
            start=char.start,
            end=char.end,
        )


class _ReasoningText(msgspec.Struct, gc=False):
    text: str = ""
    signature: str | None = None


class _Reasoning(msgspec.Struct, gc=False, rename="camel"):
    reasoning_text: _ReasoningText | None = None
    redacted_content: str | None = None


class _ToolUse(msgspec.Struct, gc=False, rename="camel"):
    tool_use_id: str
    name: str
    input: msgspec.Raw = ABSENT
    type: str | None = None


class _Cited(msgspec.Struct, gc=False):
    content: list[_Words] | None = None
    citations: list[CitationBlock] | None = None


class _Block(msgspec.Struct, gc=False, rename="camel"):
    text: str | None = None
    tool_use: _ToolUse | None = None
    reasoning_content: _Reasoning | None = None
    citations_content: _Cited | None = None


class _Message(msgspec.Struct, gc=False):
    content: list[_Block]


class _Output(msgspec.Struct, gc=False):
    message: _Message


class _Routed(msgspec.Struct, gc=False, rename="camel"):
    invoked_model_id: str = ""


class _Trace(msgspec.Struct, gc=False, rename="camel"):
    prompt_router: _Routed | None = None


class _Answer(msgspec.Struct, gc=False, rename="camel"):
    output: _Output
    stop_reason: str | None = None
    additional_model_response_fields: msgspec.Raw = ABSENT
    usage: msgspec.Raw = ABSENT
    service_tier: msgspec.Raw = ABSENT
    trace: _Trace | None = None


class _Fields(msgspec.Struct, gc=False):
    stop_sequence: str | None = None


_answer: Final = msgspec.json.Decoder(_Answer)
_fields: Final = msgspec.json.Decoder(_Fields)


def read_answer(body: bytes) -> Answer:
    """What *body* answers.  The API names neither the answer nor, unless it chose it, the model.

    Raises:
        ValueError: it is no answer.
    """
    try:
        answer = _answer.decode(body)
    except RecursionError:
        raise ValueError("an answer that is nested too deep") from None
    reported = reported_of(answer.usage, answer.service_tier)
    choice = Choice(
        parts=tuple(part for block in answer.output.message.content if (part := _part(block)) is not None),
        finish=FINISHES.get(answer.stop_reason or "", "stop"),
        stop_sequence=read_stop(answer.additional_model_response_fields),
    )
    routed = answer.trace and answer.trace.prompt_router
    return Answer(
        id="",
        model=routed.invoked_model_id if routed else "",
        choices=(choice,),
        usage=reported.usage if reported else None,
        service_tier=reported.service_tier if reported else "",
    )


def read_stop(raw: msgspec.Raw) -> str | None:
    """The sequence that ended the answer, where the model says it."""
    try:
        return _fields.decode(raw).stop_sequence if said(raw) else None
    except (ValueError, RecursionError):
        return None


def _part(block: _Block) -> Part | None:
    if block.text is not None:
        return Text(text=block.text)
    if block.tool_use is not None:
        return _call(block.tool_use)
    if block.reasoning_content is not None:
        return _thought(block.reasoning_content)
    return None if block.citations_content is None else _cited(block.citations_content)


def _call(call: _ToolUse) -> ToolCall | None:
    if call.type == SERVER_TOOL:
        return None
    arguments = bytes(call.input).decode() if said(call.input) else ""
    return ToolCall(id=call.tool_use_id, name=call.name, arguments=arguments)


def _thought(thought: _Reasoning) -> Thinking:
    words = thought.reasoning_text or _ReasoningText()
    return Thinking(
        text=words.text, signature=words.signature or "", redacted=thought.redacted_content or "", origin=ORIGIN
    )


def _cited(block: _Cited) -> Text:
    return Text(
        text="".join(words.text for words in block.content or ()),
        citations=tuple(citation.read() for citation in block.citations or ()),
    )
