"""The values that rooms pass on.  Facts fixed at the door are in Exchange; nothing here knows HTTP libraries."""

from collections.abc import AsyncIterator
from typing import Final, Literal, Protocol

import msgspec

from sluice_contract.snapshot import Key, Model, Target, Upstream
from sluice_contract.usage import TokenUsage
from sluice_dataplane.config.table import Table

Conversation = Literal["chat", "messages", "responses", "gemini", "converse"]  # what can be translated
Endpoint = Literal[
    "chat",
    "messages",
    "responses",
    "gemini",
    "converse",  # spoken by upstreams only
    "completions",
    "embeddings",
    "moderations",
    "rerank",
    "images",
    "image_edits",
    "image_variations",
    "speech",
    "transcriptions",
    "translations",
    "count_tokens",  # Anthropic's
    "gemini_count",
    "gemini_embeddings",
    "responses_tokens",
    "responses_compact",
    "response",  # one that a provider keeps: read, cancelled or deleted
    "passthrough",
]
Headers = tuple[tuple[str, str], ...]  # names in lower case, in the order received


class _Value(msgspec.Struct, frozen=True, gc=False):
    """Base of the values: immutable, an eighth of a dataclass's cost to make; none can be part of a cycle."""


class Route(_Value, frozen=True, gc=False):
    """What the path, method and query of a request say, where they say more than the endpoint.

    ``model`` and ``stream`` are Gemini's, ``id`` is of a kept response, ``tail`` what follows it (or a provider's
    name), ``query`` what may be passed on, without its question mark.  ``content_type`` is the body's
    where it is not JSON.
    """

    method: str = "POST"
    model: str = ""
    stream: bool = False
    id: str = ""
    tail: str = ""
    query: str = ""
    content_type: str = ""


PLAIN_ROUTE: Final = Route()


class Exchange(_Value, frozen=True, gc=False):
    """One client request: who calls, when, under which table.  ``deadline_ms`` is monotonic, like ``started_ms``."""

    id: str
    endpoint: Endpoint
    table: Table
    arrived_ms: int  # wall clock
    started_ms: float  # monotonic clock
    headers: Headers
    body: bytes
    client_address: str
    route: Route = PLAIN_ROUTE


class Principal(_Value, frozen=True, gc=False):
    """Who asks: a key that proved itself, by which of its digests."""

    key: Key
    credential_id: str


class Keeping(_Value, frozen=True, gc=False):
    """Of a call that is about a response which its provider keeps, or may keep: whose it is.

    ``id`` is the provider's of the response it names, ``wrapped`` what the client calls that, ``place`` where it is; ""
    where it names none.
    """

    key_id: str
    id: str = ""
    wrapped: str = ""
    place: bytes = b""


class Ask(_Value, frozen=True, gc=False):
    """What we read of a body; the bytes stay with the exchange.

    ``max_output_tokens`` is the client's ceiling for one choice, None if it named none; ``choices`` is how many are
    asked for, over all prompts.  ``usage_wanted`` is whether a streaming client asked for the usage chunk itself.
    ``user`` is the body's own end-user field.
    """

    model: str
    stream: bool = False
    max_output_tokens: int | None = None
    choices: int = 1
    usage_wanted: bool = False
    user: str | None = None
    audio_wanted: bool = False  # the answer may be spoken
    instructed: bool = False  # tools or a form of the answer are described to the model, in words of the provider's
    service_tier: str = ""  # that is asked for; "" where the body says nothing of it
    unpriced: str = ""  # the first field that asks for what no price of a token covers
    input_units: int = 0  # of what the input is billed by, where that is known exactly; 0: tokens, bounded by its bytes
    kept: Keeping | None = None
    long_context: int = 0  # tokens of a window that the client asks for, where it is longer than a model's own
    output_bound: int = 0  # tokens of one choice at most, where no ceiling can be set; 0: one can, or there are none


class Reported(_Value, frozen=True, gc=False):
    """What a provider says of one answer.  ``provider_cost_nusd`` None: it does not say what it costs."""

    usage: TokenUsage
    service_tier: str = ""
    provider_cost_nusd: int | None = None


class Candidate(_Value, frozen=True, gc=False):
    """One target that may serve this exchange, with what is needed to try it."""

    model: Model  # the Model whose target it is: a nested one behind a model_ref
    target: Target
    upstream: Upstream
    upstream_model: str


class Plan(_Value, frozen=True, gc=False):
    """Where an ask may go: the model it named, and candidates in the order to try them (never empty)."""

    model: Model
    candidates: tuple[Candidate, ...]


class UpstreamRequest(_Value, frozen=True, gc=False):
    """One call to an upstream, whole; ``path`` is appended to the upstream's base URL."""

    method: str
    path: str
    headers: Headers
    body: bytes


class Chunks(Protocol):
    """A streamed body.  ``aclose`` is called once by whoever took it, begun or not: the settlement hangs on it."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None:
        """Let go of everything behind it."""
        ...


class Answer(msgspec.Struct, frozen=True):
    """What the client gets.  Exactly one of ``body`` and ``chunks`` is set."""

    status: int
    headers: Headers
    body: bytes | None = None
    chunks: Chunks | None = None
