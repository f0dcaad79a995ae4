"""Gemini's wire: its conversations, read and written.  See the seam; the work is done beside this module."""

from typing import Final

from sluice_dataplane.dialects.conversation import Answer, Request
from sluice_dataplane.dialects.gemini import answer_in, answer_out, faults, request_in, request_out
from sluice_dataplane.dialects.gemini.fields import FieldError
from sluice_dataplane.dialects.gemini.reader import GeminiReader
from sluice_dataplane.dialects.gemini.wire import as_invalid
from sluice_dataplane.dialects.gemini.writer import GeminiWriter
from sluice_dataplane.dialects.seam import Codec, Reader, Shown, To, Writer
from sluice_dataplane.exchange import Ask


class _GeminiCodec:
    """generateContent and streamGenerateContent."""

    def read_request(self, body: bytes, ask: Ask) -> Request:
        """All that *body* says.

        Raises:
            InvalidRequestError: it cannot be understood, or only by Gemini; names the field.
        """
        try:
            return request_in.read_request(body, ask)
        except FieldError as error:
            raise as_invalid(error) from None

    def write_request(self, request: Request, to: To) -> bytes:
        """*request* for the provider; model and stream are its path's.

        Raises:
            InvalidRequestError: what cannot be carried may not be dropped; names the client's field.
        """
        return request_out.write_request(request, to)

    def read_answer(self, body: bytes) -> Answer:
        """What *body* answers.  Raises ValueError where it is no answer."""
        return answer_in.read_answer(body)

    def write_answer(self, answer: Answer, request: Request, shown: Shown) -> bytes:
        """*answer* for the client."""
        return answer_out.write_answer(answer, request, shown)

    def reader(self) -> Reader:
        """For one streamed answer of the provider."""
        return GeminiReader()

    def writer(self, request: Request, shown: Shown) -> Writer:  # noqa: ARG002  the seam's words
        """For one streamed answer to a client: always events."""
        return GeminiWriter(shown)

    def read_error(self, body: bytes) -> str:
        """What an error of Google's says to people; "" where *body* is none."""
        return faults.message_of(faults.fault_of(body) or {})


GEMINI_CODEC: Final[Codec] = _GeminiCodec()
