"""Counting a request's tokens, asked in one API's words of a provider that speaks another's.

A count is a conversation that nobody answers: it is read and written by the codecs of its API, with what the call takes
besides, and less what it does not take.  Pure.
Sources: the API references of ``/v1/messages/count_tokens``, ``models.countTokens`` and ``/responses/input_tokens``.
"""

import contextlib
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.conversation import Answer, Request
from sluice_dataplane.dialects.gemini.codec import GEMINI_CODEC
from sluice_dataplane.dialects.messages.codec import MESSAGES_CODEC
from sluice_dataplane.dialects.responses.codec import RESPONSES_CODEC
from sluice_dataplane.dialects.seam import Codec, Reader, Shown, To, Writer
from sluice_dataplane.dialects.values import UNREADABLE, encoder, members, raw
from sluice_dataplane.exchange import Ask, Endpoint

Members = dict[str, msgspec.Raw]
_MESSAGES_WITHOUT: Final = ("max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "metadata")
_RESPONSES_WITH: Final = (
    "model",
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "text",
    "reasoning",
    "parallel_tool_calls",
)


class _Figure(msgspec.Struct):
    input_tokens: int | None = None
    total_tokens: int | None = msgspec.field(default=None, name="totalTokens")


_figure: Final = msgspec.json.Decoder(_Figure)


class Counting:
    """A codec of counts: *conversation* is its API's, *unwrap* and *wrap* turn a count's body into one of that API's
    and back, *answer* is the answer for so many tokens.
    """

    def __init__(
        self,
        conversation: Codec,
        *,
        unwrap: Callable[[Members], Members],
        wrap: Callable[[Members, str], Members],
        answer: Callable[[int], dict[str, object]],
    ) -> None:
        self._conversation = conversation
        self._unwrap = unwrap
        self._wrap = wrap
        self._answer = answer

    def read_request(self, body: bytes, ask: Ask) -> Request:
        """What is to be counted; see the seam."""
        with contextlib.suppress(*UNREADABLE):  # the codec names what is wrong with it
            body = encoder.encode(self._unwrap(members.decode(body)))
        return self._conversation.read_request(body, ask)

    def write_request(self, request: Request, to: To) -> bytes:
        """*request* as a count; see the seam."""
        return encoder.encode(self._wrap(members.decode(self._conversation.write_request(request, to)), to.model))

    def read_answer(self, body: bytes) -> Answer:
        """The count, as the input that an answer would report.

        Raises:
            ValueError: it is none.
        """
        found = _figure.decode(body)
        count = found.input_tokens if found.total_tokens is None else found.total_tokens
        if count is None or count < 0:
            raise ValueError("no count of tokens")
        return Answer(id="", model="", choices=(), usage=TokenUsage(input=count))

    def write_answer(self, answer: Answer, request: Request, shown: Shown) -> bytes:  # noqa: ARG002  the seam's
        """The count."""
        return encoder.encode(self._answer(0 if answer.usage is None else answer.usage.input))

    def reader(self) -> Reader:
        """Raises ValueError: a count has no stream."""
        raise ValueError("a count has no stream")

    def writer(self, request: Request, shown: Shown) -> Writer:  # noqa: ARG002  the seam's
        """Raises ValueError: a count has no stream."""
        raise ValueError("a count has no stream")

    def read_error(self, body: bytes) -> str:
        """What an error of this API says."""
        return self._conversation.read_error(body)


def _same(body: Members) -> Members:
    return body


def _generate_request(body: Members) -> Members:
    """Gemini's count holds either the contents or a whole request."""
    for name in ("generateContentRequest", "generate_content_request"):
        if name in body:
            request = members.decode(body[name])
            request.pop("model", None)
            return request
    return body


COUNTERS: Final[Mapping[Endpoint, Codec]] = {
    "count_tokens": Counting(
        MESSAGES_CODEC,
        unwrap=_same,
        # Where a cloud has the model of a message in the path, it has that of a count in the body.
        wrap=lambda body, model: {
            "model": raw(model),
            **{name: value for name, value in body.items() if name not in _MESSAGES_WITHOUT},
        },
        answer=lambda count: {"input_tokens": count},
    ),
    "gemini_count": Counting(
        GEMINI_CODEC,
        unwrap=_generate_request,
        wrap=lambda body, model: {"generateContentRequest": raw({"model": raw(f"models/{model}"), **body})},
        answer=lambda count: {"totalTokens": count},
    ),
    "responses_tokens": Counting(
        RESPONSES_CODEC,
        unwrap=_same,
        wrap=lambda body, _: {name: value for name, value in body.items() if name in _RESPONSES_WITH},
        answer=lambda count: {"object": "response.input_tokens", "input_tokens": count},
    ),
}
# The conversation that each is of: a model that does not know it cannot be asked to count it.
COUNTED: Final[Mapping[Endpoint, Endpoint]] = {
    "count_tokens": "messages",
    "gemini_count": "gemini",
    "responses_tokens": "responses",
}
