"""A streamed answer in no provider's words: what happens, in order.

Parts are numbered from 0 within their choice, in the order they begin; several may be open at once.  Every part that
began is ended before its choice ends; deltas name an open part.
"""

from typing import Final

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.conversation import Citation, Finish, Refusal, Text, Thinking, TokenChance, ToolCall


class _Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of the events: immutable, named fields only."""


class Began(_Value, frozen=True):
    """The answer begins; comes once, first."""

    id: str = ""
    model: str = ""
    usage: TokenUsage | None = None  # of the input, where it is told before the output
    service_tier: str = ""


class PartBegan(_Value, frozen=True):
    """A part begins: Text, Thinking, Refusal or ToolCall, with what is known of it; its words come as deltas."""

    index: int
    part: Text | Thinking | Refusal | ToolCall
    choice: int = 0


class Delta(_Value, frozen=True):
    """More of a part: words of a text, thought or refusal, or text of a call's arguments."""

    index: int
    text: str
    choice: int = 0
    logprobs: tuple[TokenChance, ...] | None = None


class Signed(_Value, frozen=True):
    """The signature of an open thought."""

    index: int
    signature: str
    choice: int = 0


class Cited(_Value, frozen=True):
    """A citation of an open text."""

    index: int
    citation: Citation
    choice: int = 0


class PartEnded(_Value, frozen=True):
    """A part is whole."""

    index: int
    choice: int = 0


class ChoiceEnded(_Value, frozen=True):
    """A choice is whole, and why it ended."""

    finish: Finish
    stop_sequence: str | None = None
    choice: int = 0


class Ended(_Value, frozen=True):
    """The answer is whole; comes once, last, and only where the provider said so."""

    usage: TokenUsage | None = None
    service_tier: str = ""


class Failed(_Value, frozen=True):
    """The provider says in mid-stream that it failed; nothing comes after it."""

    message: str
    type: str = "api_error"
    code: str = ""


# What readers say of an event whose words cannot be read: to leave it out would be to change what was said.
UNREADABLE: Final = Failed(message="The provider's stream cannot be read.")

Event = Began | PartBegan | Delta | Signed | Cited | PartEnded | ChoiceEnded | Ended | Failed
