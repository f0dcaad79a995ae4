"""The Responses API's conversations, read and written; see the seam."""

from typing import Final

from sluice_dataplane.dialects.conversation import Answer, Request
from sluice_dataplane.dialects.responses import answer_in, answer_out, request_in, request_out
from sluice_dataplane.dialects.responses.reader import StreamReader
from sluice_dataplane.dialects.responses.writer import StreamWriter
from sluice_dataplane.dialects.seam import Codec, Reader, Shown, To, Writer
from sluice_dataplane.exchange import Ask


class _ResponsesCodec(Codec):
    """Binds the modules beside it."""

    def read_request(self, body: bytes, ask: Ask) -> Request:
        return request_in.read_request(body, ask)

    def write_request(self, request: Request, to: To) -> bytes:
        return request_out.write_request(request, to)

    def read_answer(self, body: bytes) -> Answer:
        return answer_in.read_answer(body)

    def write_answer(self, answer: Answer, request: Request, shown: Shown) -> bytes:
        return answer_out.write_answer(answer, request, shown)

    def reader(self) -> Reader:
        return StreamReader()

    def writer(self, request: Request, shown: Shown) -> Writer:
        return StreamWriter(request, shown)

    def read_error(self, body: bytes) -> str:
        return answer_in.read_error(body)


RESPONSES_CODEC: Final[Codec] = _ResponsesCodec()
