"""What Echo says: OpenAI's answers to chat, completions and embeddings, made from the request alone.  Pure.

Source: the OpenAI API reference (answer objects, streamed chunks, the usage chunk of ``include_usage``, base64
embeddings as little-endian 32-bit floats).
"""

import base64
import hashlib
import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

BYTES_PER_TOKEN: Final = 4
MAX_CHOICES: Final = 128
MAX_DIMENSIONS: Final = 4096
DEFAULT_DIMENSIONS: Final = 8
MAX_EVENTS: Final = 64  # per choice: a long text is told in larger pieces, not in more
DONE: Final = b"data: [DONE]\n\n"


class EchoInvalidError(Exception):
    """OpenAI would refuse this; the message is for the caller and quotes nothing."""

    def __init__(self, message: str, *, status: int = 400, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param = param


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: a plain body is one part, a stream has one part per event."""

    status: int
    parts: tuple[bytes, ...]
    streamed: bool


class _Part(msgspec.Struct):
    type: str = "text"
    text: str | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Generate(msgspec.Struct):
    """What is read of a chat or completions request."""

    model: str = ""
    messages: list[_Message] = []
    prompt: str | list[str] = ""
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None


class _Embed(msgspec.Struct):
    """What is read of an embeddings request; an input is text, or tokens by number."""

    input: str | list[str | int | list[int]]
    model: str = ""
    dimensions: int | None = None
    encoding_format: str | None = None


_generate: Final = msgspec.json.Decoder(_Generate)
_embed: Final = msgspec.json.Decoder(_Embed)
_encoder: Final = msgspec.json.Encoder()


def tokens_of(text: str) -> int:
    """The tokens of *text*: four UTF-8 bytes each, a started one counts."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def reply_to(path: str, body: bytes, *, answer_id: str, created_s: int) -> Reply:
    """The answer to *body* sent to *path*.

    Raises:
        EchoInvalidError: there is no such path, or the body is not one it takes.
    """
    try:
        if path.endswith("/chat/completions"):
            return _generated(_generate.decode(body), answer_id, created_s, chat=True)
        if path.endswith("/completions"):
            return _generated(_generate.decode(body), answer_id, created_s, chat=False)
        if path.endswith("/embeddings"):
            return _embedded(_embed.decode(body))
    except msgspec.ValidationError as error:
        raise EchoInvalidError(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise EchoInvalidError("The body is not valid JSON.") from None
    raise EchoInvalidError("Echo serves chat/completions, completions and embeddings.", status=404)


def _generated(asked: _Generate, answer_id: str, created_s: int, *, chat: bool) -> Reply:
    choices = 1 if asked.n is None else asked.n
    if not 1 <= choices <= MAX_CHOICES:
        raise EchoInvalidError(f"n must be between 1 and {MAX_CHOICES}.", param="n")
    if chat and not asked.messages:
        raise EchoInvalidError("messages must hold a message.", param="messages")
    said, heard_tokens = _heard(asked, chat=chat)
    ceiling = asked.max_tokens if asked.max_completion_tokens is None else asked.max_completion_tokens
    content = said if ceiling is None else _first_tokens(said, ceiling)
    spoken_tokens = tokens_of(content) * choices
    usage = {
        "prompt_tokens": heard_tokens,
        "completion_tokens": spoken_tokens,
        "total_tokens": heard_tokens + spoken_tokens,
    }
    head = {"id": answer_id, "created": created_s, "model": asked.model}
    finish = "stop" if content == said else "length"
    if asked.stream:
        include_usage = bool(asked.stream_options and asked.stream_options.include_usage)
        return _streamed(head, content, finish, choices, usage if include_usage else None, chat=chat)
    body = {
        **head,
        "object": "chat.completion" if chat else "text_completion",
        "choices": [
            {"index": index, **_whole(content, chat=chat), "logprobs": None, "finish_reason": finish}
            for index in range(choices)
        ],
        "usage": usage,
    }
    return Reply(200, (_encoder.encode(body),), streamed=False)


def _heard(asked: _Generate, *, chat: bool) -> tuple[str, int]:
    """What is to be said again, and the tokens of everything that was said."""
    if not chat:
        prompts = [asked.prompt] if isinstance(asked.prompt, str) else asked.prompt
        return "".join(prompts[-1:]), sum(map(tokens_of, prompts))
    texts = [(message.role, _text_of(message)) for message in asked.messages]
    of_user = [text for role, text in texts if role == "user"] or [texts[-1][1]]
    return of_user[-1], sum(tokens_of(text) for _, text in texts)


def _text_of(message: _Message) -> str:
    if isinstance(message.content, list):
        return "".join(part.text or "" for part in message.content)
    return message.content or ""


def _first_tokens(text: str, tokens: int) -> str:
    """The first *tokens* of *text*; a character cut in two is left out."""
    if tokens < 0:
        raise EchoInvalidError("max_tokens may not be negative.", param="max_tokens")
    return text.encode()[: tokens * BYTES_PER_TOKEN].decode(errors="ignore")


def _whole(content: str, *, chat: bool) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": content, "refusal": None}} if chat else {"text": content}


def _streamed(
    head: dict[str, Any], content: str, finish: str, choices: int, usage: dict[str, int] | None, *, chat: bool
) -> Reply:
    head = {**head, "object": "chat.completion.chunk" if chat else "text_completion"}
    told_usage = {} if usage is None else {"usage": None}  # OpenAI says null in every chunk but the last

    def event(index: int, said: dict[str, Any], finish_reason: str | None) -> bytes:
        choice = {"index": index, **said, "logprobs": None, "finish_reason": finish_reason}
        return b"data: " + _encoder.encode({**head, "choices": [choice], **told_usage}) + b"\n\n"

    events: list[bytes] = []
    if chat:
        events += [event(index, {"delta": {"role": "assistant", "content": ""}}, None) for index in range(choices)]
    for piece in _pieces(content):
        said: dict[str, Any] = {"delta": {"content": piece}} if chat else {"text": piece}
        events += [event(index, said, None) for index in range(choices)]
    last: dict[str, Any] = {"delta": {}} if chat else {"text": ""}
    events += [event(index, last, finish) for index in range(choices)]
    if usage is not None:
        events.append(b"data: " + _encoder.encode({**head, "choices": [], "usage": usage}) + b"\n\n")
    return Reply(200, (*events, DONE), streamed=True)


def _pieces(content: str) -> Iterator[str]:
    """*content* in at most MAX_EVENTS pieces, a token's worth of characters each where that is enough."""
    size = max(BYTES_PER_TOKEN, -(-len(content) // MAX_EVENTS))
    for start in range(0, len(content), size):
        yield content[start : start + size]


def _embedded(asked: _Embed) -> Reply:
    dimensions = DEFAULT_DIMENSIONS if asked.dimensions is None else asked.dimensions
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise EchoInvalidError(f"dimensions must be between 1 and {MAX_DIMENSIONS}.", param="dimensions")
    if asked.encoding_format not in (None, "float", "base64"):
        raise EchoInvalidError("encoding_format must be float or base64.", param="encoding_format")
    inputs = _inputs(asked.input)
    if not inputs:
        raise EchoInvalidError("input may not be empty.", param="input")
    vectors = [_vector(each, dimensions) for each in inputs]
    tokens = sum(len(each) if not isinstance(each, str) else tokens_of(each) for each in inputs)
    body = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _written(vector, asked.encoding_format)}
            for index, vector in enumerate(vectors)
        ],
        "model": asked.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    return Reply(200, (_encoder.encode(body),), streamed=False)


def _inputs(given: str | list[str | int | list[int]]) -> list[str | list[int]]:
    """The texts, each on its own; a list of numbers alone is one text in tokens."""
    if isinstance(given, str):
        return [given]
    numbers = [each for each in given if isinstance(each, int)]
    return [numbers] if numbers else [each for each in given if not isinstance(each, int)]


def _vector(of: str | Sequence[int], dimensions: int) -> bytes:
    """A unit vector that depends on *of* alone, as little-endian 32-bit floats."""
    seed = of.encode() if isinstance(of, str) else repr(list(of)).encode()
    whole = struct.unpack(f"<{dimensions}h", hashlib.shake_128(seed).digest(2 * dimensions))
    length = math.sqrt(sum(number * number for number in whole)) or 1.0
    return struct.pack(f"<{dimensions}f", *(number / length for number in whole))


def _written(vector: bytes, encoding_format: str | None) -> str | tuple[float, ...]:
    if encoding_format == "base64":
        return base64.b64encode(vector).decode()
    return struct.unpack(f"<{len(vector) // 4}f", vector)
