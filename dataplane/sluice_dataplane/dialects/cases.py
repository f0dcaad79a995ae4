"""Servers that take ``Model`` for ``model``: Go's own JSON reader does, and the last one counts.  Pure."""

from typing import Final

from sluice_dataplane.dialects.values import UNREADABLE, members
from sluice_dataplane.errors import InvalidRequestError

# Who is asked, what it may cost, and what it is billed by: what the gateway reads must be what such a server reads.
_OWNED: Final = frozenset(
    (
        *("model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "max_output_tokens"),
        *("n", "best_of", "prompt", "input", "messages", "system", "instructions", "tools", "service_tier"),
    )
)


def check_case(body: bytes) -> None:
    """Do nothing where *body* names what the gateway owns in one way only.

    Raises:
        InvalidRequestError: it has such a name in another case; names it.
    """
    try:
        names = members.decode(body)
    except UNREADABLE:
        return  # whoever reads it says what is wrong
    for name in names:
        folded = name.casefold()
        if folded != name and folded in _OWNED:
            message = f"{name}: the server of this model would take it for {folded!r}: send that."
            raise InvalidRequestError(message, param=name)
