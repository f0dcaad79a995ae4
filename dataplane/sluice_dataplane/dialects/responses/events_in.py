"""Events of a provider's stream, as far as they are read.  A pure matter of form."""

from typing import Any, Final

import msgspec

from sluice_dataplane.dialects.responses.answer_in import Content, Item, Response, Trouble, read_item
from sluice_dataplane.dialects.responses.media_in import Annotation
from sluice_dataplane.dialects.values import ABSENT

# What the words of an answer come in.
KINDS: Final = frozenset(
    (
        *("response.output_text.delta", "response.refusal.delta", "response.function_call_arguments.delta"),
        *("response.custom_tool_call_input.delta", "response.reasoning_summary_text.delta"),
        *("response.reasoning_text.delta", "response.output_item.added", "response.output_item.done"),
        *("response.completed", "response.incomplete", "response.failed", "error"),
    )
)


class _Kind(msgspec.Struct, gc=False):
    type: Any = None


class StreamEvent(msgspec.Struct):
    """One event, of any kind."""

    type: str = ""
    output_index: int | None = None
    content_index: int = 0
    summary_index: int = 0
    item_id: str | None = None
    delta: str | None = None
    text: str | None = None
    refusal: str | None = None
    arguments: str | None = None
    input: str | None = None
    logprobs: msgspec.Raw = ABSENT
    annotation: msgspec.Raw = ABSENT
    item: msgspec.Raw = ABSENT
    part: Content | None = None
    response: msgspec.Raw = ABSENT
    code: Any = None
    message: str | None = None
    error: Trouble | str | None = None


_kind: Final = msgspec.json.Decoder(_Kind)
_event: Final = msgspec.json.Decoder(StreamEvent)
_annotation: Final = msgspec.json.Decoder(Annotation)
_response: Final = msgspec.json.Decoder(Response)


def read_event(data: bytes) -> StreamEvent | None:
    """The event that *data* is; None where it is none of this API's, or of a kind that nobody knows.

    Raises:
        ValueError: it begins as JSON and cannot be read, or is not of the form that its kind has.
    """
    if not data.lstrip().startswith(b"{"):
        return None
    try:
        return _event.decode(data)
    except (ValueError, RecursionError):
        if _is_news(data):
            return None
        raise ValueError("an event of the stream is not what its kind is") from None


def _is_news(data: bytes) -> bool:
    """Whether *data* is an event that this API may have next year."""
    try:
        kind = _kind.decode(data).type
    except (ValueError, RecursionError):
        return False
    return not isinstance(kind, str) or kind not in KINDS


def response_of(event: StreamEvent) -> Response:
    """The response it carries; an empty one where that is not of the usual form."""
    try:
        return _response.decode(event.response)
    except (ValueError, RecursionError):
        return Response()


def annotation_of(event: StreamEvent) -> Annotation | None:
    """What a text rests on."""
    try:
        return _annotation.decode(event.annotation)
    except (ValueError, RecursionError):
        return None


def tells_of_failure(event: StreamEvent) -> bool:
    """Whether nothing comes after it: an error, in this API's form or in that of chat completions."""
    return event.type in ("error", "response.failed") or (not event.type and event.error is not None)


def trouble_of(event: StreamEvent) -> Trouble:
    """What went wrong."""
    if event.response is not ABSENT:
        return response_of(event).error or Trouble()
    if isinstance(event.error, Trouble):
        return event.error
    return Trouble(event.code, event.message or event.error)


def item_of(event: StreamEvent) -> Item | None:
    """The item it carries; None where that is not of the usual form."""
    return read_item(event.item)


def id_of(item: Item) -> str | None:
    """What events call it by: some servers give a call one id only."""
    return item.id or item.call_id
