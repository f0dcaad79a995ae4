"""A conversation in no provider's words: what a request, an answer and a stream say, whichever wire brought them.

Each wire reads into these values and writes from them, so that five wires need five codecs and not twenty pairs.
Nothing here knows a wire.  Text is as it came; JSON that is passed on unread (schemas, arguments) stays text or Raw.
"""

from typing import Final, Literal

import msgspec

from sluice_contract.usage import TokenUsage

Role = Literal["system", "developer", "user", "assistant"]
Finish = Literal["stop", "length", "tools", "refusal", "filter", "stop_sequence", "pause", "context"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

EMPTY_OBJECT: Final = msgspec.Raw(b"{}")


class _Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of the values: immutable, named fields only."""


class Cache(_Value, frozen=True):
    """The provider may keep everything up to here; ``ttl`` is ``5m``, ``1h`` or empty for its own."""

    ttl: str = ""


class Citation(_Value, frozen=True):
    """What a piece of text rests on: a page of the web, or a place in a document of the request.

    ``start`` and ``end`` are characters of the answer's text where ``url`` is set, else of the document.
    """

    url: str = ""
    title: str = ""
    quote: str = ""
    document: int | None = None
    start: int | None = None
    end: int | None = None
    raw: msgspec.Raw | None = None  # as Anthropic says it, for a client that speaks its wire


class Text(_Value, frozen=True):
    """Words."""

    text: str
    cache: Cache | None = None
    citations: tuple[Citation, ...] = ()
    at: str = ""  # where the client's body has it, as ``messages[1].content[0]``; also below


class Image(_Value, frozen=True):
    """A picture: ``url``, or ``data`` in base64 of ``media_type``, or a file that the provider keeps (``file_id``)."""

    url: str = ""
    data: str = ""
    media_type: str = ""
    file_id: str = ""
    detail: str = ""  # auto, low, high, original; "" where nothing is said
    cache: Cache | None = None
    at: str = ""


class Document(_Value, frozen=True):
    """A file to be read: ``url``, ``data`` in base64 of ``media_type``, ``text``, or ``file_id``."""

    url: str = ""
    data: str = ""
    text: str = ""
    media_type: str = ""
    file_id: str = ""
    title: str = ""
    context: str = ""
    citations: bool = False  # the answer is to cite it
    cache: Cache | None = None
    at: str = ""


class Audio(_Value, frozen=True):
    """Sound: ``data`` in base64, ``format`` as in ``wav`` or ``mp3``."""

    data: str
    format: str
    at: str = ""


class ToolCall(_Value, frozen=True):
    """The model asks for a tool.  ``arguments`` is JSON text, whole and as the model wrote it; "" stands for ``{}``.

    ``free`` is a call whose argument is plain text (OpenAI's custom tools).  ``signature`` is Gemini's of the thought.
    """

    id: str
    name: str
    arguments: str = ""
    free: bool = False
    signature: str = ""
    cache: Cache | None = None
    at: str = ""


class ToolResult(_Value, frozen=True):
    """What a tool gave; ``parts`` are Text, Image or Document.  ``name`` is the tool's, "" where the wire has none."""

    call_id: str
    parts: tuple["Text | Image | Document", ...] = ()
    name: str = ""
    is_error: bool = False
    free: bool = False
    cache: Cache | None = None
    at: str = ""


class Thinking(_Value, frozen=True):
    """What the model thought.  ``signature`` proves it to its provider; ``redacted`` is a thought nobody may read.

    ``id`` is the Responses API's of the item, ``summary`` whether ``text`` is only a summary of the thought.
    ``origin`` is the wire that signed it: another's provider cannot read the signature.
    """

    text: str = ""
    signature: str = ""
    redacted: str = ""
    id: str = ""
    origin: str = ""
    at: str = ""


class Refusal(_Value, frozen=True):
    """The model says, in words, that it will not."""

    text: str
    at: str = ""


Part = Text | Image | Document | Audio | ToolCall | ToolResult | Thinking | Refusal


class Turn(_Value, frozen=True):
    """One turn.  Results of tools are parts of a user's turn, calls and thoughts of the assistant's."""

    role: Role
    parts: tuple[Part, ...]
    name: str = ""  # of who speaks, among several


class Tool(_Value, frozen=True):
    """A function that the client runs.  ``schema`` is its arguments' JSON Schema; ``free``: it takes plain text.

    ``grammar`` is what a free tool's text must follow: an object of ``type``, ``syntax`` and ``definition``.
    """

    name: str
    description: str = ""
    schema: msgspec.Raw = EMPTY_OBJECT
    strict: bool | None = None
    free: bool = False
    grammar: msgspec.Raw | None = None
    cache: Cache | None = None
    at: str = ""


class ToolChoice(_Value, frozen=True):
    """Which tools the model must or may use.  ``parallel`` False: one call at a time.  ``allowed`` empty: all."""

    mode: Literal["auto", "any", "none", "tool"] = "auto"
    name: str = ""
    parallel: bool | None = None
    allowed: tuple[str, ...] = ()


class Format(_Value, frozen=True):
    """The form the answer must have: any JSON object, or JSON by a schema."""

    kind: Literal["object", "schema"]
    name: str = ""
    description: str = ""
    schema: msgspec.Raw = EMPTY_OBJECT
    strict: bool | None = None


class Reasoning(_Value, frozen=True):
    """How much to think.  ``budget`` is tokens; ``adaptive`` leaves it to the model; ``shown``: thoughts are wanted.

    ``enabled`` False: the client asks for no thinking at all.
    """

    enabled: bool = True
    effort: Effort | None = None
    budget: int | None = None
    adaptive: bool = False
    shown: bool | None = None
    summary: str = ""  # auto, concise, detailed


class Request(_Value, frozen=True):
    """What is asked, all of it.

    ``ceiling`` is the client's own for the output, in tokens.  ``beyond`` names fields of the client's that nothing
    here can hold and that change the answer; what changes nothing in it (metadata, keys of caches) is just left out.
    ``names`` gives the client's own name of a field here, where it is another: messages to the client use it.
    """

    turns: tuple[Turn, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    format: Format | None = None
    reasoning: Reasoning | None = None
    verbosity: str = ""
    ceiling: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: tuple[str, ...] = ()
    logit_bias: dict[str, float] | None = None
    logprobs: bool = False
    top_logprobs: int | None = None
    choices: int = 1
    stream: bool = False
    usage_wanted: bool = True  # False: a streaming client of chat completions that did not ask for usage
    user: str = ""
    service_tier: str = ""
    metadata: dict[str, str] | None = None
    beyond: tuple[str, ...] = ()
    names: dict[str, str] = {}
    echo: dict[str, msgspec.Raw] = {}  # of a Responses request: what its answer repeats


class TokenChance(_Value, frozen=True):
    """One token's log probability; ``top`` are the likeliest in its place."""

    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top: tuple["TokenChance", ...] = ()


class Choice(_Value, frozen=True):
    """One answer to the request; most have only one."""

    parts: tuple[Part, ...]
    finish: Finish = "stop"
    stop_sequence: str | None = None
    logprobs: tuple[TokenChance, ...] | None = None


class Answer(_Value, frozen=True):
    """What a provider answered, whole.  ``usage`` None: it did not say."""

    id: str
    model: str
    choices: tuple[Choice, ...]
    usage: TokenUsage | None = None
    service_tier: str = ""
    created_s: int | None = None
