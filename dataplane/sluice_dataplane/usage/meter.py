"""Watches one answer and says what it used: the provider's figures where there are any, else an estimate.

An estimate errs on the high side and is flagged.  An explicit zero from the provider stays zero.
"""

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.exchange import Reported
from sluice_dataplane.usage.bounds import BYTES_PER_TOKEN


class Meter:
    """Counts one answer.  ``reported`` is what the provider says of it at its end; its last word counts.

    ``begun`` is what it says before the end: of an answer that is cut off, its input counts, and its output is at least
    that much.

    *input_tokens* is what the input probably comes to, *most_output_tokens* what the upstream was told to stop at: an
    estimate never goes above what was held for it.
    """

    # fmt: off
    __slots__ = (
        "_delivered_bytes", "_delivered_events", "_generates", "_input_tokens", "_most_output", "begun", "reported",
    )
    # fmt: on

    def __init__(self, *, generates: bool = True, input_tokens: int, most_output_tokens: int | None = None) -> None:
        self._generates = generates
        self._input_tokens = input_tokens
        self._most_output = most_output_tokens
        self._delivered_bytes = 0
        self._delivered_events = 0
        self.reported: Reported | None = None
        self.begun: TokenUsage | None = None

    def saw_event(self, text_bytes: int) -> None:
        """One streamed event went to the client; so many of its bytes were generated, the rest is its envelope."""
        self._delivered_events += 1
        self._delivered_bytes += text_bytes

    def saw_body(self, body: bytes) -> None:
        """A plain answer came."""
        self._delivered_bytes += len(body)

    @property
    def silent(self) -> bool:
        """Whether nothing came: nothing that was generated, and no word of use."""
        return self.reported is None and self.begun is None and not self._delivered_events

    @property
    def output_tokens(self) -> int:
        """What came so far, by its bytes and events; on the high side."""
        if not self._generates:
            return 0
        events = self._delivered_events
        text_tokens = -(-self._delivered_bytes // BYTES_PER_TOKEN)
        output = max(events, text_tokens)
        most = self._most_output
        return output if most is None or output < most else most

    def usage(self) -> TokenUsage:
        """What the answer used, so far."""
        if self.reported is not None:
            return self.reported.usage
        begun = self.begun
        if begun is not None:
            return msgspec.structs.replace(begun, output=max(begun.output, self.output_tokens), estimated=True)
        return TokenUsage(input=self._input_tokens, output=self.output_tokens, estimated=True)
