"""Anthropic's wire: the forms of its JSON, as far as they are read; one for all blocks, whose type says what holds.

Source: the API reference of Messages.  What is read only in some blocks stays raw until its block is known.
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.values import ABSENT


class CacheControl(msgspec.Struct, gc=False):
    """The mark of a cache's end."""

    type: str = "ephemeral"
    ttl: str | None = None


class Source(msgspec.Struct, gc=False):
    """Where an image or a document comes from."""

    type: str = ""
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    content: msgspec.Raw = ABSENT


class Block(msgspec.Struct, gc=False):
    """One block of content, of any type."""

    type: str = ""
    text: str | None = None
    cache_control: CacheControl | None = None
    citations: msgspec.Raw = ABSENT
    source: msgspec.Raw = ABSENT
    title: str | None = None
    context: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = ABSENT
    tool_use_id: str | None = None
    content: msgspec.Raw = ABSENT
    is_error: bool | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


class Location(msgspec.Struct, gc=False):
    """What a citation points at."""

    type: str = ""
    cited_text: str | None = None
    document_index: int | None = None
    document_title: str | None = None
    start_char_index: int | None = None
    end_char_index: int | None = None
    url: str | None = None
    title: str | None = None
    source: str | None = None


class Message(msgspec.Struct, gc=False):
    """One turn of a client's."""

    role: str
    content: msgspec.Raw = ABSENT


class Tool(msgspec.Struct, gc=False):
    """A tool; one with a ``type`` other than ``custom`` is Anthropic's own."""

    type: str | None = None
    name: str = ""
    description: str | None = None
    input_schema: msgspec.Raw = ABSENT
    strict: bool | None = None
    cache_control: CacheControl | None = None


class ToolChoice(msgspec.Struct, gc=False):
    """Which tools may be used."""

    type: str = "auto"
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(msgspec.Struct, gc=False):
    """Whether and how much to think."""

    type: str = ""
    budget_tokens: int | None = None
    display: str | None = None


class OutputFormat(msgspec.Struct, gc=False):
    """The form of the answer."""

    type: str = ""
    schema: msgspec.Raw = ABSENT


class OutputConfig(msgspec.Struct, gc=False):
    """How the answer is to be."""

    effort: str | None = None
    format: OutputFormat | None = None


class Body(msgspec.Struct, gc=False):
    """A client's request."""

    messages: list[Message]
    system: msgspec.Raw = ABSENT
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None


class StopDetails(msgspec.Struct, gc=False):
    """Why the model refused."""

    explanation: str | None = None


class Answer(msgspec.Struct, gc=False):
    """A provider's answer; in a stream's first event without its end."""

    type: str = ""
    id: str | None = None
    model: str | None = None
    content: list[Block] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    usage: msgspec.Raw = ABSENT


class Delta(msgspec.Struct, gc=False):
    """More of a block, or of the message."""

    type: str = ""
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    signature: str | None = None
    citation: msgspec.Raw = ABSENT
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class Failure(msgspec.Struct, gc=False):
    """What went wrong."""

    type: str | None = None
    message: str | None = None
    code: str | int | None = None


class StreamEvent(msgspec.Struct, gc=False):
    """One event of a stream, of any type."""

    type: str = ""
    index: int = 0
    message: Answer | None = None
    content_block: Block | None = None
    delta: Delta | None = None
    usage: msgspec.Raw = ABSENT
    error: Failure | None = None


body: Final = msgspec.json.Decoder(Body)
blocks: Final[msgspec.json.Decoder[str | list[Block]]] = msgspec.json.Decoder(str | list[Block])
source: Final = msgspec.json.Decoder(Source)
location: Final = msgspec.json.Decoder(Location)
answer: Final = msgspec.json.Decoder(Answer)
stream_event: Final = msgspec.json.Decoder(StreamEvent)
