"""OpenAI's chat completions, read and written: the modules beside this one under the names of the seam."""

from typing import Final

from sluice_dataplane.dialects.chat import answers_in, answers_out, request_in, request_out
from sluice_dataplane.dialects.chat.reader import ChatReader
from sluice_dataplane.dialects.chat.writer import ChatWriter
from sluice_dataplane.dialects.conversation import Answer, Request
from sluice_dataplane.dialects.seam import Codec, Reader, Shown, To, Writer
from sluice_dataplane.exchange import Ask


class ChatCodec:
    """See :class:`~sluice_dataplane.dialects.seam.Codec`."""

    def read_request(self, body: bytes, ask: Ask) -> Request:
        """See the seam."""
        return request_in.read_request(body, ask)

    def write_request(self, request: Request, to: To) -> bytes:
        """See the seam."""
        return request_out.write_request(request, to)

    def read_answer(self, body: bytes) -> Answer:
        """See the seam."""
        return answers_in.read_answer(body)

    def write_answer(self, answer: Answer, request: Request, shown: Shown) -> bytes:
        """See the seam."""
        return answers_out.write_answer(answer, request, shown)

    def reader(self) -> Reader:
        """See the seam."""
        return ChatReader()

    def writer(self, request: Request, shown: Shown) -> Writer:
        """See the seam."""
        return ChatWriter(request, shown)

    def read_error(self, body: bytes) -> str:
        """See the seam."""
        return answers_in.read_error(body)


CHAT_CODEC: Final[Codec] = ChatCodec()
