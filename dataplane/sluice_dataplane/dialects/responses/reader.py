"""A provider's stream of events, read.

Providers differ in what they leave out: some send no deltas but whole items, some no items but deltas, some only the
end.  What was not told before is taken from what tells it later; nothing is told twice.

Source: the API reference, streaming events.
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.conversation import Part, Refusal, Text, Thinking, ToolCall
from sluice_dataplane.dialects.events import (
    UNREADABLE,
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
from sluice_dataplane.dialects.frames import Frame, FramingError
from sluice_dataplane.dialects.responses.answer_in import (
    CALLS,
    Content,
    Item,
    Response,
    call_of,
    chances_of,
    finish_of,
    part_of,
    read_item,
    usage_of,
    words_of,
)
from sluice_dataplane.dialects.responses.events_in import (
    StreamEvent,
    annotation_of,
    id_of,
    item_of,
    read_event,
    response_of,
    tells_of_failure,
    trouble_of,
)
from sluice_dataplane.dialects.responses.media_in import citation_of
from sluice_dataplane.dialects.responses.thoughts import ORIGIN
from sluice_dataplane.dialects.responses.watcher import DONE
from sluice_dataplane.dialects.values import ABSENT

MAX_PARTS: Final = 4_096  # of one answer
_LAST: Final = ("response.completed", "response.incomplete")
_BETWEEN: Final = "\n\n"  # pieces of a thought

Key = tuple[object, ...]


class _Open(msgspec.Struct):
    """A part that began: its number, and how its words come (``way``), of which there were ``some``."""

    index: int
    way: str = ""
    some: bool = False
    piece: int = 0
    cited: bool = False
    ended: bool = False


class StreamReader:
    """See the seam."""

    def __init__(self) -> None:
        self._out: list[Event] = []
        self._open: dict[Key, _Open] = {}
        self._parts: list[Part] = []  # what began, without its words
        self._began = self._over = self._done = self._by_id = False

    def feed(self, frame: Frame) -> list[Event]:
        """What *frame* says; see the seam.

        Raises:
            FramingError: the answer has more parts than any answer has.
        """
        if frame.data is None or self._over:
            return []
        if frame.data == DONE:
            self._done = True
            return []
        try:
            event = read_event(frame.data)
        except ValueError:
            self._over = True
            return [*self._take(), UNREADABLE]
        if event is not None:
            self._read(event)
        return self._take()

    def finish(self) -> list[Event]:
        """Open parts end; an end that was only said as in chat completions is one too."""
        if not self._over:
            self._end_parts()
            if self._done and self._began:
                self._end(Response())
        return self._take()

    def _take(self) -> list[Event]:
        out, self._out = self._out, []
        return out

    def _read(self, event: StreamEvent) -> None:
        kind = event.type
        if tells_of_failure(event):
            self._fail(event)
        elif kind.endswith(".delta"):
            self._read_delta(event, kind)
        elif kind.endswith(".done"):
            self._read_done(event, kind)
        elif kind == "response.output_item.added":
            item = item_of(event)
            if item is not None and item.type in CALLS and item.name:
                self._begin_call(self._key(event, item), item)
        elif kind == "response.output_text.annotation.added":
            self._read_annotation(event)
        elif event.response is not ABSENT:
            self._read_response(event)

    def _key(self, event: StreamEvent, item: Item | None = None) -> Key:
        """What tells items apart: their place, or their id where the provider leaves that out."""
        if event.output_index is not None:
            return (event.output_index,)
        self._by_id = True
        return (event.item_id or (id_of(item) if item else None),)

    def _begin(self, key: Key, part: Text | Refusal | Thinking | ToolCall, way: str = "") -> _Open:
        if not self._began:
            self._start(Response())
        if len(self._parts) >= MAX_PARTS:
            raise FramingError(f"an answer has more than {MAX_PARTS} parts")
        opened = self._open[key] = _Open(len(self._parts), way)
        self._parts.append(part)
        self._out.append(PartBegan(index=opened.index, part=part))
        return opened

    def _begin_call(self, key: Key, item: Item) -> _Open:
        return self._open.get(key) or self._begin(key, msgspec.structs.replace(call_of(item), arguments=""))

    def _start(self, response: Response) -> None:
        self._began = True
        usage, tier = usage_of(response)
        self._out.append(Began(id=response.id or "", model=response.model or "", usage=usage, service_tier=tier))

    def _read_delta(self, event: StreamEvent, kind: str) -> None:
        if not event.delta:
            return
        key = self._key(event)
        if kind == "response.output_text.delta":
            self._say((*key, event.content_index), Text(text=""), event)
        elif kind == "response.refusal.delta":
            self._say((*key, event.content_index), Refusal(text=""), event)
        elif kind == "response.reasoning_summary_text.delta":
            self._think(key, event, "summary", event.summary_index)
        elif kind == "response.reasoning_text.delta":
            self._think(key, event, "content", event.content_index)
        elif kind in ("response.function_call_arguments.delta", "response.custom_tool_call_input.delta"):
            opened = self._open.get(key)  # without its item the call has no name; then it comes whole, later
            if opened is not None:
                self._tell(opened, event.delta)

    def _say(self, key: Key, part: Text | Refusal, event: StreamEvent) -> None:
        opened = self._open.get(key) or self._begin(key, part)
        self._tell(opened, event.delta or "", event.logprobs)

    def _think(self, key: Key, event: StreamEvent, way: str, piece: int) -> None:
        """Some providers tell a thought twice, as itself and as its summary: the way it began in is followed."""
        opened = self._open.get(key) or self._begin(key, Thinking(id=event.item_id or "", origin=ORIGIN), way)
        if opened.way == way:
            between = _BETWEEN if opened.some and piece != opened.piece else ""
            opened.piece = piece
            self._tell(opened, between + (event.delta or ""))

    def _tell(self, opened: _Open, text: str, logprobs: msgspec.Raw = ABSENT) -> None:
        if text and not opened.ended:
            opened.some = True
            self._out.append(Delta(index=opened.index, text=text, logprobs=chances_of(logprobs) or None))

    def _read_done(self, event: StreamEvent, kind: str) -> None:
        if kind == "response.output_item.done":
            item = item_of(event)
            if item is not None:
                self._read_item(self._key(event, item), item)
        elif kind == "response.content_part.done" and event.part is not None:
            self._read_content((*self._key(event), event.content_index), event.part)
        elif kind in ("response.function_call_arguments.done", "response.custom_tool_call_input.done"):
            opened = self._open.get(self._key(event))
            if opened is not None and not opened.some:
                self._tell(opened, event.arguments or event.input or "")

    def _read_item(self, key: Key, item: Item) -> None:
        if item.type in CALLS:
            call = call_of(item)
            opened = self._begin_call(key, item)
            if not opened.some:
                self._tell(opened, call.arguments)
            self._end_part(opened)
        elif item.type == "message":
            for number, content in enumerate(item.content or ()):
                self._read_content((*key, number), content)
        elif item.type == "reasoning":
            self._read_thought(key, item)

    def _read_thought(self, key: Key, item: Item) -> None:
        words, signature = words_of(item), item.encrypted_content or ""
        opened = self._open.get(key)
        if opened is None:
            if not (words or signature):
                return
            opened = self._begin(key, Thinking(id=item.id or "", origin=ORIGIN))
        if not opened.some:
            self._tell(opened, words)
        if signature and not opened.ended:
            self._out.append(Signed(index=opened.index, signature=signature))
        self._end_part(opened)

    def _read_content(self, key: Key, content: Content) -> None:
        part = part_of(content)
        opened = self._open.get(key)
        if part is None or (opened is None and not part.text):
            return
        if opened is None:
            opened = self._begin(key, Refusal(text="") if isinstance(part, Refusal) else Text(text=""))
        if not opened.some:
            self._tell(opened, part.text, content.logprobs)
        if isinstance(part, Text) and not opened.cited and not opened.ended:
            self._out.extend(Cited(index=opened.index, citation=each) for each in part.citations)
        self._end_part(opened)

    def _read_annotation(self, event: StreamEvent) -> None:
        opened = self._open.get((*self._key(event), event.content_index))
        if opened is None or opened.ended:
            return
        annotation = annotation_of(event)
        citation = None if annotation is None else citation_of(annotation)
        if citation is not None:
            opened.cited = True
            self._out.append(Cited(index=opened.index, citation=citation))

    def _end_part(self, opened: _Open) -> None:
        if not opened.ended:
            opened.ended = True
            self._out.append(PartEnded(index=opened.index))

    def _end_parts(self) -> None:
        for opened in self._open.values():
            self._end_part(opened)

    def _read_response(self, event: StreamEvent) -> None:
        last = event.type in _LAST
        if self._began and not last:
            return
        response = response_of(event)
        if not self._began:
            # At the end its usage is no longer that of the input.
            self._start(msgspec.structs.replace(response, usage=ABSENT) if last else response)
        if last:
            for number, raw in enumerate(response.output or ()):
                item = read_item(raw)
                if item is not None:
                    self._read_item(self._known(number, item), item)
            status = event.type.removeprefix("response.")
            self._end(msgspec.structs.replace(response, status=status))

    def _known(self, number: int, item: Item) -> Key:
        """The key under which the *number*-th item came before, if it did."""
        return (id_of(item) or number,) if self._by_id else (number,)

    def _end(self, response: Response) -> None:
        self._end_parts()
        usage, tier = usage_of(response)
        self._out.append(ChoiceEnded(finish=finish_of(response, self._parts)))
        self._out.append(Ended(usage=usage, service_tier=tier))
        self._over = True

    def _fail(self, event: StreamEvent) -> None:
        trouble = trouble_of(event)
        if not self._began:
            self._start(Response())
        code = str(trouble.code or "")[:64]
        kind = "rate_limit_error" if "rate_limit" in code else "api_error"
        message = trouble.message or "The provider failed."
        self._out.append(Failed(message=message, type=kind, code=code))
        self._over = True
