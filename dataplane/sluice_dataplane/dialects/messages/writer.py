"""Anthropic's wire: events as the stream of a client.  Source: the page on streaming messages.

A stream of this wire has one block after the other.  Where several parts are open at once, the later ones wait.
"""

from typing import Any, Final

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.conversation import Part, Request, Text, Thinking, ToolCall
from sluice_dataplane.dialects.events import (
    Began,
    ChoiceEnded,
    Cited,
    Delta,
    Ended,
    Event,
    Failed,
    PartBegan,
    PartEnded,
    Signed,
)
from sluice_dataplane.dialects.frames import FramingError
from sluice_dataplane.dialects.messages.answers_out import citation, end, head, thought, tool_id
from sluice_dataplane.dialects.messages.errors import TYPES
from sluice_dataplane.dialects.messages.marks import ORIGIN, marked, proof_of_call
from sluice_dataplane.dialects.messages.usage import written
from sluice_dataplane.dialects.seam import Shown
from sluice_dataplane.dialects.values import encoder

MAX_WAITING_BYTES: Final = 16 * 1024 * 1024  # of parts that wait for the one before them
PartEvent = PartBegan | Delta | Signed | Cited | PartEnded


class Writer:
    """See the seam."""

    __slots__ = (
        *("_begun_with", "_blocks", "_choice", "_kinds", "_open", "_part", "_request", "_shown", "_signed"),
        *("_started", "_waiting", "_waits"),
    )

    def __init__(self, request: Request, shown: Shown) -> None:
        self._request = request
        self._shown = shown
        self._started = False
        self._begun_with: TokenUsage | None = None
        self._open: int | None = None  # the part that is being written
        self._part: Part = Text(text="")
        self._signed = False
        self._blocks = 0
        self._waiting: dict[int, list[PartEvent]] = {}  # by part, in the order they began
        self._waits = 0
        self._kinds: set[type[Part]] = set()  # of all that was written
        self._choice = ChoiceEnded(finish="stop")

    def feed(self, event: Event) -> bytes:
        """The bytes for *event*.

        Raises:
            FramingError: too much waits.
        """
        match event:
            case Began():
                return self._start(event)
            case ChoiceEnded():
                if event.choice == 0:
                    self._choice = event
                return b""
            case Ended():
                return self._begun() + self._close() + self._end(event)
            case Failed():
                return self._fail(event)
            case _:
                return self._begun() + self._take(event) if event.choice == 0 else b""

    def _begun(self) -> bytes:
        return b"" if self._started else self._start(Began())

    def _start(self, event: Began) -> bytes:
        if self._started:
            return b""
        self._started = True
        self._begun_with = event.usage
        message = {
            **head(event.id, event.model, self._shown),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": written(event.usage, event.service_tier),
        }
        return _event("message_start", message=message)

    def _take(self, event: PartEvent) -> bytes:
        """Write *event*, or keep it until its part's turn."""
        if self._open is None and isinstance(event, PartBegan):
            return self._write(event)
        if self._open == event.index:
            return self._write(event) + self._drain()
        if isinstance(event, PartBegan):
            self._waiting[event.index] = [event]
            self._wait(event)
        elif (waiting := self._waiting.get(event.index)) and not isinstance(waiting[-1], PartEnded):
            waiting.append(event)
            self._wait(event)
        return b""

    def _wait(self, event: PartEvent) -> None:
        self._waits += len(encoder.encode(event))
        if self._waits > MAX_WAITING_BYTES:
            raise FramingError(f"more than {MAX_WAITING_BYTES} bytes of an answer wait for what was begun before")

    def _drain(self) -> bytes:
        """What waited and can go now: parts that are whole, and the beginning of the first that is not."""
        out: list[bytes] = []
        while self._waiting and self._open is None:
            events = self._waiting.pop(next(iter(self._waiting)))
            out += [self._write(event) for event in events]
        if not self._waiting:
            self._waits = 0
        return b"".join(out)

    def _close(self) -> bytes:
        """What its reader left open."""
        out = b""
        while self._open is not None or self._waiting:
            out += self._drain() if self._open is None else self._stop()
        return out

    def _write(self, event: PartEvent) -> bytes:
        match event:
            case PartBegan():
                return self._begin(event)
            case Delta():
                return self._delta(event.text)
            case Signed():
                return self._sign(event.signature)
            case Cited():
                return self._block_delta(type="citations_delta", citation=citation(event.citation))
            case PartEnded():
                return self._stop()

    def _begin(self, event: PartBegan) -> bytes:
        part = self._part = event.part
        self._open, self._signed = event.index, False
        self._kinds.add(type(part))
        match part:
            case ToolCall():
                proof = self._proof(part)
                block = {"id": tool_id(part, event.index, self._shown), "name": part.name, "input": {}}
                out = proof + _event(
                    "content_block_start", index=self._blocks, content_block={"type": "tool_use", **block}
                )
                out += self._block_delta(type="input_json_delta", partial_json='{"input":"') if part.free else b""
                return out + self._delta(part.arguments)
            case Thinking():
                block = thought(part) if part.redacted else {"type": "thinking", "thinking": "", "signature": ""}
                out = _event("content_block_start", index=self._blocks, content_block=block) + self._delta(part.text)
                return out + self._sign(part.signature) if part.signature else out
            case _:
                block = {"type": "text", "text": ""}
                return _event("content_block_start", index=self._blocks, content_block=block) + self._delta(part.text)

    def _proof(self, call: ToolCall) -> bytes:
        """A block before *call* that carries its signature, where there is one and the client takes it."""
        carrier = proof_of_call(call, self._request)
        if carrier is None:
            return b""
        index, block = self._blocks, {"type": "thinking", "thinking": "", "signature": ""}
        self._blocks += 1
        signed = {"type": "signature_delta", "signature": marked(carrier, carrier.signature)}
        return (
            _event("content_block_start", index=index, content_block=block)
            + _event("content_block_delta", index=index, delta=signed)
            + _event("content_block_stop", index=index)
        )

    def _sign(self, signature: str) -> bytes:
        self._signed = True
        proof = marked(self._part, signature) if isinstance(self._part, Thinking) else signature
        return self._block_delta(type="signature_delta", signature=proof)

    def _delta(self, text: str) -> bytes:
        if not text:
            return b""
        match self._part:
            case ToolCall(free=True):
                return self._block_delta(type="input_json_delta", partial_json=encoder.encode(text)[1:-1].decode())
            case ToolCall():
                return self._block_delta(type="input_json_delta", partial_json=text)
            case Thinking():
                return self._block_delta(type="thinking_delta", thinking=text)
            case _:
                return self._block_delta(type="text_delta", text=text)

    def _stop(self) -> bytes:
        out = b""
        match self._part:
            case ToolCall(free=True):
                out = self._block_delta(type="input_json_delta", partial_json='"}')
            case Thinking(redacted="", origin=origin) if not self._signed and origin not in ("", ORIGIN):
                out = self._sign("")  # so that it finds its way home
        out += _event("content_block_stop", index=self._blocks)
        self._open = None
        self._blocks += 1
        return out

    def _block_delta(self, **delta: object) -> bytes:
        return _event("content_block_delta", index=self._blocks, delta=delta)

    def _end(self, event: Ended) -> bytes:
        delta = end(self._choice.finish, self._choice.stop_sequence, self._kinds)
        usage = written(event.usage or self._begun_with, event.service_tier)
        for name in ("cache_creation", "service_tier"):
            del usage[name]  # only message_start has them
        return _event("message_delta", delta=delta, usage=usage) + _event("message_stop")

    def _fail(self, event: Failed) -> bytes:
        kind = event.type if event.type in TYPES else "api_error"
        error = {"type": kind, "message": event.message}
        if event.code:
            error["code"] = event.code
        return _event("error", error=error)


def _event(name: str, **fields: Any) -> bytes:  # noqa: ANN401  any JSON
    return b"event: %b\ndata: %b\n\n" % (name.encode(), encoder.encode({"type": name, **fields}))
