"""A streamed answer on its way through the gateway, chunk in and bytes out.  Pure machines, passing or translating.

However the provider's bytes are cut, what they give when joined is the same.
"""

from collections.abc import Callable
from typing import Protocol

from sluice_dataplane.dialects.events import Ended, Event, Failed
from sluice_dataplane.dialects.frames import Frame, FramingError
from sluice_dataplane.dialects.seam import Reader, Tally, Wire, Writer


class Flow(Protocol):
    """One streamed answer.

    ``ended``: its provider has said that it is whole.  ``failed``: the client was told, in the stream, that it broke.
    """

    @property
    def ended(self) -> bool:
        """Whether the provider's end has come."""
        ...

    @property
    def failed(self) -> bool:
        """Whether nobody needs to tell the client any more."""
        ...

    def feed(self, chunk: bytes) -> bytes:
        """What the client gets for *chunk*; may be empty.

        Raises:
            FramingError: the stream is not framed right, or something in it is over its limit; what the client gets
                for what came before that is in its ``passed``.
        """
        ...

    def finish(self) -> tuple[bytes, bool]:
        """What is left for the client when the body has ended properly, and whether the answer was whole by then."""
        ...


class Passing:
    """The provider speaks the client's wire: its bytes pass, watched; *mask* writes ids of the gateway's into them."""

    __slots__ = ("_framer", "_mask", "_tally", "_watcher")

    def __init__(
        self, wire: Wire, tally: Tally, *, keep_usage: bool, mask: Callable[[Frame], bytes] | None = None
    ) -> None:
        self._framer = wire.framer()
        self._watcher = wire.watcher(tally, keep_usage=keep_usage)
        self._tally = tally
        self._mask = mask

    @property
    def ended(self) -> bool:
        """See :class:`Flow`."""
        return self._watcher.ended

    @property
    def failed(self) -> bool:
        """See :class:`Flow`: the provider's own error has passed."""
        return self._watcher.failed

    def feed(self, chunk: bytes) -> bytes:
        """Whole events only; see :class:`Flow`."""
        passes, mask = self._watcher.passes, self._mask
        if mask is None:
            return b"".join([frame.raw for frame in self._framer.feed(chunk) if passes(frame)])
        return b"".join([mask(frame) for frame in self._framer.feed(chunk) if passes(frame)])

    def finish(self) -> tuple[bytes, bool]:
        """An event that was cut in half is left out of an answer that is not whole: it would swallow the next."""
        frames = self._framer.finish()
        passed = [frame for frame in frames if self._watcher.passes(frame)]
        whole = self._watcher.ended or self._tally.reported is not None
        mask = self._mask or _raw
        return b"".join([mask(frame) for frame in passed if whole or frame.whole]), whole


def _raw(frame: Frame) -> bytes:
    return frame.raw


class Translating:
    """The provider speaks another wire: its events are read, and written anew."""

    __slots__ = ("_failed", "_framer", "_reader", "_told", "_watcher", "_writer")

    def __init__(self, back: Wire, tally: Tally, reader: Reader, writer: Writer) -> None:
        self._framer = back.framer()
        self._watcher = back.watcher(tally, keep_usage=True)
        self._reader = reader
        self._writer = writer
        self._told = False  # the client has the end
        self._failed = False

    @property
    def ended(self) -> bool:
        """See :class:`Flow`: once the client has the end, however much the provider still says."""
        return self._told

    @property
    def failed(self) -> bool:
        """See :class:`Flow`."""
        return self._failed

    def feed(self, chunk: bytes) -> bytes:
        """See :class:`Flow`."""
        return self._pass(self._framer.feed(chunk))

    def finish(self) -> tuple[bytes, bool]:
        """See :class:`Flow`."""
        out = self._pass([frame for frame in self._framer.finish() if frame.whole])
        return out + self._write(self._reader.finish()), self._told

    def _pass(self, frames: list[Frame]) -> bytes:
        out: list[bytes] = []
        for frame in frames:
            self._watcher.passes(frame)
            try:
                out.append(self._write(self._reader.feed(frame)))
            except FramingError as error:
                error.passed = b"".join(out)
                raise
        return b"".join(out)

    def _write(self, events: list[Event]) -> bytes:
        out: list[bytes] = []
        for event in events:
            if self._told or self._failed:
                break  # nothing may follow the end
            out.append(self._writer.feed(event))
            self._told = isinstance(event, Ended)
            self._failed = isinstance(event, Failed)
        return b"".join(out)
