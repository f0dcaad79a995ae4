"""A provider's response, read; also the pieces of it that streams carry."""

from typing import Any, Final

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.conversation import (
    Answer,
    Choice,
    Finish,
    Part,
    Refusal,
    Text,
    Thinking,
    TokenChance,
    ToolCall,
)
from sluice_dataplane.dialects.responses.finishes import read_finish
from sluice_dataplane.dialects.responses.media_in import citations_of
from sluice_dataplane.dialects.responses.thoughts import ORIGIN
from sluice_dataplane.dialects.responses.usage import reported_of
from sluice_dataplane.dialects.values import ABSENT, said

CALLS: Final = ("function_call", "custom_tool_call")


class Content(msgspec.Struct):
    """A part of a message or a piece of a thought."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    annotations: msgspec.Raw = ABSENT
    logprobs: msgspec.Raw = ABSENT


class Item(msgspec.Struct):
    """One item of the output."""

    type: str = ""
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    input: str | None = None
    content: list[Content] | None = None
    summary: list[Content] | None = None
    encrypted_content: str | None = None


class Details(msgspec.Struct):
    """Why a response is incomplete."""

    reason: str | None = None


class Trouble(msgspec.Struct):
    """Why a response failed."""

    code: Any = None
    message: str | None = None


class Response(msgspec.Struct):
    """A response, whole or as far as it is."""

    id: str | None = None
    model: str | None = None
    created_at: Any = None
    status: str | None = None
    output: list[msgspec.Raw] | None = None
    usage: msgspec.Raw = ABSENT
    service_tier: Any = None
    incomplete_details: Details | None = None
    error: Trouble | None = None


class _Top(msgspec.Struct):
    token: str | None = None
    logprob: float | None = None
    bytes: list[int] | None = None
    top_logprobs: list["_Top"] | None = None


class _Failure(msgspec.Struct):
    message: str | None = None


class _ErrorBody(msgspec.Struct):
    error: _Failure | str | None = None


_response: Final = msgspec.json.Decoder(Response)
_item: Final = msgspec.json.Decoder(Item)
_chances: Final = msgspec.json.Decoder(list[_Top])
_error_body: Final = msgspec.json.Decoder(_ErrorBody)


def read_answer(body: bytes) -> Answer:
    """What *body* answers.

    Raises:
        ValueError: it is no response, or one that failed or is not done.
    """
    try:
        response = _response.decode(body)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if response.output is None or response.status in ("failed", "queued", "in_progress", "cancelled"):
        raise ValueError("no response that is done")
    parts: list[Part] = []
    chances: list[TokenChance] = []
    for raw in response.output:
        item = read_item(raw)
        if item is not None:
            parts.extend(parts_of(item))
            for content in item.content or ():
                chances.extend(chances_of(content.logprobs))
    choice = Choice(parts=tuple(parts), finish=finish_of(response, parts), logprobs=tuple(chances) or None)
    usage, tier = usage_of(response)
    created = response.created_at
    return Answer(
        id=response.id or "",
        model=response.model or "",
        choices=(choice,),
        usage=usage,
        service_tier=tier,
        created_s=int(created) if isinstance(created, int | float) and 0 <= created < 2**53 else None,
    )


def read_error(body: bytes) -> str:
    """What an error says to people; "" where *body* is no error."""
    try:
        error = _error_body.decode(body).error
    except (ValueError, RecursionError):
        return ""
    return error if isinstance(error, str) else (error.message if error else None) or ""


def read_item(raw: msgspec.Raw) -> Item | None:
    """One item; None where it is not of the usual form."""
    try:
        return _item.decode(raw)
    except (ValueError, RecursionError):
        return None


def parts_of(item: Item) -> list[Part]:
    """The parts of one item of the output; none where it means nothing to other APIs."""
    if item.type == "message":
        return [part for content in item.content or () if (part := part_of(content)) is not None]
    if item.type in CALLS:
        return [call_of(item)]
    if item.type == "reasoning":
        words, signature = words_of(item), item.encrypted_content or ""
        if words or signature:
            return [Thinking(text=words, signature=signature, id=item.id or "", origin=ORIGIN)]
    return []


def part_of(content: Content) -> Text | Refusal | None:
    """One part of a message; None where it has no words."""
    if content.type == "refusal":
        return Refusal(text=content.refusal or "")
    if content.text is None:
        return None
    return Text(text=content.text, citations=citations_of(content.annotations))


def call_of(item: Item) -> ToolCall:
    """A call, whole or as far as it is."""
    free = item.type == "custom_tool_call"
    written = item.input if free else item.arguments
    return ToolCall(id=item.call_id or item.id or "", name=item.name or "", arguments=written or "", free=free)


def words_of(item: Item) -> str:
    """The words of a thought: its summary, or itself where it has none."""
    return "\n\n".join(each.text for each in item.summary or item.content or () if each.text)


def finish_of(response: Response, parts: list[Part]) -> Finish:
    """Why *response*, which has *parts*, ended."""
    reason = response.incomplete_details.reason if response.incomplete_details else None
    called = any(isinstance(part, ToolCall) for part in parts)
    refused = any(isinstance(part, Refusal) for part in parts)
    return read_finish(response.status or "", reason, called=called, refused=refused)


def usage_of(response: Response) -> tuple[TokenUsage | None, str]:
    """What *response* used, and the tier that served it."""
    reported = reported_of(response.usage, response.service_tier) if said(response.usage) else None
    tier = response.service_tier if isinstance(response.service_tier, str) else ""
    return (reported.usage, reported.service_tier) if reported else (None, tier)


def chances_of(value: msgspec.Raw) -> tuple[TokenChance, ...]:
    """What ``logprobs`` say."""
    if not said(value):
        return ()
    try:
        found = _chances.decode(value)
    except (ValueError, RecursionError):
        return ()
    return tuple(_chance(each) for each in found)


def _chance(found: _Top) -> TokenChance:
    return TokenChance(
        token=found.token or "",
        logprob=found.logprob or 0.0,
        bytes=None if found.bytes is None else tuple(found.bytes),
        top=tuple(_chance(each) for each in found.top_logprobs or ()),
    )
