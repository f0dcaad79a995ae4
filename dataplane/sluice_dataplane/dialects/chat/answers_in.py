"""What a provider of chat completions answered, whole; and what its errors say."""

from typing import Final

import msgspec

from sluice_dataplane.dialects.chat import shapes, thoughts
from sluice_dataplane.dialects.chat.finishes import read_finish
from sluice_dataplane.dialects.chat.ids import Ids
from sluice_dataplane.dialects.conversation import (
    Answer,
    Choice,
    Citation,
    Part,
    Refusal,
    Text,
    Thinking,
    TokenChance,
    ToolCall,
)
from sluice_dataplane.dialects.openai.usage import answer_usage
from sluice_dataplane.dialects.values import UNREADABLE, items, members, said, string

_MAX_DEPTH: Final = 5  # an array of errors in an object is four deep


def read_answer(body: bytes) -> Answer:
    """What *body* answers.

    Raises:
        ValueError: it is no answer.
    """
    try:
        around = shapes.envelope.decode(body)
        if not said(around.choices):
            raise ValueError("it has no choices")
        choices = shapes.choices.decode(around.choices) or []
        reported = answer_usage(body)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    numbered = sorted(enumerate(choices), key=lambda pair: pair[0] if pair[1].index is None else pair[1].index)
    tier = around.service_tier if isinstance(around.service_tier, str) else ""
    return Answer(
        id=around.id if isinstance(around.id, str) else "",
        model=around.model if isinstance(around.model, str) else "",
        choices=tuple(_choice(choice) for _, choice in numbered),
        usage=None if reported is None else reported.usage,
        service_tier=tier or ("" if reported is None else reported.service_tier),
        created_s=around.created if isinstance(around.created, int) else None,
    )


def _choice(choice: shapes.Choice) -> Choice:
    message = choice.message or choice.delta or shapes.Message()
    if choice.finish_reason == "error":
        raise ValueError("its provider failed")
    parts = _parts(message)
    called = any(isinstance(part, ToolCall) for part in parts)
    refused = any(isinstance(part, Refusal) for part in parts)
    return Choice(
        parts=tuple(parts),
        finish=read_finish(choice.finish_reason or "", called=called, refused=refused),
        logprobs=chances_of(choice.logprobs),
    )


def _parts(message: shapes.Message) -> list[Part]:
    words, thought = spoken(message)
    parts: list[Part] = [*_thoughts(message, thought)]
    if words:
        parts.append(Text(text=words, citations=tuple(map(citation_of, cited(message)))))
    refusal = refused(message)
    if refusal:
        parts.append(Refusal(text=refusal))
    calls = list(message.tool_calls or ())
    if message.function_call is not None:
        calls.append(shapes.Call(function=message.function_call))
    ids = Ids({str(call.id) for call in calls})
    parts += [_call(call, str(call.id) if call.id else ids.free()) for call in calls]
    return parts


def spoken(message: shapes.Message) -> tuple[str, str]:
    """The words of a message's content, and those that are thoughts in it (Mistral's)."""
    if message.content is None or isinstance(message.content, str):
        return message.content or "", ""
    words = "".join(part.text or "" for part in message.content if part.thinking is None)
    return words, "".join(_thought(part) for part in message.content)


def _thought(part: shapes.ContentPart) -> str:
    if part.thinking is None or isinstance(part.thinking, str):
        return part.thinking or ""
    return "".join(inner.text or "" for inner in part.thinking)


def refused(message: shapes.Message) -> str:
    """The words of a message's refusal."""
    if message.refusal or not isinstance(message.content, list):
        return message.refusal or ""
    return "".join(part.refusal or "" for part in message.content)


def _thoughts(message: shapes.Message, in_content: str) -> list[Thinking]:
    found = thoughts.entries(message.reasoning_details, message.thinking_blocks)
    read = [thoughts.of_provider(entry) for entry in found]
    if any(entry.words for entry in found):
        return read
    if message.reasoning_content:
        return [Thinking(text=message.reasoning_content, origin=thoughts.ORIGIN), *read]
    if message.reasoning and isinstance(message.reasoning, str):
        return [Thinking(text=message.reasoning, signature=thoughts.BARE, origin=thoughts.ORIGIN), *read]
    return [Thinking(text=in_content), *read] if in_content else read


def cited(message: shapes.Message) -> list[shapes.UrlCitation]:
    """The pages that a message names."""
    return [each.url_citation for each in message.annotations or () if each.url_citation and each.url_citation.url]


def citation_of(page: shapes.UrlCitation) -> Citation:
    """*page* as a citation."""
    return Citation(
        url=page.url, title=page.title or "", quote=page.content or "", start=page.start_index, end=page.end_index
    )


def _call(call: shapes.Call, identity: str) -> ToolCall:
    if call.custom is not None:
        return ToolCall(id=identity, name=call.custom.name or "", arguments=call.custom.input or "", free=True)
    function = call.function or shapes.Function()
    return ToolCall(
        id=identity,
        name=function.name or "",
        arguments=shapes.arguments_of(function),
        signature=shapes.signature_of(call.extra_content),
    )


def chances_of(raw: msgspec.Raw) -> tuple[TokenChance, ...] | None:
    """The tokens' log probabilities; None where there are none that can be understood."""
    try:
        read = shapes.logprobs.decode(raw) if said(raw) else None
    except UNREADABLE:
        return None
    tokens = (read.content or read.refusal) if read else None
    return tuple(map(_chance, tokens)) if tokens else None


def _chance(token: shapes.Token) -> TokenChance:
    return TokenChance(
        token=token.token,
        logprob=token.logprob,
        bytes=None if token.bytes is None else tuple(token.bytes),
        top=tuple(map(_chance, token.top_logprobs or ())),
    )


def read_error(body: bytes) -> str:
    """What a provider's error says to people; "" where *body* is none.

    Besides OpenAI's form those of FastAPI (``detail``), of older servers (``message`` beside ``object``) and of
    Gemini, whose errors come in an array.
    """
    return said_by_error(msgspec.Raw(body))


def said_by_error(raw: msgspec.Raw, depth: int = _MAX_DEPTH) -> str:
    """The words of an error, which may be a text, an object or an array of objects."""
    text = bytes(raw).strip()
    if not depth:
        return ""
    try:
        if text.startswith(b'"'):
            return string.decode(text)
        if text.startswith(b"["):
            first = items.decode(text)[:1]
            return said_by_error(first[0], depth - 1) if first else ""
        fields = members.decode(text)
    except (ValueError, RecursionError):
        return ""
    for name in ("error", "message", "detail", "msg"):
        if said(fields.get(name)) and (words := said_by_error(fields[name], depth - 1)):
            return words
    return ""
