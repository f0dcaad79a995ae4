"""Frames: how a stream of bytes falls into events, whichever framing it has.  Knows no API's content."""

from typing import Protocol

import msgspec


class FramingError(Exception):
    """What comes is not framed right, or is over a limit; nothing after it can be trusted.

    ``passed`` is what was made of what came before it, where somebody had begun to.
    """

    passed: bytes = b""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One event.

    ``raw`` is its bytes, with what ends it.  ``data`` is what it carries, None if it carries nothing.  ``event`` names
    its kind where the framing itself does.  ``whole`` False: the stream ended inside it.
    """

    raw: bytes
    data: bytes | None
    whole: bool = True
    event: str = ""


class Framer(Protocol):
    """Bytes in, frames out, however the bytes are cut."""

    def feed(self, chunk: bytes) -> list[Frame]:
        """The events that *chunk* completes.

        Raises:
            FramingError: it goes no further.  Events before it have been returned.
        """
        ...

    def finish(self) -> list[Frame]:
        """What the end of the stream completes or leaves unfinished.  Raises as :meth:`feed`."""
        ...
