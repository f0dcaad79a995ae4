"""What providers send as an answer in chat completions, by name and type.  Decides nothing.

Sources: the OpenAI API reference; the pages of vLLM, DeepSeek (``reasoning_content``), OpenRouter (``reasoning``,
``reasoning_details``), LiteLLM (``thinking_blocks``), Mistral (``content`` as a list, with ``thinking`` in it), Gemini
(``extra_content`` of a call) and Ollama (``arguments`` as an object) on what they add to it or spell otherwise.
"""

from typing import Any, Final

import msgspec

from sluice_dataplane.dialects.values import ABSENT, said, string


class _Shape(msgspec.Struct, gc=False):
    """Base of the shapes: what is not named is passed over."""


class Function(_Shape, gc=False):
    """A call's name and arguments, or pieces of them."""

    name: str | None = None
    arguments: msgspec.Raw = ABSENT  # text; the object itself from some


class Custom(_Shape, gc=False):
    """The same of a tool that takes plain text."""

    name: str | None = None
    input: str | None = None


class Call(_Shape, gc=False):
    """A call of a tool, or a piece of one.  ``index`` and ``id`` say which, where they are given."""

    index: int | None = None
    id: str | int | None = None
    type: str | None = None
    function: Function | None = None
    custom: Custom | None = None
    extra_content: msgspec.Raw = ABSENT


class _Signed(_Shape, gc=False):
    thought_signature: str | None = None


class _Extra(_Shape, gc=False):
    google: _Signed | None = None


class UrlCitation(_Shape, gc=False):
    """A page, and the characters of the answer that rest on it."""

    url: str = ""
    title: str | None = None
    content: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class Annotation(_Shape, gc=False):
    """One remark on the text."""

    type: str = ""
    url_citation: UrlCitation | None = None


class ContentPart(_Shape, gc=False):
    """A part of a content that is a list."""

    type: str | None = None
    text: str | None = None
    refusal: str | None = None
    thinking: str | list["ContentPart"] | None = None


class Message(_Shape, gc=False):
    """What the model said, or a piece of it."""

    content: str | list[ContentPart] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: Any = None
    reasoning_details: msgspec.Raw = ABSENT
    thinking_blocks: msgspec.Raw = ABSENT
    tool_calls: list[Call] | None = None
    function_call: Function | None = None
    annotations: list[Annotation] | None = None


class Token(_Shape, gc=False):
    """One token's log probability."""

    token: str = ""
    logprob: float = 0.0
    bytes: list[int] | None = None
    top_logprobs: list["Token"] | None = None


class Logprobs(_Shape, gc=False):
    """Those of the text or of the refusal."""

    content: list[Token] | None = None
    refusal: list[Token] | None = None


class Choice(_Shape, gc=False):
    """One choice, whole (``message``) or in pieces (``delta``)."""

    index: int | None = None
    message: Message | None = None
    delta: Message | None = None
    finish_reason: str | None = None
    logprobs: msgspec.Raw = ABSENT


class Envelope(_Shape, gc=False):
    """What is around the choices; they and the error are looked at apart."""

    id: Any = None
    model: Any = None
    created: Any = None
    object: Any = None
    service_tier: Any = None
    choices: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


envelope: Final = msgspec.json.Decoder(Envelope)
choices: Final = msgspec.json.Decoder(list[Choice] | None)
logprobs: Final = msgspec.json.Decoder(Logprobs | None)
_extra: Final = msgspec.json.Decoder(_Extra | None)


def arguments_of(function: Function) -> str:
    """The text of a call's arguments, whichever way they came."""
    raw = bytes(function.arguments)
    if raw in (b"", b"null"):
        return ""
    return string.decode(raw) if raw.startswith(b'"') else raw.decode()


def signature_of(extra: msgspec.Raw) -> str:
    """Gemini's signature of the thought behind a call, in its ``extra_content``; "" where there is none."""
    try:
        read = _extra.decode(extra) if said(extra) else None
    except (ValueError, RecursionError):
        return ""
    return (read.google.thought_signature or "") if read and read.google else ""
