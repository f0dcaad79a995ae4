"""Watches one answer and says what it used: the provider's figures where there are any, else an estimate.

An estimate errs on the high side and is flagged.  An explicit zero from the provider stays zero.
"""

from typing import Final

from sluice_contract.usage import TokenUsage
from sluice_dataplane.exchange import Endpoint

BYTES_PER_TOKEN: Final = 3  # of text; OpenAI's own rule of thumb is 4: fewer bytes count more tokens
EVENT_ENVELOPE_BYTES: Final = 120  # what the shortest real chunk holds besides its text


class Meter:
    """Counts one answer.  ``reported`` is what the provider says; its last word counts.

    *most_output_tokens* is what the upstream was told to stop at: an estimate never goes above what was held for it.
    """

    __slots__ = ("_delivered_bytes", "_delivered_events", "_endpoint", "_most_output", "_request_bytes", "reported")

    def __init__(self, endpoint: Endpoint, *, request_bytes: int, most_output_tokens: int | None = None) -> None:
        self._endpoint = endpoint
        self._request_bytes = request_bytes
        self._most_output = most_output_tokens
        self._delivered_bytes = 0
        self._delivered_events = 0
        self.reported: TokenUsage | None = None

    def saw_event(self, data: bytes) -> None:
        """One streamed event went to the client."""
        self._delivered_events += 1
        self._delivered_bytes += len(data)

    def saw_body(self, body: bytes) -> None:
        """A plain answer came, whole or as far as it did."""
        self._delivered_bytes += len(body)

    @property
    def began(self) -> bool:
        """Whether any of an answer came: from then on the provider charges for it."""
        return self._delivered_bytes > 0

    def usage(self) -> TokenUsage:
        """What the answer used, so far."""
        if self.reported is not None:
            return self.reported
        text_bytes = self._delivered_bytes - EVENT_ENVELOPE_BYTES * self._delivered_events
        output = 0 if self._endpoint == "embeddings" else max(self._delivered_events, text_bytes // BYTES_PER_TOKEN)
        if self._most_output is not None:
            output = min(output, self._most_output)
        return TokenUsage(input=-(-self._request_bytes // BYTES_PER_TOKEN), output=output, estimated=True)
