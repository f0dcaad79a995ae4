"""Gemini's wire: why an answer ended.  Source: Google's reference of ``FinishReason`` and ``BlockedReason``."""

from typing import Final

from sluice_dataplane.dialects.conversation import Finish

_READ: Final[dict[str, Finish]] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "LANGUAGE",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "MODEL_ARMOR",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
        ),
        "filter",
    ),
}
_WRITTEN: Final[dict[Finish, str]] = {
    "length": "MAX_TOKENS",
    "context": "MAX_TOKENS",
    "refusal": "SAFETY",
    "filter": "SAFETY",
}


def finish_of(reason: str, *, called: bool) -> Finish:
    """What *reason* is in no provider's words; *called*: the answer holds calls of functions.

    A call that the model got wrong, and whatever else Google may say, is only an end.
    """
    finish = _READ.get(reason, "stop")
    return "tools" if called and finish == "stop" else finish


def reason_of(finish: Finish) -> str:
    """What *finish* is in Google's words."""
    return _WRITTEN.get(finish, "STOP")
