"""The seams of a wire.  Each package beside this module is one wire, and knows no other.

A :class:`Wire` is what the gateway must know of every API it serves or calls: what is asked, what it can cost, what
the gateway changes in it, what an answer says it used.  Bytes that it does not own pass as they came.  A
:class:`Codec` is needed to translate between two: it reads and writes whole conversations.
"""

from typing import Protocol

import msgspec

from sluice_contract.snapshot import Capabilities
from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.conversation import Answer, Request
from sluice_dataplane.dialects.events import Event
from sluice_dataplane.dialects.frames import Frame, Framer
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.parts import Parts
from sluice_dataplane.errors import GatewayError
from sluice_dataplane.exchange import Ask, Endpoint, Exchange, Headers, Reported


class Edit(msgspec.Struct, frozen=True, gc=False):
    """What the gateway changes in a body it passes on.  ``ceiling`` None leaves the client's own.

    ``headers`` are the client's: some providers want in the body what the wire has in its headers.
    """

    model: str
    ceiling: int | None = None
    quirks: tuple[str, ...] = ()
    headers: Headers = ()


class Tally(Protocol):
    """Who counts an answer.

    ``reported`` is the provider's last word on it.  ``begun`` is what it said before the end: its input counts, its
    output is at least that much.
    """

    reported: Reported | None
    begun: TokenUsage | None

    def saw_event(self, text_bytes: int) -> None:
        """One streamed event came; so many of its bytes were generated, the rest is its envelope."""
        ...


class Watcher(Protocol):
    """Watches one streamed answer go by.

    ``ended``: its provider has said that it is whole.  ``failed``: that it broke, in an event that is the client's.
    """

    ended: bool
    failed: bool

    def passes(self, frame: Frame) -> bool:
        """Count *frame*; whether the client gets it.  Only what the gateway itself asked for is kept back."""
        ...


class Wire(Protocol):
    """One API as it is passed on.

    ``name`` is its endpoint.  ``generates``: it has output tokens, and so a ceiling.  ``stream_type`` is the media type
    of its streams; "" is any, and then it is passed on.
    """

    name: Endpoint
    generates: bool
    stream_type: str

    def read_ask(self, exchange: Exchange) -> Ask:
        """What the exchange's body (and path, where the wire puts something there) asks for.

        Raises:
            InvalidRequestError: an owned field is missing or out of range; names the field.
        """
        ...

    def parts_of(self, body: bytes) -> Parts:
        """What *body* holds besides text, by sizes and types; what it does not know it names."""
        ...

    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:
        """*body* as the upstream gets it: the same bytes unless something owned must change."""
        ...

    def request_headers(self, client: Headers, quirks: tuple[str, ...]) -> Headers:
        """What is sent beside it: its content type, and those of the client's headers that are this wire's own."""
        ...

    def read_usage(self, body: bytes) -> Reported | None:
        """What a plain answer reports of its use; None if it says nothing that makes sense.

        Raises:
            ValueError: it is no answer at all, or an error in spite of its status.
        """
        ...

    def begins_answer(self, data: bytes) -> bool:
        """Whether *data*, which is no whole answer, is the beginning of one: then the provider has done its work."""
        ...

    def is_error(self, body: bytes) -> bool:
        """Whether *body* is an error in this wire's form, fit to be passed on."""
        ...

    def framer(self) -> Framer:
        """What cuts a stream of this wire into events."""
        ...

    def watcher(self, tally: Tally, *, keep_usage: bool) -> Watcher:
        """What counts a stream of this wire; *keep_usage*: the client asked for the events that tell of usage."""
        ...

    def error_body(self, error: GatewayError, request_id: str) -> bytes:
        """*error* as this wire's clients read it."""
        ...

    def error_event(self, body: bytes) -> bytes:
        """The event that ends a stream which broke, from what :meth:`error_body` gave: never a forged end."""
        ...


class To(msgspec.Struct, frozen=True):
    """Whom a translated request is for.

    ``ceiling`` is the output's, set by a Budget or the client; ``usual_ceiling`` is for wires that must have one.
    ``losses`` is asked about everything that cannot be carried.
    """

    model: str
    losses: Losses
    usual_ceiling: int
    ceiling: int | None = None
    capabilities: Capabilities = Capabilities()
    quirks: tuple[str, ...] = ()

    def ceiling_of(self, asked: int | None) -> int | None:
        """Tokens of output, of which the client *asked* for so many: no more than the model can give.

        None leaves it to the model.
        """
        ceiling = asked if self.ceiling is None else self.ceiling
        most = self.capabilities.max_output_tokens
        return ceiling if ceiling is None or most is None else min(ceiling, most)


class Shown(msgspec.Struct, frozen=True):
    """What an answer in another wire's words shows that its provider did not say."""

    id: str  # letters and digits; each wire puts its own prefix before it
    model: str  # the name the client asked for; an answer shows its provider's where that is told
    created_s: int


class Reader(Protocol):
    """One streamed answer, frame by frame, as events.  A pure machine: how the stream was cut makes no difference."""

    def feed(self, frame: Frame) -> list[Event]:
        """What *frame* says.  What is no frame of this wire says nothing."""
        ...

    def finish(self) -> list[Event]:
        """What is left to say when the stream has ended properly: open parts end; Ended if the provider was done."""
        ...


class Writer(Protocol):
    """One streamed answer, event by event, as bytes for the client.  A pure machine."""

    def feed(self, event: Event) -> bytes:
        """The bytes for *event*; may be empty."""
        ...


class FrontCodec(Protocol):
    """One wire's conversations, as its clients speak it."""

    def read_request(self, body: bytes, ask: Ask) -> Request:
        """All that *body*, of which *ask* was read, says.

        Raises:
            InvalidRequestError: it cannot be understood; names the field.
        """
        ...

    def write_answer(self, answer: Answer, request: Request, shown: Shown) -> bytes:
        """*answer* to *request*, in this wire's words."""
        ...

    def writer(self, request: Request, shown: Shown) -> Writer:
        """For one streamed answer to a client."""
        ...


class BackCodec(Protocol):
    """One wire's conversations, as its providers speak it."""

    def write_request(self, request: Request, to: To) -> bytes:
        """*request* in this wire's words.

        Raises:
            InvalidRequestError: what cannot be carried may not be dropped; names the client's field.
        """
        ...

    def read_answer(self, body: bytes) -> Answer:
        """What *body* answers.  Raises ValueError where it is no answer."""
        ...

    def reader(self) -> Reader:
        """For one streamed answer of a provider."""
        ...

    def read_error(self, body: bytes) -> str:
        """What a provider's error says to people; "" where *body* is no error of this wire."""
        ...


class Codec(FrontCodec, BackCodec, Protocol):
    """One wire's conversations, read and written; a wire that no client speaks has a :class:`BackCodec` only."""
