"""Converse's conversations, as Bedrock has them.  There is no front: no client speaks it."""

from typing import Final

from sluice_dataplane.dialects.conversation import Answer, Request
from sluice_dataplane.dialects.converse import answers, faults, request_out
from sluice_dataplane.dialects.converse.reader import ConverseReader
from sluice_dataplane.dialects.seam import BackCodec, Reader, To


class _ConverseCodec:
    """See the seam."""

    def write_request(self, request: Request, to: To) -> bytes:
        """The body; the model's name goes into the path."""
        return request_out.write_request(request, to)

    def read_answer(self, body: bytes) -> Answer:
        """A whole answer."""
        return answers.read_answer(body)

    def reader(self) -> Reader:
        """For one stream."""
        return ConverseReader()

    def read_error(self, body: bytes) -> str:
        """Its message."""
        return faults.read_error(body)


CONVERSE_CODEC: Final[BackCodec] = _ConverseCodec()
