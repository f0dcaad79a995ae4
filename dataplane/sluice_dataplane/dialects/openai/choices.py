"""OpenAI's wire: which choices of a streamed answer are over.

Source: the API reference (``choices[].index``, ``choices[].finish_reason`` of a chunk).
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.values import ABSENT, UNREADABLE, said


class _Choice(msgspec.Struct, gc=False):
    index: int | None = None
    finish_reason: msgspec.Raw = ABSENT


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None


_chunk: Final = msgspec.json.Decoder(_Chunk)


class Choices:
    """Those that are going on, as far as they were told of."""

    __slots__ = ("_going_on",)

    def __init__(self) -> None:
        self._going_on: set[int] = set()

    def over_with(self, data: bytes) -> bool:
        """Whether all are over with the event *data*; one that makes no sense tells of none."""
        try:
            found = _chunk.decode(data).choices or ()
        except UNREADABLE:
            found = ()
        for choice in found:
            if said(choice.finish_reason):
                self._going_on.discard(choice.index or 0)
            else:
                self._going_on.add(choice.index or 0)
        return not self._going_on
