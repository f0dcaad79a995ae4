"""Why an answer ended, as this API says it."""

from typing import Final

from sluice_dataplane.dialects.conversation import Finish

_REASONS: Final[dict[Finish, str]] = {
    "length": "max_output_tokens",
    "context": "max_output_tokens",
    "filter": "content_filter",
}
_READ: Final[dict[str, Finish]] = {"max_output_tokens": "length", "content_filter": "filter"}


def reason_of(finish: Finish) -> str | None:
    """Why the answer is incomplete; None where it is complete."""
    return _REASONS.get(finish)


def read_finish(status: str, reason: str | None, *, called: bool, refused: bool) -> Finish:
    """What the status of a whole response means; *called* and *refused* say what is in it."""
    if status == "incomplete":
        return _READ.get(reason or "", "length")
    if called:
        return "tools"
    return "refusal" if refused else "stop"
