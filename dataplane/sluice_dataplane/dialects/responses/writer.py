"""A streamed answer, as this API's clients read it: every event of its grammar, in order and numbered.

An item is said to be done when the next one begins or the answer ends, so that the last can be told incomplete.

Source: the API reference, streaming events.
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.conversation import Finish, Refusal, Request, Text, Thinking, ToolCall
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
from sluice_dataplane.dialects.responses.answer_out import Envelope, Object, call_id_of, call_item_id, item_id
from sluice_dataplane.dialects.responses.finishes import reason_of
from sluice_dataplane.dialects.responses.names import Names
from sluice_dataplane.dialects.responses.open_items import (
    Allowance,
    Due,
    Open,
    OpenCall,
    OpenMessage,
    OpenProof,
    OpenThought,
    OpenWords,
)
from sluice_dataplane.dialects.responses.thoughts import call_proof
from sluice_dataplane.dialects.seam import Shown
from sluice_dataplane.dialects.values import encoder, raw

# The codes that the API has for a response that failed.
_CODES: Final = {"rate_limit_error": "rate_limit_exceeded", "invalid_request_error": "invalid_prompt"}
_OTHER_CODE: Final = "server_error"


class StreamWriter:
    """See the seam."""

    def __init__(self, request: Request, shown: Shown) -> None:
        self._envelope = Envelope(request, shown)
        self._names = Names(request)
        self._shown = shown
        self._allowance = Allowance()
        self._sequence = 0
        self._last: Open | None = None  # the newest item
        self._output: list[msgspec.Raw | None] = []  # all items, None until they are done
        self._parts: dict[int, OpenWords | OpenThought | OpenCall] = {}
        self._held: Open | None = None  # the last item, whole, which is not yet said to be done
        self._finish: Finish = "stop"
        self._tier = ""
        self._write: dict[type, Callable[..., Iterable[Due]]] = {
            Began: self._begin,
            PartBegan: self._begin_part,
            Delta: self._say,
            Signed: self._sign,
            Cited: self._cite,
            PartEnded: self._end_part,
            ChoiceEnded: self._end_choice,
            Ended: self._end,
            Failed: self._fail,
        }

    def feed(self, event: Event) -> bytes:
        """The bytes for *event*; see the seam.

        Raises:
            FramingError: the answer is longer than what is kept of any answer.
        """
        if getattr(event, "choice", 0):
            return b""  # this API gives one answer only
        return b"".join([self._framed(kind, members) for kind, members in self._write[type(event)](event)])

    def _framed(self, kind: str, members: Object) -> bytes:
        data = encoder.encode({"type": kind, "sequence_number": self._sequence, **members})
        self._sequence += 1
        return b"event: %s\ndata: %s\n\n" % (kind.encode(), data)

    def _begin(self, event: Began) -> Iterable[Due]:
        self._envelope.model = event.model or self._envelope.model
        self._tier = event.service_tier
        begun = raw(self._envelope.response("in_progress", [], service_tier=self._tier))
        yield "response.created", {"response": begun}
        yield "response.in_progress", {"response": begun}

    def _begin_part(self, event: PartBegan) -> Iterable[Due]:
        part = event.part
        if isinstance(part, Text | Refusal):
            yield from self._begin_words(event.index, part)
        elif isinstance(part, Thinking):
            yield from self._done_before()
            thought = OpenThought(self._id("rs"), len(self._output), self._allowance, part)
            yield from self._begun(event.index, thought, thought.begin())
            if part.text:
                yield from thought.say(part.text)
        else:
            yield from self._begin_call(event.index, part)

    def _begin_words(self, index: int, part: Text | Refusal) -> Iterable[Due]:
        last = self._last
        if isinstance(last, OpenMessage) and not last.done:
            host = last
            self._held = None
        else:
            yield from self._done_before()
            host = OpenMessage(self._id("msg"), len(self._output), self._allowance)
            yield from self._added(host, host.begin())
        words = OpenWords(host, refusal=isinstance(part, Refusal))
        host.contents.append(words)
        host.open += 1
        self._parts[index] = words
        yield from words.begin()
        if part.text:
            yield from words.say(part.text, None)
        for citation in part.citations if isinstance(part, Text) else ():
            yield from words.cite(citation)

    def _begin_call(self, index: int, part: ToolCall) -> Iterable[Due]:
        yield from self._done_before()
        call_id = call_id_of(part, len(self._output), self._shown)
        if proof := call_proof(part, call_id):
            carrier = OpenProof(self._id("rs"), len(self._output), self._allowance, proof)
            yield from self._added(carrier, carrier.begin())
            yield from self._said_done(carrier, "completed")
        name = self._names.split(part.name)
        free, number = part.free or self._names.is_free(part.name), len(self._output)
        item = call_item_id(self._shown, number, free=free)
        call = OpenCall(item, number, self._allowance, call_id=call_id, name=name)
        call.free = free
        call.wrapped = free and not part.free
        yield from self._begun(index, call, call.begin())
        if part.arguments:
            yield from call.say(part.arguments)

    def _id(self, kind: str) -> str:
        return item_id(kind, self._shown, len(self._output))

    def _begun(self, index: int, opened: OpenThought | OpenCall, due: Iterable[Due]) -> Iterable[Due]:
        self._parts[index] = opened
        yield from self._added(opened, due)

    def _added(self, opened: Open, due: Iterable[Due]) -> Iterable[Due]:
        self._allowance.take(len(opened.id))
        self._last = opened
        self._output.append(None)
        yield from due

    def _say(self, event: Delta) -> Iterable[Due]:
        part = self._parts.get(event.index)
        if part is None or not event.text:
            return ()
        if isinstance(part, OpenWords):
            return part.say(event.text, event.logprobs)
        return part.say(event.text)

    def _sign(self, event: Signed) -> Iterable[Due]:
        part = self._parts.get(event.index)
        if isinstance(part, OpenThought):
            part.sign(event.signature)
        return ()

    def _cite(self, event: Cited) -> Iterable[Due]:
        part = self._parts.get(event.index)
        return part.cite(event.citation) if isinstance(part, OpenWords) else ()

    def _end_part(self, event: PartEnded) -> Iterable[Due]:
        part = self._parts.pop(event.index, None)
        if part is None:
            return
        yield from part.end()
        item: Open = part.host if isinstance(part, OpenWords) else part
        if isinstance(part, OpenWords):
            part.host.open -= 1
            if part.host.open:
                return
        if item is self._last:
            self._held = item
        else:
            yield from self._said_done(item, "completed")

    def _done_before(self) -> Iterable[Due]:
        """Another item begins: the one that is held is done."""
        if self._held is not None:
            yield from self._said_done(self._held, "completed")

    def _said_done(self, item: Open, status: str) -> Iterable[Due]:
        if self._held is item:
            self._held = None
        item.done = True
        whole = self._output[item.number] = raw(item.whole(status))
        yield "response.output_item.done", {"output_index": item.number, "item": whole}

    def _end_choice(self, event: ChoiceEnded) -> Iterable[Due]:
        self._finish = event.finish
        for index in list(self._parts):
            yield from self._end_part(PartEnded(index=index))
        if self._held is not None:
            complete = reason_of(event.finish) is None
            yield from self._said_done(self._held, "completed" if complete else "incomplete")

    def _end(self, event: Ended) -> Iterable[Due]:
        reason = reason_of(self._finish)
        status = "completed" if reason is None else "incomplete"
        response = self._response(status, usage=event.usage, tier=event.service_tier, reason=reason)
        yield f"response.{status}", {"response": response}

    def _fail(self, event: Failed) -> Iterable[Due]:
        if not self._sequence:
            yield from self._begin(Began())
        code = event.code if event.code in _CODES.values() else _CODES.get(event.type, _OTHER_CODE)
        error = {"code": code, "message": event.message}
        yield "response.failed", {"response": self._response("failed", error=error)}

    def _response(
        self,
        status: str,
        *,
        usage: TokenUsage | None = None,
        tier: str = "",
        reason: str | None = None,
        error: Object | None = None,
    ) -> Object:
        output = [item for item in self._output if item is not None]
        return self._envelope.response(
            status, output, usage=usage, service_tier=tier or self._tier, reason=reason, error=error
        )
