"""Anthropic's Messages API, read and written; see the seam.  What is where: request, answers, reader, writer."""

from typing import Final

from sluice_dataplane.dialects.conversation import Answer, Request
from sluice_dataplane.dialects.messages import answers_in, answers_out, errors, request_in, request_out
from sluice_dataplane.dialects.messages import reader as stream_reader
from sluice_dataplane.dialects.messages import writer as stream_writer
from sluice_dataplane.dialects.seam import Codec, Reader, Shown, To, Writer
from sluice_dataplane.exchange import Ask


class MessagesCodec:
    """See the seam."""

    def read_request(self, body: bytes, ask: Ask) -> Request:
        """A client's request."""
        return request_in.read_request(body, ask)

    def write_request(self, request: Request, to: To) -> bytes:
        """A request for a provider."""
        return request_out.write_request(request, to)

    def read_answer(self, body: bytes) -> Answer:
        """A provider's answer."""
        return answers_in.read_answer(body)

    def write_answer(self, answer: Answer, request: Request, shown: Shown) -> bytes:
        """An answer for a client."""
        return answers_out.write_answer(answer, request, shown)

    def reader(self) -> Reader:
        """For a provider's stream."""
        return stream_reader.Reader()

    def writer(self, request: Request, shown: Shown) -> Writer:
        """For a client's stream."""
        return stream_writer.Writer(request, shown)

    def read_error(self, body: bytes) -> str:
        """What a provider's error says."""
        return errors.read_error(body)


MESSAGES_CODEC: Final[Codec] = MessagesCodec()
